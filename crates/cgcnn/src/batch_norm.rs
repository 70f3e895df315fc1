//! Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167) over rows.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::{Device, TensorData};
use score_model::ops::{RowIndex, gather_rows, segment_sum};

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

    /// With the moments of the batch, which are returned too; x `[M, C]`. `steps` lead from the M rows to one.
    ///
    /// Sums over rows and copies to rows go through `steps` both forward and backward: a plain reduction over that axis keeps a GPU waiting for a few
    /// hundred units, and its order is not fixed.
    pub(crate) fn forward_training(&self, x: Tensor<2>, steps: &[&RowIndex]) -> (Tensor<2>, Moments) {
        let [n_rows, width] = x.dims();
        let mean_of = |x: Tensor<2>| total(x, steps).div_scalar(n_rows as f64);
        let mean = mean_of(x.clone());
        let centred = x - spread(mean.clone(), steps);
        let variance = mean_of(centred.clone() * centred.clone());
        let scale = self.gamma.val().unsqueeze::<2>() / variance.clone().add_scalar(EPSILON).sqrt();
        let output = centred * spread(scale, steps) + spread(self.beta.val().unsqueeze::<2>(), steps);
        let flat = |moment: Tensor<2>| moment.without_autodiff().reshape([width]);
        (output, Moments { mean: flat(mean), variance: flat(variance) })
    }

    /// The same layer with other stored moments.
    pub(crate) fn with_moments(self, moments: Moments) -> Self {
        Self { mean: self.mean.map(|_| moments.mean), variance: self.variance.map(|_| moments.variance), ..self }
    }
}

/// Sum over all rows, `[M, C]` → `[1, C]`.
fn total(x: Tensor<2>, steps: &[&RowIndex]) -> Tensor<2> {
    steps.iter().fold(x, |x, step| segment_sum(x, step))
}

/// The row in every row, `[1, C]` → `[M, C]`.
fn spread(x: Tensor<2>, steps: &[&RowIndex]) -> Tensor<2> {
    steps.iter().rev().fold(x, |x, step| gather_rows(x, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_moments_are_those_of_the_rows_and_then_serve_as_stored_ones() {
        let device = Device::default();
        let values: Vec<f32> = (0..30).map(|k| (k as f32 * 1.7).sin() + k as f32 * 0.1).collect();
        let x = Tensor::<2>::from_data(TensorData::new(values.clone(), [10, 3]), &device);
        let steps = [RowIndex::new(&[0, 0, 1, 1, 1, 2, 2, 2, 2, 2], 3, &device), RowIndex::new(&[0, 0, 0], 1, &device)];
        let steps: Vec<&RowIndex> = steps.iter().collect();
        let norm = BatchNorm::new(3, &device);
        let (normalised, moments) = norm.forward_training(x.clone(), &steps);
        let found: Vec<f32> = normalised.clone().into_data().iter::<f32>().collect();
        for c in 0..3 {
            let column: Vec<f64> = (0..10).map(|row| f64::from(values[row * 3 + c])).collect();
            let mean = column.iter().sum::<f64>() / 10.0;
            let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 10.0;
            for (row, x) in column.iter().enumerate() {
                let expected = (x - mean) / (variance + 1e-5).sqrt();
                assert!((f64::from(found[row * 3 + c]) - expected).abs() < 1e-5);
            }
        }
        let stored: Vec<f32> = norm.with_moments(moments).forward(x).into_data().iter::<f32>().collect();
        assert!(stored.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
