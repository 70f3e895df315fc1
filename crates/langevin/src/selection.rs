//! Several draws of each structure, of which we keep the one that the network finds most plausible.
//!
//! A network denoises well what is like the structures it learned from: where noise was put on a structure, its
//! estimate points back to the nearest plausible one. If that is the structure itself, the error is that of the noise
//! alone; if not, it is larger. So the error ranks structures, without any structure to compare with.

use std::collections::BTreeMap;

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use crystal_core::{ConfigError, CrystalState};
use crystal_states::{BasisConfig, Draw, NoisedStates, StateSet};
use random_keys::{Purpose, RandomKey};
use score_model::{Description, Evaluator};
use serde::{Deserialize, Serialize};

use crate::{Outcome, Sample, SamplerConfig, SamplingError};

/// How many draws of each structure are made, and how they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Draws of each structure; with 1 there is nothing to choose, and the error is only told.
    pub candidates: usize,
    /// Noise levels at which a draw is looked at, from the lowest.
    pub levels: usize,
    /// How often noise of each level is put on a draw.
    pub noises: usize,
}

impl Default for Selection {
    fn default() -> Self {
        Self { candidates: 8, levels: 5, noises: 4 }
    }
}

impl Selection {
    /// Most draws of one structure.
    pub const MAX_CANDIDATES: usize = 1000;

    /// Whether that many candidates can be drawn.
    ///
    /// # Errors
    /// [`ConfigError`] for none, and for more than [`Self::MAX_CANDIDATES`].
    pub fn check_candidates(&self) -> Result<(), ConfigError> {
        let good = (1..=Self::MAX_CANDIDATES).contains(&self.candidates);
        ConfigError::unless(good, "candidates", self.candidates, &format!("1 to {}", Self::MAX_CANDIDATES))
    }

    /// Whether the numbers make sense for a model of `n_levels` noise levels.
    pub(crate) fn check(&self, n_levels: usize) -> Result<(), ConfigError> {
        self.check_candidates()?;
        let levels = (1..=n_levels).contains(&self.levels);
        ConfigError::unless(levels, "levels", self.levels, &format!("1 to {n_levels}, the number of noise levels"))?;
        ConfigError::unless(self.noises > 0, "noises", self.noises, "at least 1")
    }

    /// Network evaluations for one candidate: with its positions noised, and with positions and lattice noised.
    pub(crate) fn evaluations(&self) -> usize {
        2 * self.levels * self.noises
    }
}

/// A network that judges structures by the noise it finds in them.
pub(crate) struct Judge<'a> {
    pub(crate) evaluate: &'a Evaluator<'a>,
    pub(crate) basis: BasisConfig,
    pub(crate) description: &'a Description,
    pub(crate) device: &'a Device,
}

/// The mean square error of the model's estimates of noise (in units of its standard deviation) that was put on each
/// structure, over degrees of freedom, levels and draws: of the positions with the positions noised, of the lattice
/// with both noised, as in training. `streams` tells the random numbers of the structures apart.
///
/// Levels in geometric sequence are equal steps of the log signal-to-noise ratio, over which the variational bound on
/// the log-likelihood sums these errors with equal weights (Kingma, Salimans, Poole and Ho, arXiv 2107.00630). It is no
/// bound itself: not all levels are looked at, and positions and lattice are not noised together for both sums.
///
/// # Errors
/// What a graph can fail with.
pub(crate) fn denoising_errors(
    judge: &Judge,
    states: &[CrystalState],
    streams: &[u32],
    config: &SamplerConfig,
    selection: &Selection,
    mut progress: impl FnMut(),
) -> Result<Vec<f64>, SamplingError> {
    let Judge { evaluate, basis, description, device } = judge;
    let (schedule, graph, device) = (&description.schedule, &description.graph, *device);
    let n = states.len();
    let n_sites: usize = states.iter().map(|state| state.sites.len()).sum();
    let key = RandomKey::new(config.seed, Purpose::Ranking);
    let set = StateSet::new(states, device)?;
    let zeros = |rows: usize| Tensor::<2>::from_data(TensorData::new(vec![0.0_f32; rows], [rows, 1]), device);
    let (mut of_sites, mut of_lattices) = (zeros(n_sites), zeros(n));
    for level in 0..selection.levels {
        let (position_sigma, lattice_sigma) = (schedule.position_sigma(level), schedule.lattice_sigma(level));
        let draw = |row: usize| Draw {
            index: row % n,
            slot: streams[row % n],
            position_sigma,
            lattice_sigma: if row < n { 0.0 } else { lattice_sigma },
        };
        let draws: Vec<Draw> = (0..2 * n).map(draw).collect();
        for noise in 0..selection.noises {
            let stream = (level * selection.noises + noise) as u64;
            let NoisedStates { states: mut noised, position_noise, lattice_noise } = set.noised(&draws, key, stream)?;
            let input = noised.graph_batch(&vec![level; draws.len()], basis, graph)?;
            let estimate = evaluate(&input);
            let error = |estimate: Tensor<2>, noise: Tensor<2>, first: usize, rows: usize| {
                (estimate.narrow(0, first, rows) - noise.narrow(0, first, rows)).powi_scalar(2).sum_dim(1)
            };
            of_sites = of_sites + error(estimate.position, position_noise, 0, n_sites);
            of_lattices = of_lattices + error(estimate.lattice, lattice_noise, n, n);
            progress();
        }
    }
    let on_host = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().map(f64::from).collect::<Vec<f64>>();
    let (of_sites, of_lattices) = (on_host(of_sites), on_host(of_lattices));
    let mut sites = of_sites.iter();
    let mean = |(state, of_lattice): (&CrystalState, &f64)| {
        let sum = of_lattice + sites.by_ref().take(state.sites.len()).sum::<f64>();
        let freedom = state.n_free_positions() + state.lattice_coords.len();
        sum / (freedom * selection.levels * selection.noises) as f64
    };
    Ok(states.iter().zip(&of_lattices).map(mean).collect())
}

/// Draws that wait for the others of their structure.
#[derive(Debug)]
pub(crate) struct Waiting {
    candidates: usize,
    drawn: BTreeMap<(usize, usize), Vec<Outcome>>,
}

impl Waiting {
    pub(crate) fn new(candidates: usize) -> Self {
        Self { candidates, drawn: BTreeMap::new() }
    }

    /// Takes a draw, and gives all of its structure back if it was the last of them.
    pub(crate) fn add(&mut self, outcome: Outcome) -> Option<Vec<Outcome>> {
        let place = outcome.place();
        let of_structure = self.drawn.entry(place).or_default();
        of_structure.push(outcome);
        if of_structure.len() < self.candidates {
            return None;
        }
        self.drawn.remove(&place)
    }
}

/// The most plausible of the draws of one structure; where none came to anything, the last word on one of them.
pub(crate) fn best(draws: Vec<Outcome>) -> Option<Outcome> {
    // Draws come in the order in which they were finished, which depends on batches: places decide between equals.
    let key = |outcome: &Outcome| match outcome {
        Outcome::Sampled(sample) => (sample.denoising_error.unwrap_or(f64::INFINITY), sample.candidate),
        Outcome::GivenUp { .. } => (f64::INFINITY, usize::MAX),
    };
    draws.into_iter().min_by(|a, b| {
        let (a, b) = (key(a), key(b));
        a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
    })
}

/// Number for the random numbers of a structure's noise: the same for all its candidates.
pub(crate) fn noise_stream(sample: &Sample, first_order: usize) -> u32 {
    // Structures that share a number share noise, which does not matter: they are not compared.
    whole::compact(first_order + sample.order).wrapping_mul(0x9E37_79B9) ^ whole::compact(sample.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_settings_are_named() {
        let field = |selection: Selection| selection.check(10).expect_err("nonsense").field;
        assert_eq!(field(Selection { candidates: 0, ..Selection::default() }), "candidates");
        assert_eq!(field(Selection { candidates: 5000, ..Selection::default() }), "candidates");
        assert_eq!(field(Selection { levels: 11, ..Selection::default() }), "levels");
        assert_eq!(field(Selection { noises: 0, ..Selection::default() }), "noises");
        assert_eq!(Selection::default().check(10), Ok(()));
    }
}
