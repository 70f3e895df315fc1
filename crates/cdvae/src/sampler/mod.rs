//! Crystals from the prior: a latent vector, what it says of the crystal as a whole, then annealed Langevin steps of
//! the atoms.

mod langevin;
mod plan;

use std::collections::BTreeMap;

use burn::tensor::Device;
use crystal_core::{ConfigError, Structure};
use serde::{Deserialize, Serialize};
use tensor_ops::{catch_device_failure, has_kernels};

use crate::{CdvaeError, Trained};

use langevin::anneal;
use plan::plans;

/// How crystals are sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CdvaeSampling {
    /// Langevin steps at each level of noise.
    pub steps_per_level: usize,
    /// Step size at the lowest level, Å²; at others it grows as σ².
    pub step_size: f64,
    /// Crystals that are sampled together.
    pub batch_size: usize,
    /// How often a crystal is drawn again whose cell makes no sense or whose atoms diverge.
    pub redraws: usize,
    /// Seed of all draws.
    pub seed: u64,
}

impl Default for CdvaeSampling {
    /// CDVAE's: 100 steps at each level, 1e-4.
    fn default() -> Self {
        Self { steps_per_level: 100, step_size: 1e-4, batch_size: 1000, redraws: 20, seed: 0 }
    }
}

impl CdvaeSampling {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless(self.steps_per_level > 0, "steps_per_level", self.steps_per_level, "at least 1")?;
        ConfigError::unless_positive("step_size", self.step_size)?;
        ConfigError::unless(self.batch_size > 0, "batch_size", self.batch_size, "at least 1")?;
        ConfigError::unless(self.redraws < 1000, "redraws", self.redraws, "below 1000")
    }
}

/// A sampled crystal.
#[derive(Debug, Clone)]
pub struct Generated {
    /// Its number.
    pub index: usize,
    /// The crystal.
    pub structure: Structure,
    /// How often it was drawn again.
    pub redraws: usize,
}

/// What became of all that were asked for.
#[derive(Debug, Clone, Default)]
pub struct GeneratedSet {
    /// Crystals, by their numbers.
    pub crystals: Vec<Generated>,
    /// Numbers of those whose every draw failed, with the reason of the last failure.
    pub given_up: Vec<(usize, String)>,
    /// Draws that failed: of the cell, and on the way of the atoms.
    pub failed_cells: usize,
    /// Draws whose atoms diverged.
    pub diverged: usize,
}

/// Samples `count` crystals. Crystal n depends on the network, the settings and n alone, not on the batches (up to the
/// rounding of a device). `progress` is told crystals done, in fractions.
///
/// # Errors
/// [`CdvaeError::Config`], [`CdvaeError::States`], [`CdvaeError::Device`].
pub fn generate(
    trained: &Trained,
    sampling: &CdvaeSampling,
    count: usize,
    device: &Device,
    mut progress: impl FnMut(f64),
) -> Result<GeneratedSet, CdvaeError> {
    sampling.check()?;
    let mut run = || generate_all(trained, sampling, count, device, &mut progress);
    if !has_kernels(device) {
        return run();
    }
    // What went wrong on the device shows when something is read from it.
    catch_device_failure(run)?
}

fn generate_all(
    trained: &Trained,
    sampling: &CdvaeSampling,
    count: usize,
    device: &Device,
    progress: &mut impl FnMut(f64),
) -> Result<GeneratedSet, CdvaeError> {
    let mut set = GeneratedSet::default();
    // Crystals to draw, each with the number of its draw.
    let mut pending: Vec<(usize, usize)> = (0..count).map(|index| (index, 0)).collect();
    let mut reasons: BTreeMap<usize, String> = BTreeMap::new();
    let mut done = 0.0;
    while !pending.is_empty() {
        let now: Vec<(usize, usize)> = pending.drain(..sampling.batch_size.min(pending.len())).collect();
        let (plans, refused) = plans(trained, sampling, now, device);
        set.failed_cells += refused.iter().map(|refusal| refusal.tries).sum::<usize>();
        set.failed_cells += plans.iter().map(|plan| plan.refused).sum::<usize>();
        set.given_up.extend(refused.into_iter().map(|refusal| (refusal.index, refusal.reason)));
        if plans.is_empty() {
            continue;
        }
        let share = plans.len() as f64;
        let outcomes = anneal(trained, sampling, &plans, device, |part| progress(done + share * part))?;
        for (plan, outcome) in plans.iter().zip(outcomes) {
            match outcome {
                Ok(structure) => {
                    done += 1.0;
                    set.crystals.push(Generated { index: plan.index, structure, redraws: plan.draw });
                }
                Err(reason) => {
                    set.diverged += 1;
                    reasons.insert(plan.index, reason);
                    if plan.draw < sampling.redraws {
                        pending.push((plan.index, plan.draw + 1));
                    } else {
                        let reason = reasons.remove(&plan.index).unwrap_or_default();
                        set.given_up.push((plan.index, reason));
                    }
                }
            }
        }
    }
    set.crystals.sort_by_key(|crystal| crystal.index);
    set.given_up.sort();
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_by_field() {
        let default = CdvaeSampling::default;
        assert_eq!(default().check(), Ok(()));
        let field = |sampling: CdvaeSampling| sampling.check().expect_err("nonsense").field;
        assert_eq!(field(CdvaeSampling { steps_per_level: 0, ..default() }), "steps_per_level");
        assert_eq!(field(CdvaeSampling { step_size: -1.0, ..default() }), "step_size");
        assert_eq!(field(CdvaeSampling { batch_size: 0, ..default() }), "batch_size");
    }
}
