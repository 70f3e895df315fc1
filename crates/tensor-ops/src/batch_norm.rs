//! Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167) over rows, whatever way a network takes to their means.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::{Device, TensorData};

/// Added to the variance, as in PyTorch.
const EPSILON: f32 = 1e-5;

/// Mean and variance of each column over the rows of a batch, `[C]` each.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Means.
    pub mean: Tensor<1>,
    /// Variances, without Bessel's correction.
    pub variance: Tensor<1>,
}

/// The mean of those of several batches, layer by layer. None for no batch.
pub fn mean_moments(batches: impl IntoIterator<Item = Vec<Moments>>) -> Option<Vec<Moments>> {
    let mut n_batches = 0.0;
    let counted = batches.into_iter().inspect(|_| n_batches += 1.0);
    let add = |(a, b): (Moments, Moments)| Moments { mean: a.mean + b.mean, variance: a.variance + b.variance };
    let sum = counted.reduce(|sum, other| sum.into_iter().zip(other).map(add).collect())?;
    let share = |Moments { mean, variance }| Moments {
        mean: mean.div_scalar(n_batches),
        variance: variance.div_scalar(n_batches),
    };
    Some(sum.into_iter().map(share).collect())
}

/// `(x − mean)/√(variance + 1e-5)·γ + β` for each column, with the moments of the batch when training, else with stored
/// ones.
#[derive(Module, Debug)]
pub struct BatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    mean: Param<Tensor<1>>,
    variance: Param<Tensor<1>>,
}

impl BatchNorm {
    /// Scale 1, shift 0, stored mean 0, stored variance 1, `[width]` each.
    pub fn new(width: usize, device: &Device) -> Self {
        let constant = |value: f32| Param::from_data(TensorData::new(vec![value; width], [width]), device);
        Self { gamma: constant(1.0), beta: constant(0.0), mean: constant(0.0), variance: constant(1.0) }
    }

    /// With the stored moments; x `[M, C]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let scale = self.gamma.val() / self.variance.val().add_scalar(EPSILON).sqrt();
        let shift = self.beta.val() - self.mean.val() * scale.clone();
        x * scale.unsqueeze::<2>() + shift.unsqueeze::<2>()
    }

    /// With the moments of the batch, which are returned too; x `[…, C]`. `mean_of` takes x to means along all but the
    /// last dimension, the batch's own first, `[…, C]`; `spread` is its way back, a mean for each row.
    pub fn forward_training<const D: usize>(
        &self,
        x: Tensor<D>,
        mean_of: impl Fn(Tensor<D>) -> Tensor<D>,
        spread: impl Fn(Tensor<D>) -> Tensor<D>,
    ) -> (Tensor<D>, Moments) {
        let mean = mean_of(x.clone());
        let centred = x - spread(mean.clone());
        let variance = mean_of(centred.clone().square());
        let scale = self.gamma.val().unsqueeze::<D>() / variance.clone().add_scalar(EPSILON).sqrt();
        let shift = self.beta.val().unsqueeze::<D>().expand(mean.dims());
        let width = mean.dims()[D - 1];
        let held = |moment: Tensor<D>| moment.without_autodiff().reshape([-1]).narrow(0, 0, width);
        (centred * spread(scale) + spread(shift), Moments { mean: held(mean), variance: held(variance) })
    }

    /// The same layer with other stored moments.
    #[must_use]
    pub fn with_moments(self, moments: Moments) -> Self {
        Self { mean: self.mean.map(|_| moments.mean), variance: self.variance.map(|_| moments.variance), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_batches_are_their_mean() {
        for device in crate::device::available_devices() {
            let tensor = |x: f32| Tensor::<1>::from_data([x, 2.0 * x], &device);
            let moments = |x: f32| vec![Moments { mean: tensor(x), variance: tensor(x * x) }];
            let mean = mean_moments([moments(1.0), moments(2.0), moments(6.0)]).expect("three batches").remove(0);
            let values = |x: Tensor<1>| x.into_data().iter::<f32>().collect::<Vec<_>>();
            assert_eq!(values(mean.mean), [3.0, 6.0]);
            assert!(values(mean.variance).iter().zip([41.0 / 3.0, 82.0 / 3.0]).all(|(a, b)| (a - b).abs() < 1e-5));
            assert!(mean_moments([]).is_none());
        }
    }

    #[test]
    fn a_column_is_scaled_on_its_own() {
        for device in crate::device::available_devices() {
            let x = Tensor::<2>::from_data([[1.0, 10.0], [3.0, 30.0], [5.0, 20.0]], &device);
            let norm = BatchNorm::new(2, &device);
            let (normalised, moments) =
                norm.forward_training(x.clone(), |x| x.mean_dim(0), |moment| moment.expand([3, 2]));
            let values = |x: Tensor<2>| x.into_data().iter::<f32>().collect::<Vec<_>>();
            let found = values(normalised);
            for (row, expected) in [[-1.0, -1.0], [0.0, 1.0], [1.0, 0.0]].into_iter().enumerate() {
                for column in 0..2 {
                    let deviation = [(8.0_f32 / 3.0).sqrt(), (200.0_f32 / 3.0).sqrt()][column];
                    let expected = expected[column] * [2.0, 10.0][column] / deviation;
                    assert!((found[2 * row + column] - expected).abs() < 1e-5, "{row} {column}");
                }
            }
            let stored = values(norm.with_moments(moments).forward(x));
            assert!(stored.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }
}
