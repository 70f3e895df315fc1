//! The losses of a score model: mean squared errors of the estimated noise (the paper's §3; method §3).

use burn::Tensor;
use burn::tensor::Device;
use crystal_core::CrystalState;
use crystal_states::StateSet;
use tensor_ops::squared_error;
use training::{EpochOrder, LossSource, Objective, Share, StepLosses, TrainingError};

use crate::{ScoreNetwork, TrainingConfig, noised_batch};

/// Place of the position loss among the parts of a [`training::LossPoint`].
pub const POSITION_LOSS: usize = 0;
/// Place of the lattice loss.
pub const LATTICE_LOSS: usize = 1;

/// Estimating the noise of noised structures: half the sum of both losses is minimised.
#[derive(Debug)]
pub struct DenoisingObjective<'a> {
    states: &'a [CrystalState],
    config: &'a TrainingConfig,
}

impl<'a> DenoisingObjective<'a> {
    /// On these structures.
    pub fn new(states: &'a [CrystalState], config: &'a TrainingConfig) -> Self {
        Self { states, config }
    }
}

/// The structures on one device.
#[derive(Debug)]
pub struct NoisedSource<'a> {
    data: StateSet<'a>,
    order: EpochOrder,
    config: &'a TrainingConfig,
}

impl<M: ScoreNetwork> Objective<M> for DenoisingObjective<'_> {
    type Source<'a>
        = NoisedSource<'a>
    where
        Self: 'a;

    fn on_device(&self, device: &Device) -> Result<NoisedSource<'_>, TrainingError> {
        if self.states.is_empty() {
            return Err(TrainingError::EmptyData);
        }
        let data = StateSet::new(self.states, device).map_err(TrainingError::data)?;
        let order = EpochOrder::new(self.config.optimiser.seed, self.states.len());
        Ok(NoisedSource { data, order, config: self.config })
    }
}

impl<M: ScoreNetwork> LossSource<M> for NoisedSource<'_> {
    fn losses(&mut self, model: &M, step: u64, share: Share) -> Result<StepLosses, TrainingError> {
        let mut batch =
            noised_batch(&self.data, &mut self.order, self.config, step, share).map_err(TrainingError::data)?;
        let input =
            batch.states.graph_batch(&batch.levels, &model.basis(), &self.config.graph).map_err(TrainingError::data)?;
        let estimate = model.forward(&input);
        // Rows beyond the sites are padding.
        let own = estimate.position.narrow(0, 0, batch.states.n_sites());
        let position = squared_error(own, batch.position_noise, batch.position_weights);
        let lattice = squared_error(estimate.lattice, batch.lattice_noise, batch.lattice_weights);
        let parts = Tensor::cat(vec![position.clone().inner(), lattice.clone().inner()], 0);
        Ok(StepLosses { total: (position + lattice) * 0.5, parts })
    }
}
