//! Batch normalisation over the real rows of a padded batch.

use burn::Tensor;
use tensor_ops::{BatchNorm, Moments};

use crate::batch::RowSums;

/// With the moments of the batch's real rows, which are returned too; x `[M, C]`.
pub(crate) fn normalised(norm: &BatchNorm, x: Tensor<2>, rows: &RowSums<'_>) -> (Tensor<2>, Moments) {
    // Means are `[2, C]`: the second row is the padding's.
    norm.forward_training(x, |x| rows.mean(x), |moment| rows.spread(moment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CrystalGraph, GraphBatch};
    use burn::tensor::{Device, TensorData};
    use crystal_core::{Lattice, Site, Structure};
    use crystal_states::Padding;
    use nalgebra::Vector3;

    /// Three structures with one, two and three atoms, and their batch.
    fn batch(device: &Device) -> GraphBatch {
        let graphs = [1, 2, 3].map(|n| CrystalGraph::of(&chain(n)).expect("a graph"));
        GraphBatch::padded(&graphs.iter().collect::<Vec<_>>(), Padding::Rounded, device)
    }

    fn chain(n: usize) -> Structure {
        let lattice =
            Lattice::from_rows([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 2.5 * n as f64]]).expect("a cell");
        let site = |k| Site {
            species: "Fe".parse().expect("an element"),
            frac_coords: Vector3::new(0.0, 0.0, k as f64 / n as f64),
        };
        Structure::new(lattice, (0..n).map(site).collect()).expect("a structure")
    }

    #[test]
    fn training_moments_are_those_of_the_real_rows_and_then_serve_as_stored_ones() {
        for device in tensor_ops::device::available_devices() {
            let batch = batch(&device);
            let (n_real, width, n_rows) = (6, 3, batch.n_atoms());
            assert!(n_rows > n_real, "this batch is padded");
            // What stands in the padding must not matter.
            let values: Vec<f32> = (0..n_rows * width)
                .map(|k| if k < n_real * width { (k as f32 * 1.7).sin() + 0.1 * k as f32 } else { 50.0 })
                .collect();
            let x = Tensor::<2>::from_data(TensorData::new(values.clone(), [n_rows, width]), &device);
            let norm = BatchNorm::new(width, &device);
            let (normalised, moments) = normalised(&norm, x.clone(), &batch.atom_rows());
            let found: Vec<f32> = normalised.into_data().iter::<f32>().collect();
            for c in 0..width {
                let column: Vec<f64> = (0..n_real).map(|row| f64::from(values[row * width + c])).collect();
                let mean = column.iter().sum::<f64>() / n_real as f64;
                let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n_real as f64;
                for (row, x) in column.iter().enumerate() {
                    let expected = (x - mean) / (variance + 1e-5).sqrt();
                    assert!((f64::from(found[row * width + c]) - expected).abs() < 1e-5);
                }
            }
            let stored: Vec<f32> = norm.with_moments(moments).forward(x).into_data().iter::<f32>().collect();
            assert!(stored[..n_real * width].iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }
}
