//! Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167) over rows.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::{Device, TensorData};

use crate::batch::RowSums;

/// Added to the variance, as in PyTorch.
const EPSILON: f32 = 1e-5;

/// Mean and variance of each column over the rows of a batch, `[C]` each.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    pub(crate) mean: Tensor<1>,
    pub(crate) variance: Tensor<1>,
}

/// `(x − mean)/√(variance + 1e-5)·γ + β` with the moments of the batch when training, else with stored ones.
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

    /// With the moments of the batch's real rows, which are returned too; x `[M, C]`.
    pub(crate) fn forward_training(&self, x: Tensor<2>, rows: &RowSums) -> (Tensor<2>, Moments) {
        let [_, width] = x.dims();
        // `[2, C]` from here on: the second row is the padding's.
        let mean = rows.mean(x.clone());
        let centred = x - rows.spread(mean.clone());
        let variance = rows.mean(centred.clone() * centred.clone());
        let scale = self.gamma.val().unsqueeze::<2>() / variance.clone().add_scalar(EPSILON).sqrt();
        let shift = self.beta.val().unsqueeze::<2>().expand([2, width]);
        let output = centred * rows.spread(scale) + rows.spread(shift);
        let real = |moment: Tensor<2>| moment.without_autodiff().narrow(0, 0, 1).reshape([width]);
        (output, Moments { mean: real(mean), variance: real(variance) })
    }

    /// The same layer with other stored moments.
    pub(crate) fn with_moments(self, moments: Moments) -> Self {
        Self { mean: self.mean.map(|_| moments.mean), variance: self.variance.map(|_| moments.variance), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CrystalGraph, GraphBatch};
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
            let (normalised, moments) = norm.forward_training(x.clone(), &batch.atom_rows());
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
