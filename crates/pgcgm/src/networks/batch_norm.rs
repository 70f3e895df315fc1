//! Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167) over rows that are all real.
//!
//! Rows are taken as a rectangle of about √M by √M, and everything is summed and spread along one side after the other,
//! backward too: a plain reduction over all rows keeps a GPU waiting for the few units that walk them.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::{Device, TensorData};

/// Added to the variance, as in PyTorch.
const EPSILON: f32 = 1e-5;

/// Mean and variance of each column over the rows of a batch, `[C]` each.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    pub(crate) mean: Tensor<1>,
    pub(crate) variance: Tensor<1>,
}

/// `(x − mean)/√(variance + 1e-5)·γ + β`.
#[derive(Module, Debug)]
pub(crate) struct BatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    mean: Param<Tensor<1>>,
    variance: Param<Tensor<1>>,
}

impl BatchNorm {
    /// Scale 1, shift 0, stored mean 0, stored variance 1.
    pub(crate) fn new(width: usize, device: &Device) -> Self {
        let constant = |value: f32| Param::from_data(TensorData::new(vec![value; width], [width]), device);
        Self { gamma: constant(1.0), beta: constant(0.0), mean: constant(0.0), variance: constant(1.0) }
    }

    /// With the stored moments; x `[M, C]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let scale = self.gamma.val() / self.variance.val().add_scalar(EPSILON).sqrt();
        let shift = self.beta.val() - self.mean.val() * scale.clone();
        x * scale.unsqueeze::<2>() + shift.unsqueeze::<2>()
    }

    /// With the moments of the batch, which are returned too; x `[M, C]`.
    pub(crate) fn forward_training(&self, x: Tensor<2>) -> (Tensor<2>, Moments) {
        let [n_rows, width] = x.dims();
        let side = near_root(n_rows);
        let x = x.reshape([side, n_rows / side, width]);
        let mean_of = |x: Tensor<3>| x.mean_dim(1).mean_dim(0);
        let spread = |x: Tensor<3>| x.expand([side, 1, width]);
        let mean = mean_of(x.clone());
        let centred = x - spread(mean.clone());
        let variance = mean_of(centred.clone().square());
        let gamma = self.gamma.val().reshape([1, 1, width]);
        let scale = gamma / variance.clone().add_scalar(EPSILON).sqrt();
        let output = centred * spread(scale) + spread(self.beta.val().reshape([1, 1, width]));
        let held = |moment: Tensor<3>| moment.without_autodiff().reshape([width]);
        (output.reshape([n_rows, width]), Moments { mean: held(mean), variance: held(variance) })
    }

    /// The same layer with other stored moments.
    pub(crate) fn with_moments(self, moments: Moments) -> Self {
        Self { mean: self.mean.map(|_| moments.mean), variance: self.variance.map(|_| moments.variance), ..self }
    }
}

/// The largest divisor up to the root.
pub(crate) fn near_root(n: usize) -> usize {
    (1..=n.isqrt()).rev().find(|side| n.is_multiple_of(*side)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                let (normalised, moments) = norm.forward_training(x.clone());
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
