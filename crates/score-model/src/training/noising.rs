//! The noised batch of one training step, made on the CPU.
//!
//! Everything drawn for step n depends on the seed and n alone, so a resumed run sees the same batches.

use crystal_core::{CrystalState, LatticeCoordinates};
use multigraph::BatchedMultiGraph;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::TrainingConfig;
use super::TrainingError;
use crate::noise::{noise_lattice, noise_positions};

/// Streams of the generator, so that order and noise never share numbers.
const ORDER_STREAM: u64 = 1 << 63;

/// Graphs, levels and targets of one step: first every structure with noised positions, then every structure with noised positions
/// and lattice.
#[derive(Debug, Clone)]
pub struct NoisedBatch {
    /// Graphs of 2·B structures.
    pub graph: BatchedMultiGraph,
    /// Noise level of each of the 2·B structures.
    pub levels: Vec<usize>,
    /// ε of the positions, `[sites, 3]` row-major, all 2·B structures (the second half has weight 0).
    pub position_noise: Vec<f32>,
    /// Weight of each component in the position loss, `[sites, 3]` row-major: 1/(3·sites·B), 0 in the second half.
    pub position_weights: Vec<f32>,
    /// ε of the lattice coordinates, `[2·B, 6]` row-major.
    pub lattice_noise: Vec<f32>,
    /// Weight of each lattice coordinate: 1/(free·B) in the second half, else 0.
    pub lattice_weights: Vec<f32>,
}

/// Draws, noises and joins the batch of step `step` (from 0).
///
/// # Errors
/// [`TrainingError::Crystal`] or [`TrainingError::Graph`] if a structure of the data is no crystal.
pub fn noised_batch(data: &[CrystalState], config: &TrainingConfig, step: u64) -> Result<NoisedBatch, TrainingError> {
    let chosen = batch_indices(data.len(), config, step);
    let n = chosen.len();
    let drawn = (0..2 * n)
        .into_par_iter()
        .map(|slot| {
            let with_lattice = slot >= n;
            let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
            // One stream per step, one block of 2³² words per slot.
            rng.set_stream(step);
            rng.set_word_pos((slot as u128) << 32);
            let mut state = data[chosen[slot % n]].clone();
            let level = rng.random_range(0..config.schedule.n_levels);
            let position_noise = noise_positions(&mut state, config.schedule.position_sigma(level), &mut rng)?;
            let lattice_noise = if with_lattice {
                noise_lattice(&mut state, config.schedule.lattice_sigma(level), &mut rng)?
            } else {
                vec![0.0; state.lattice_coords.len()]
            };
            Ok((state, level, position_noise, lattice_noise))
        })
        .collect::<Result<Vec<_>, TrainingError>>()?;

    let mut batch = NoisedBatch {
        graph: BatchedMultiGraph::default(),
        levels: Vec::with_capacity(2 * n),
        position_noise: vec![],
        position_weights: vec![],
        lattice_noise: Vec::with_capacity(2 * n * LatticeCoordinates::MAX),
        lattice_weights: Vec::with_capacity(2 * n * LatticeCoordinates::MAX),
    };
    let mut states = Vec::with_capacity(2 * n);
    for (slot, (state, level, position_noise, lattice_noise)) in drawn.into_iter().enumerate() {
        let with_lattice = slot >= n;
        let site_weight = if with_lattice { 0.0 } else { 1.0 / (3 * state.sites.len() * n) as f32 };
        let coordinate_weight = if with_lattice { 1.0 / (lattice_noise.len() * n) as f32 } else { 0.0 };
        batch.levels.push(level);
        batch.position_noise.extend(position_noise.iter().flat_map(|noise| noise.iter().map(|x| *x as f32)));
        batch.position_weights.extend(std::iter::repeat_n(site_weight, 3 * state.sites.len()));
        for coordinate in 0..LatticeCoordinates::MAX {
            let noise = lattice_noise.get(coordinate);
            batch.lattice_noise.push(noise.map_or(0.0, |x| *x as f32));
            batch.lattice_weights.push(if noise.is_some() { coordinate_weight } else { 0.0 });
        }
        states.push(state);
    }
    batch.graph = BatchedMultiGraph::from_states(&states, &config.graph)?;
    Ok(batch)
}

/// The structures of a step: every epoch goes once through the data in an order of its own.
fn batch_indices(n_data: usize, config: &TrainingConfig, step: u64) -> Vec<usize> {
    let size = config.batch_size as u64;
    let mut chosen = Vec::with_capacity(config.batch_size);
    let mut order: (u64, Vec<usize>) = (u64::MAX, vec![]);
    for position in step * size..(step + 1) * size {
        let (epoch, place) = (position / n_data as u64, (position % n_data as u64) as usize);
        if order.0 != epoch {
            let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
            rng.set_stream(ORDER_STREAM | epoch);
            let mut indices: Vec<usize> = (0..n_data).collect();
            indices.shuffle(&mut rng);
            order = (epoch, indices);
        }
        chosen.push(order.1[place]);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_every_structure_once() {
        let config = TrainingConfig { batch_size: 4, ..TrainingConfig::default() };
        let mut seen: Vec<usize> = (0..5).flat_map(|step| batch_indices(10, &config, step)).collect();
        assert_eq!(seen.len(), 20);
        let mut second = seen.split_off(10);
        assert_ne!(seen, second, "epochs have different orders");
        seen.sort_unstable();
        second.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        assert_eq!(second, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn more_than_one_epoch_in_a_batch() {
        let config = TrainingConfig { batch_size: 7, ..TrainingConfig::default() };
        let chosen = batch_indices(3, &config, 0);
        assert_eq!(chosen.len(), 7);
        assert!((0..3).all(|index| chosen.contains(&index)));
    }
}
