//! The configuration of a training run.

use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};
use training::AdamSettings;

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Passes over the training set.
    pub epochs: usize,
    /// Structures per step.
    pub batch_size: usize,
    /// Adam's largest learning rate. It rises linearly over `warm_up` and then falls to zero as half a cosine.
    pub learning_rate: f64,
    /// Share of the steps over which the learning rate rises.
    pub warm_up: f64,
    /// Adam's decay rates.
    pub betas: (f32, f32),
    /// Gradients are scaled down to this global norm.
    pub gradient_norm: f64,
    /// Decay of the moving average of the weights, the ones that are measured and kept. It is smaller in the first
    /// steps.
    pub ema_decay: f64,
    /// Batches over which the stored moments of the batch norms are averaged before the weights are measured.
    pub moment_batches: usize,
    /// Seed of the order of the structures.
    pub seed: u64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 250,
            batch_size: 512,
            learning_rate: 3e-3,
            warm_up: 0.02,
            betas: (0.9, 0.999),
            gradient_norm: 10.0,
            ema_decay: 0.998,
            moment_batches: 16,
            seed: 0,
        }
    }
}

impl TrainingConfig {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless(self.epochs > 0, "epochs", self.epochs, "at least 1")?;
        ConfigError::unless(self.batch_size > 1, "batch_size", self.batch_size, "at least 2, for the batch norm")?;
        ConfigError::unless_positive("learning_rate", self.learning_rate)?;
        ConfigError::unless((0.0..=1.0).contains(&self.warm_up), "warm_up", self.warm_up, "a number from 0 to 1")?;
        ConfigError::unless_both_below_one("betas", self.betas)?;
        ConfigError::unless_positive("gradient_norm", self.gradient_norm)?;
        ConfigError::unless_below_one("ema_decay", self.ema_decay)?;
        ConfigError::unless(self.moment_batches > 0, "moment_batches", self.moment_batches, "at least 1")
    }

    /// The optimiser's settings for a step of `n_steps`, counted from 0.
    pub(super) fn adam_at(&self, step: u64, n_steps: u64) -> AdamSettings {
        let progress = (step as f64 + 1.0) / n_steps as f64;
        let share = if progress < self.warm_up {
            progress / self.warm_up
        } else {
            let fallen = (progress - self.warm_up) / (1.0 - self.warm_up).max(f64::MIN_POSITIVE);
            0.5 * (1.0 + (std::f64::consts::PI * fallen).cos())
        };
        AdamSettings {
            learning_rate: self.learning_rate * share,
            betas: self.betas,
            gradient_norm: self.gradient_norm,
            // An average over more steps than were made would be one of the initial weights.
            ema_decay: self.ema_decay.min((1.0 + step as f64) / (10.0 + step as f64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_rises_and_falls() {
        let config = TrainingConfig { learning_rate: 1.0, warm_up: 0.1, ..TrainingConfig::default() };
        let rates: Vec<f64> = (0..100).map(|step| config.adam_at(step, 100).learning_rate).collect();
        assert!((rates[4] - 0.5).abs() < 1e-12 && (rates[9] - 1.0).abs() < 1e-12);
        let decay = |step| config.adam_at(step, 100).ema_decay;
        assert!(decay(0) < 0.2 && decay(50) < decay(90) && decay(1_000_000) == config.ema_decay);
        assert!(rates[9..].windows(2).all(|pair| pair[1] < pair[0]) && rates[99].abs() < 1e-12);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(TrainingConfig::default().check().is_ok());
        for config in [
            TrainingConfig { epochs: 0, ..TrainingConfig::default() },
            TrainingConfig { batch_size: 1, ..TrainingConfig::default() },
            TrainingConfig { learning_rate: f64::NAN, ..TrainingConfig::default() },
            TrainingConfig { ema_decay: 1.0, ..TrainingConfig::default() },
            TrainingConfig { betas: (0.9, 1.0), ..TrainingConfig::default() },
        ] {
            assert!(config.check().is_err(), "{config:?}");
        }
    }
}
