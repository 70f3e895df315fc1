//! Batch normalisation over rows that are all real.
//!
//! Rows are taken as a rectangle of about √M by √M, and everything is summed and spread along one side after the other,
//! backward too: a plain reduction over all rows keeps a GPU waiting for the few units that walk them.

use burn::Tensor;
use tensor_ops::{BatchNorm, Moments};

/// With the moments of the batch, which are returned too; x `[M, C]`.
pub(crate) fn normalised(norm: &BatchNorm, x: Tensor<2>) -> (Tensor<2>, Moments) {
    let [n_rows, width] = x.dims();
    let side = near_root(n_rows);
    let x = x.reshape([side, n_rows / side, width]);
    let mean_of = |x: Tensor<3>| x.mean_dim(1).mean_dim(0);
    let (output, moments) = norm.forward_training(x, mean_of, |moment| moment.expand([side, 1, width]));
    (output.reshape([n_rows, width]), moments)
}

/// The largest divisor up to the root.
pub(crate) fn near_root(n: usize) -> usize {
    (1..=n.isqrt()).rev().find(|side| n.is_multiple_of(*side)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    #[test]
    fn sides_divide() {
        assert_eq!([1, 2, 7, 256, 2304, 512].map(near_root), [1, 1, 1, 16, 48, 16]);
    }

    #[test]
    fn training_moments_then_serve_as_stored_ones() {
        for device in tensor_ops::device::available_devices() {
            for n_rows in [7, 12, 36] {
                let width = 3;
                let values: Vec<f32> = (0..n_rows * width).map(|k| (k as f32 * 1.7).sin() + 0.1 * k as f32).collect();
                let x = Tensor::<2>::from_data(TensorData::new(values, [n_rows, width]), &device);
                let norm = BatchNorm::new(width, &device);
                let (normalised, moments) = normalised(&norm, x.clone());
                let stored: Vec<f32> = norm.with_moments(moments).forward(x).into_data().iter::<f32>().collect();
                let found: Vec<f32> = normalised.into_data().iter::<f32>().collect();
                assert!(stored.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-5));
                for column in 0..width {
                    let column: Vec<f32> = found.iter().skip(column).step_by(width).copied().collect();
                    let mean = column.iter().sum::<f32>() / n_rows as f32;
                    let square = column.iter().map(|x| x * x).sum::<f32>() / n_rows as f32;
                    assert!(mean.abs() < 1e-5 && (square - 1.0).abs() < 1e-3, "{mean} {square}");
                }
            }
        }
    }
}
