//! The few-step sampler: predictor steps from level to level, corrector steps between them.

use crystal_core::ConfigError;
use crystal_core::whole;
use crystal_states::LangevinStep;
use score_model::NoiseSchedule;
use serde::{Deserialize, Serialize};

use crate::plan::Update;

/// Few-step sampling, in place of the paper's many Langevin steps per level (docs/src/few-step.md says how the defaults
/// were chosen).
///
/// Every evaluation moves `x ← x − (σ − d)·ε̂ + T·u·z`: the estimated noise shrinks from σ to d, then fresh noise u is
/// added, so that the noise comes to σ' (`d² + u² = σ'²`). A predictor goes to the σ' of the next level, a corrector
/// stays at its own. Either renews a share λ of the noise: `d = (1 − λ)·σ'`. The probability flow is λ = 0, the
/// ancestral sampler λ = 1 − σ'/σ (Song et al., arXiv 2011.13456, appendix F), and λ = 1 goes to the noiseless estimate
/// and starts anew from there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FewStep {
    /// Network evaluations per structure.
    pub evaluations: usize,
    /// What one evaluation moves.
    pub moves: Moves,
    /// What the predictors renew.
    pub predictor: Renewal,
    /// Share of the noise that a corrector renews, above 0 and at most 1.
    pub corrector: f64,
    /// Whether the last step takes all noise away (d = u = 0); else it is a corrector of the lowest level.
    pub denoise: bool,
    /// Highest levels that are left out.
    pub skip_levels: usize,
}

/// How much of the noise a predictor renews.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Renewal {
    /// As much as the ancestral sampler.
    Ancestral,
    /// A share, 0 (probability flow) to 1.
    Share(f64),
}

/// What one evaluation of the network moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moves {
    /// Positions and lattice.
    Together,
    /// Positions, the next one the lattice.
    InTurn,
}

impl Default for FewStep {
    fn default() -> Self {
        Self {
            evaluations: 32,
            moves: Moves::Together,
            predictor: Renewal::Share(1.0),
            corrector: 1.0,
            denoise: true,
            skip_levels: 0,
        }
    }
}

impl FewStep {
    /// Whether the settings make sense for a model of these noise levels.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self, schedule: &NoiseSchedule) -> Result<(), ConfigError> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let levels = format!("less than {}, the number of noise levels", schedule.n_levels);
        ConfigError::unless(self.skip_levels < schedule.n_levels, "skip_levels", self.skip_levels, &levels)?;
        let per_step = self.evaluations_per_step();
        let wanted = if per_step == 2 {
            "an even number from 4 on, since positions and lattice move in turn"
        } else {
            "2 or more"
        };
        let divided = self.evaluations >= 2 * per_step && self.evaluations.is_multiple_of(per_step);
        ConfigError::unless(divided, "evaluations", self.evaluations, wanted)?;
        if let Renewal::Share(renewed) = self.predictor {
            ConfigError::unless(share(renewed), "predictor", renewed, "a share of the noise, 0 to 1")?;
        }
        let corrector = share(self.corrector) && self.corrector > 0.0;
        ConfigError::unless(corrector, "corrector", self.corrector, "a share of the noise above 0, at most 1")
    }

    fn evaluations_per_step(&self) -> usize {
        match self.moves {
            Moves::Together => 1,
            Moves::InTurn => 2,
        }
    }

    /// The updates of a structure, from the highest level to the lowest; `temperatures` of positions and lattice are
    /// factors on fresh noise.
    pub(crate) fn plan(&self, schedule: &NoiseSchedule, temperatures: (f64, f64)) -> Vec<Update> {
        let steps = self.evaluations / self.evaluations_per_step();
        let n_levels = schedule.n_levels - self.skip_levels;
        // Steps spread evenly over the levels, or levels over the steps; the last step is always at level 0.
        let level = |step: usize| (steps - 1 - step) * n_levels / steps;
        let mut updates = Vec::with_capacity(self.evaluations);
        for step in 0..steps {
            let here = level(step);
            let next = (step + 1 < steps).then(|| level(step + 1));
            let toward = |sigma: fn(&NoiseSchedule, usize) -> f64, temperature: f64, draw: usize| {
                let sigma = |level: usize| sigma(schedule, level);
                let (left, fresh) = match next {
                    Some(next) if next < here => self.predictor(sigma(here), sigma(next)),
                    None if self.denoise => (0.0, 0.0),
                    _ => renewed(sigma(here), self.corrector),
                };
                LangevinStep { drift: left - sigma(here), noise: temperature * fresh, draw: whole::compact(draw) }
            };
            // Two draws per step: the first sites and the lattice take the same items.
            let position = toward(NoiseSchedule::position_sigma, temperatures.0, 2 * step + 1);
            let lattice = toward(NoiseSchedule::lattice_sigma, temperatures.1, 2 * step + 2);
            match self.moves {
                Moves::Together => {
                    updates.push(Update { level: here, position: Some(position), lattice: Some(lattice) })
                }
                Moves::InTurn => {
                    updates.push(Update { level: here, position: Some(position), lattice: None });
                    updates.push(Update { level: here, position: None, lattice: Some(lattice) });
                }
            }
        }
        updates
    }

    /// Noise that is left, and fresh noise, of a step from σ to a lower one.
    fn predictor(&self, sigma: f64, next: f64) -> (f64, f64) {
        let share = match self.predictor {
            Renewal::Ancestral => 1.0 - next / sigma,
            Renewal::Share(share) => share,
        };
        renewed(next, share)
    }
}

/// Noise that is left, and fresh noise, which make up σ when a share is renewed.
fn renewed(sigma: f64, share: f64) -> (f64, f64) {
    let left = 1.0 - share;
    (left * sigma, (1.0 - left * left).sqrt() * sigma)
}

#[cfg(test)]
mod tests {
    use random_keys::{Purpose, RandomKey};

    use super::*;

    /// Mean and variance of positions after the plan, where the data is normally distributed and the estimate without
    /// error: `σ·(x − mean)/(variance + σ²)`.
    fn outcome(few_step: &FewStep, n_levels: usize, mean: f64, variance: f64) -> (f64, f64) {
        let schedule = NoiseSchedule { n_levels, ..NoiseSchedule::default() };
        let plan = few_step.plan(&schedule, (1.0, 1.0));
        let key = RandomKey::new(1, Purpose::Sampling);
        let start = (variance + 36.0_f64).sqrt();
        let walk = |walker: u64| {
            let mut x = mean + start * key.normal(walker, 0, 0)[0];
            for update in &plan {
                let sigma = schedule.position_sigma(update.level);
                let Some(step) = update.position else { continue };
                let estimate = sigma * (x - mean) / (variance + sigma * sigma);
                x += step.drift * estimate + step.noise * key.normal(walker, step.draw, 0)[0];
            }
            x
        };
        let ends: Vec<f64> = (0..10_000).map(walk).collect();
        let mean = ends.iter().sum::<f64>() / ends.len() as f64;
        (mean, ends.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / ends.len() as f64)
    }

    #[test]
    fn with_many_levels_a_normal_distribution_is_reproduced() {
        let flow = FewStep { evaluations: 200, predictor: Renewal::Share(0.0), ..FewStep::default() };
        for few_step in [
            flow.clone(),
            FewStep { predictor: Renewal::Ancestral, ..flow.clone() },
            FewStep { evaluations: 400, corrector: 0.05, ..flow.clone() },
            FewStep { evaluations: 400, moves: Moves::InTurn, ..flow },
        ] {
            let (mean, variance) = outcome(&few_step, 200, 3.0, 0.25);
            assert!((mean - 3.0).abs() < 0.02, "{few_step:?}: mean {mean}");
            // Its standard error is 1.4 %.
            assert!((variance / 0.25 - 1.0).abs() < 0.08, "{few_step:?}: variance {variance}");
        }
    }

    #[test]
    fn ten_levels_and_large_renewals_narrow_it() {
        let (mean, variance) =
            outcome(&FewStep { evaluations: 64, predictor: Renewal::Ancestral, ..FewStep::default() }, 10, 3.0, 0.25);
        assert!((mean - 3.0).abs() < 0.02 && (0.47..0.54).contains(&(variance / 0.25)), "{mean} {variance}");
    }

    #[test]
    fn a_point_is_hit() {
        let (mean, variance) = outcome(&FewStep { evaluations: 16, ..FewStep::default() }, 10, 3.0, 0.0);
        assert!((mean - 3.0).abs() < 1e-12 && variance < 1e-24, "{mean} {variance}");
        let blurred = FewStep { evaluations: 16, denoise: false, ..FewStep::default() };
        let (_, variance) = outcome(&blurred, 10, 3.0, 0.0);
        assert!((variance / 0.001 - 1.0).abs() < 0.05, "the noise of the lowest level stays: {variance}");
    }

    #[test]
    fn predictors_are_those_of_the_literature() {
        let (sigma, next) = (2.0_f64, 1.5_f64);
        let flow = FewStep { predictor: Renewal::Share(0.0), ..FewStep::default() };
        assert_eq!(flow.predictor(sigma, next), (next, 0.0));
        let (left, fresh) = FewStep { predictor: Renewal::Ancestral, ..FewStep::default() }.predictor(sigma, next);
        // Song et al., appendix F: x + (σ² − σ_next²)·score + √(σ_next²·(σ² − σ_next²)/σ²)·z, score = −ε/σ.
        assert!((sigma - left - (sigma * sigma - next * next) / sigma).abs() < 1e-12);
        assert!((fresh * fresh - next * next * (sigma * sigma - next * next) / (sigma * sigma)).abs() < 1e-12);
    }

    #[test]
    fn plans_go_down_to_the_lowest_level_and_share_no_draws() {
        let schedule = NoiseSchedule::default();
        for moves in [Moves::Together, Moves::InTurn] {
            for evaluations in [4, 8, 10, 16, 20, 32, 64, 100] {
                for skip_levels in [0, 3, 9] {
                    let few_step = FewStep { evaluations, moves, skip_levels, ..FewStep::default() };
                    assert_eq!(few_step.check(&schedule), Ok(()));
                    let plan = few_step.plan(&schedule, (1.0, 0.3));
                    assert_eq!(plan.len(), evaluations);
                    let levels: Vec<usize> = plan.iter().map(|update| update.level).collect();
                    assert!(levels.is_sorted_by(|a, b| a >= b) && levels[evaluations - 1] == 0, "{levels:?}");
                    assert!(levels[0] < 10 - skip_levels);
                    let steps = plan.iter().flat_map(|update| [update.position, update.lattice]).flatten();
                    let mut draws: Vec<u32> = steps.map(|step| step.draw).collect();
                    draws.sort_unstable();
                    draws.dedup();
                    let moved = if moves == Moves::Together { 2 * evaluations } else { evaluations };
                    assert_eq!(draws.len(), moved);
                    // Draw 0 is the start's.
                    assert_eq!(draws[0], 1);
                }
            }
        }
    }

    #[test]
    fn unusable_settings_are_named() {
        let schedule = NoiseSchedule::default();
        let problem =
            |few_step: FewStep| few_step.check(&schedule).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            problem(FewStep { evaluations: 1, moves: Moves::Together, ..FewStep::default() }).contains("2 or more")
        );
        assert!(problem(FewStep { evaluations: 33, moves: Moves::InTurn, ..FewStep::default() }).contains("even"));
        assert!(problem(FewStep { predictor: Renewal::Share(1.5), ..FewStep::default() }).contains("predictor = 1.5"));
        assert!(
            problem(FewStep { predictor: Renewal::Share(f64::NAN), ..FewStep::default() }).contains("predictor = NaN")
        );
        assert!(problem(FewStep { corrector: 0.0, ..FewStep::default() }).contains("share"));
        assert!(problem(FewStep { skip_levels: 10, ..FewStep::default() }).contains("less than 10"));
        assert!(problem(FewStep::default()).is_empty());
    }
}
