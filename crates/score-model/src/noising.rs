//! The noised batch of one training step.
//!
//! Everything drawn for step n depends on the seed and n alone, so a resumed run sees the same batches.

use burn::Tensor;
use burn::tensor::TensorData;
use crystal_core::LatticeCoordinates;
use crystal_core::whole;
use crystal_states::{Draw, NoisedStates, StateBatch, StateError, StateSet};
use random_keys::{Purpose, RandomKey};
use training::{EpochOrder, Share};

use crate::TrainingConfig;

/// Item of the random number that chooses a level: positions and lattices take others.
const LEVEL_ITEM: u32 = u32::MAX;

/// States, levels and targets of one step: first every structure with noised positions, then every structure with
/// noised positions and lattice.
#[derive(Debug)]
pub struct NoisedBatch {
    /// 2·B structures.
    pub states: StateBatch,
    /// Noise level of each.
    pub levels: Vec<usize>,
    /// ε of the positions, `[N, 3]`.
    pub position_noise: Tensor<2>,
    /// Weight of each component in the position loss, `[N, 3]`: one over the structure's degrees of freedom (3 per site
    /// in general position) and over the number of structures of the batch that have any; 0 in the second half.
    pub position_weights: Tensor<2>,
    /// ε of the lattice coordinates, `[2·B, 6]`.
    pub lattice_noise: Tensor<2>,
    /// Weight of each lattice coordinate, `[2·B, 6]`: 1/(free·B) in the second half, else 0.
    pub lattice_weights: Tensor<2>,
}

/// Draws and noises a share of the batch of step `step` (from 0). Shares together are the whole batch, whatever their
/// number.
///
/// # Errors
/// [`StateError::Graph`] if the lattice of a structure is not a cell.
pub fn noised_batch(
    data: &StateSet<'_>,
    order: &mut EpochOrder,
    config: &TrainingConfig,
    step: u64,
    share: Share,
) -> Result<NoisedBatch, StateError> {
    let chosen = order.batch(config.optimiser.batch_size, step);
    let n = chosen.len();
    let key = RandomKey::new(config.optimiser.seed, Purpose::Training);
    let schedule = &config.schedule;
    let slots: Vec<usize> = (0..2 * n).filter(|slot| slot % n % share.of == share.rank).collect();
    let levels: Vec<usize> =
        slots.iter().map(|&slot| key.below(schedule.n_levels, step, whole::compact(slot), LEVEL_ITEM)).collect();
    let draw = |(&slot, &level): (&usize, &usize)| Draw {
        index: chosen[slot % n],
        slot: whole::compact(slot),
        position_sigma: schedule.position_sigma(level),
        lattice_sigma: if slot >= n { schedule.lattice_sigma(level) } else { 0.0 },
    };
    let draws: Vec<Draw> = slots.iter().zip(&levels).map(draw).collect();
    let freedom: Vec<usize> = chosen.iter().map(|&index| data.states()[index].n_free_positions()).collect();
    let n_moving = freedom.iter().filter(|n_free| **n_free > 0).count();
    let mut position_weights = Vec::new();
    let mut lattice_weights = Vec::with_capacity(2 * n * LatticeCoordinates::MAX);
    for draw in &draws {
        let state = &data.states()[draw.index];
        let (n_sites, n_free) = (state.sites.len(), state.lattice_coords.len());
        let slot = draw.slot as usize;
        // Without freedom there is no noise to estimate.
        let of_site = if slot < n && freedom[slot] > 0 { 1.0 / (freedom[slot] * n_moving) as f32 } else { 0.0 };
        let of_lattice = if slot < n { 0.0 } else { 1.0 / (n_free * n) as f32 };
        position_weights.extend(std::iter::repeat_n(of_site, 3 * n_sites));
        lattice_weights.extend((0..LatticeCoordinates::MAX).map(|k| if k < n_free { of_lattice } else { 0.0 }));
    }
    let NoisedStates { states, position_noise, lattice_noise } = data.noised(&draws, key, step)?;
    let device = position_noise.device();
    let tensor = |values: Vec<f32>, width: usize| {
        let shape = [values.len() / width, width];
        Tensor::from_data(TensorData::new(values, shape), &device)
    };
    Ok(NoisedBatch {
        states,
        levels,
        position_weights: tensor(position_weights, 3),
        position_noise,
        lattice_noise,
        lattice_weights: tensor(lattice_weights, LatticeCoordinates::MAX),
    })
}
