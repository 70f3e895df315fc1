//! The losses: positions, elements, cell, number of atoms, composition, and the distance of the encodings from the
//! prior.

use burn::Tensor;
use burn::tensor::Device;
use burn::tensor::activation::{log_softmax, softmax};
use random_keys::{Purpose, RandomKey};
use tensor_ops::{gather_rows, squared_error};
use training::{EpochOrder, LossSource, Objective, Share, StepLosses, TrainingError};

use crate::batch::{Batch, CrystalSet, Draws, padded};
use crate::config::N_TYPES;
use crate::{Cdvae, CdvaeError, CdvaeTraining, Crystals, LatticeScaler, LossWeights};

/// Names of the parts of a loss, in their order; the first is the weighted sum of the others.
pub const LOSS_NAMES: [&str; 7] = ["total", "position", "element", "lattice", "number", "composition", "kl"];

/// Elements drawn from `onehot(Z) + σ_A·p` for each site, one-hot, `[N, 100]`. With `uniform`, one number in [0, 1) per
/// site, the own element is kept with probability 1/(1 + σ_A) and else one is drawn from p.
pub(crate) fn noised_types(types: Tensor<2>, p: Tensor<2>, sigma: Tensor<2>, uniform: Tensor<2>) -> Tensor<2> {
    let n = types.dims()[0];
    let drawn = (uniform * (sigma.clone() + 1.0) - 1.0) / sigma;
    let kept = drawn.clone().lower_elem(0.0).float();
    // The first element whose cumulative share is above the number; the last one takes what rounding leaves over.
    let passed = (p.cumsum(1) - drawn).lower_equal_elem(0.0).float().narrow(1, 0, N_TYPES - 1);
    let column = |value: f32| Tensor::<2>::full([n, 1], value, &passed.device());
    let chosen = Tensor::cat(vec![column(1.0), passed.clone()], 1) - Tensor::cat(vec![passed.clone(), column(0.0)], 1);
    types * kept.clone() + chosen * (kept.neg() + 1.0)
}

/// Total and parts of the loss of a batch, in the order of [`LOSS_NAMES`].
pub(crate) fn losses(model: &Cdvae, batch: &Batch, weights: &LossWeights) -> StepLosses {
    let n_whole = batch.n_whole as f64;
    let encoding = model.encode(&batch.clean, batch.shares.clone());
    let (mean, log_variance) = (encoding.mean, encoding.log_variance);
    let z = mean.clone() + log_variance.clone().mul_scalar(0.5).exp() * batch.latent_noise.clone();
    let predicted = model.predict(z.clone());
    let number = (log_softmax(predicted.number, 1) * batch.number.clone()).sum().div_scalar(-n_whole);
    let lattice = (predicted.lattice - batch.lattice.clone()).square().sum().div_scalar(6.0 * n_whole);
    let logits = predicted.composition;
    let composition = (log_softmax(logits.clone(), 1) * batch.composition.clone()).sum().div_scalar(-n_whole);
    let kl = (mean.square() + log_variance.clone().exp() - log_variance - 1.0).sum().div_scalar(2.0 * n_whole);

    // No gradient flows through the draw of the elements.
    let p = softmax(logits.without_autodiff(), 1);
    let p = gather_rows(p, &batch.clean.site_structure).narrow(0, 0, batch.n_sites);
    let elements = noised_types(batch.types.clone(), p, batch.element_sigma.clone(), batch.element_uniform.clone());
    let denoised = model.denoise(padded(elements, batch.noised.n_sites()), z, &batch.noised);
    // Rows beyond the sites are padding.
    let score = denoised.score.narrow(0, 0, batch.n_sites);
    let position_weights = batch.weights.clone().expand([batch.n_sites, 3]);
    let position = squared_error(score, batch.position_target.clone(), position_weights).mul_scalar(0.5);
    let element = log_softmax(denoised.elements.narrow(0, 0, batch.n_sites), 1) * batch.types.clone();
    let element = (element * (batch.weights.clone() / batch.element_sigma.clone())).sum().neg();

    let parts = [position, element, lattice, number, composition, kl];
    let LossWeights { position, element, lattice, number, composition, kl } = *weights;
    let factors = [position, element, lattice, number, composition, kl];
    let weighted = parts.iter().zip(factors).map(|(part, factor)| part.clone().mul_scalar(factor));
    let total = weighted.reduce(|sum, part| sum + part).expect("there are parts");
    let shown = std::iter::once(&total).chain(&parts).map(|part| part.clone().without_autodiff());
    StepLosses { parts: Tensor::cat(shown.collect(), 0), total }
}

/// The losses of all parts on crystals to learn from.
#[derive(Debug)]
pub struct CdvaeObjective<'a> {
    crystals: &'a Crystals,
    scaler: LatticeScaler,
    training: &'a CdvaeTraining,
}

impl<'a> CdvaeObjective<'a> {
    /// On these crystals.
    pub fn new(crystals: &'a Crystals, scaler: LatticeScaler, training: &'a CdvaeTraining) -> Self {
        Self { crystals, scaler, training }
    }
}

/// The crystals on one device.
#[derive(Debug)]
pub struct CrystalSource<'a> {
    set: CrystalSet<'a>,
    order: EpochOrder,
    training: &'a CdvaeTraining,
}

impl CrystalSource<'_> {
    pub(crate) fn batch(&mut self, model: &Cdvae, step: u64, share: Share) -> Result<Batch, CdvaeError> {
        let optimiser = &self.training.optimiser;
        let whole = self.order.batch(optimiser.batch_size, step);
        let chosen: Vec<(usize, usize)> =
            whole.iter().copied().enumerate().filter(|(slot, _)| slot % share.of == share.rank).collect();
        let key = RandomKey::new(optimiser.seed, Purpose::Training);
        let draws = Draws { key, step, chosen: &chosen, n_whole: whole.len() };
        self.set.batch(model.config(), self.training.position_target, draws)
    }
}

impl Objective<Cdvae> for CdvaeObjective<'_> {
    type Source<'a>
        = CrystalSource<'a>
    where
        Self: 'a;

    fn on_device(&self, device: &Device) -> Result<CrystalSource<'_>, TrainingError> {
        if self.crystals.is_empty() {
            return Err(TrainingError::EmptyData);
        }
        let set = CrystalSet::new(self.crystals, &self.scaler, device).map_err(TrainingError::data)?;
        let order = EpochOrder::new(self.training.optimiser.seed, self.crystals.len());
        Ok(CrystalSource { set, order, training: self.training })
    }
}

impl LossSource<Cdvae> for CrystalSource<'_> {
    fn losses(&mut self, model: &Cdvae, step: u64, share: Share) -> Result<StepLosses, TrainingError> {
        let batch = self.batch(model, step, share).map_err(TrainingError::data)?;
        Ok(losses(model, &batch, &self.training.weights))
    }
}

/// Fits the decoder's scale constants on the batches of the first steps; deterministic on one device. `model` is on a
/// plain device.
///
/// # Errors
/// As a training step.
pub fn fit_scales(model: Cdvae, objective: &CdvaeObjective<'_>, device: &Device) -> Result<Cdvae, TrainingError> {
    let mut source = objective.on_device(device)?;
    let mut fit = crate::decoder::ScaleFit::new(model.config().decoder.n_scales());
    for step in 0..objective.training.scale_batches as u64 {
        let batch = source.batch(&model, step, Share::WHOLE).map_err(TrainingError::data)?;
        let z = model.encode(&batch.clean, batch.shares.clone()).mean + batch.latent_noise.clone();
        let rows = batch.noised.n_sites();
        let sites = padded(batch.weights.clone().ones_like(), rows);
        model.decoder.measure_scales(padded(batch.types.clone(), rows), z, &batch.noised, sites, &mut fit);
    }
    Ok(model.with_scales(&fit.finish()))
}

/// Mean losses of crystals that were not learned from, in the order of [`LOSS_NAMES`], with the same noise every time.
/// `model` is on a plain device.
///
/// # Errors
/// [`TrainingError::EmptyData`], [`TrainingError::Data`].
pub fn measure(
    model: &Cdvae,
    crystals: &Crystals,
    scaler: &LatticeScaler,
    training: &CdvaeTraining,
    device: &Device,
) -> Result<Vec<f64>, TrainingError> {
    if crystals.is_empty() {
        return Err(TrainingError::EmptyData);
    }
    let set = CrystalSet::new(crystals, scaler, device).map_err(TrainingError::data)?;
    // Another purpose than training: no draw of the measurement is one of the training.
    let key = RandomKey::new(training.optimiser.seed, Purpose::Ranking);
    let all: Vec<(usize, usize)> = (0..crystals.len()).map(|index| (index, index)).collect();
    let mut sums = Vec::new();
    for chosen in all.chunks(training.optimiser.batch_size) {
        let draws = Draws { key, step: 0, chosen, n_whole: crystals.len() };
        let batch = set.batch(model.config(), training.position_target, draws).map_err(TrainingError::data)?;
        sums.push(losses(model, &batch, &training.weights).parts);
    }
    let parts: Vec<f64> = Tensor::stack::<2>(sums, 0).sum_dim(0).into_data().iter::<f64>().collect();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use tensor_ops::device::available_devices;

    #[test]
    fn noised_elements_are_drawn_as_they_should() {
        // Own element 3, p of elements 3, 7 and the last one.
        let (own, other, last, n) = (3, 7, N_TYPES - 1, 4000);
        let mut p = vec![0.0_f32; N_TYPES];
        (p[own], p[other], p[last]) = (0.25, 0.5, 0.25);
        for device in available_devices() {
            let rows =
                |values: Vec<f32>, width: usize| Tensor::<2>::from_data(TensorData::new(values, [n, width]), &device);
            let mut types = vec![0.0; n * N_TYPES];
            (0..n).for_each(|row| types[row * N_TYPES + own] = 1.0);
            let uniform: Vec<f32> = (0..n).map(|row| row as f32 / n as f32).collect();
            for sigma in [0.01, 1.0, 5.0] {
                let drawn = noised_types(
                    rows(types.clone(), N_TYPES),
                    rows(p.repeat(n), N_TYPES),
                    rows(vec![sigma; n], 1),
                    rows(uniform.clone(), 1),
                );
                let counts: Vec<f32> = drawn.clone().sum_dim(0).into_data().iter::<f32>().collect();
                let ones: Vec<f32> = drawn.sum_dim(1).into_data().iter::<f32>().collect();
                assert!(ones.iter().all(|sum| *sum == 1.0), "one element each");
                let share = |element: usize| f64::from(counts[element]) / n as f64;
                let sigma = f64::from(sigma);
                let expected = |p: f64, is_own: f64| (is_own + sigma * p) / (1.0 + sigma);
                for (element, p, is_own) in [(own, 0.25, 1.0), (other, 0.5, 0.0), (last, 0.25, 0.0)] {
                    let found = share(element);
                    assert!((found - expected(p, is_own)).abs() < 2e-3, "{element} at {sigma}: {found}");
                }
            }
        }
    }

    #[test]
    fn padding_adds_rows_of_zeros() {
        for device in available_devices() {
            let rows = Tensor::<2>::from_data([[1.0, 2.0]], &device);
            let values: Vec<f32> = padded(rows.clone(), 3).into_data().iter::<f32>().collect();
            assert_eq!(values, [1.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
            assert_eq!(padded(rows, 1).dims(), [1, 2]);
        }
    }
}
