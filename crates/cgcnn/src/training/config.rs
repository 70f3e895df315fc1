//! The configuration of a training run.

use score_model::AdamSettings;
use serde::{Deserialize, Serialize};

use crate::CgcnnError;

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
    /// Decay of the moving average of the weights, the ones that are measured and kept. It is smaller in the first steps.
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
    /// Checks that the configuration makes sense.
    ///
    /// # Errors
    /// [`CgcnnError::Config`].
    pub fn validate(&self) -> Result<(), CgcnnError> {
        let positive = "but must be positive";
        let share = "but must lie between 0 and 1";
        let checks = [
            ("epochs", self.epochs as f64, self.epochs > 0, positive),
            ("batch_size", self.batch_size as f64, self.batch_size > 1, "but a batch norm needs at least 2"),
            ("learning_rate", self.learning_rate, self.learning_rate > 0.0 && self.learning_rate.is_finite(), positive),
            ("warm_up", self.warm_up, (0.0..=1.0).contains(&self.warm_up), share),
            ("gradient_norm", self.gradient_norm, self.gradient_norm > 0.0 && self.gradient_norm.is_finite(), positive),
            ("ema_decay", self.ema_decay, (0.0..1.0).contains(&self.ema_decay), share),
            ("moment_batches", self.moment_batches as f64, self.moment_batches > 0, positive),
        ];
        match checks.into_iter().find(|(_, _, good, _)| !good) {
            Some((name, value, _, expected)) => Err(CgcnnError::Config { name, value, expected }),
            None => Ok(()),
        }
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
        assert!(TrainingConfig::default().validate().is_ok());
        for config in [
            TrainingConfig { epochs: 0, ..TrainingConfig::default() },
            TrainingConfig { batch_size: 1, ..TrainingConfig::default() },
            TrainingConfig { learning_rate: f64::NAN, ..TrainingConfig::default() },
            TrainingConfig { ema_decay: 1.0, ..TrainingConfig::default() },
        ] {
            assert!(matches!(config.validate(), Err(CgcnnError::Config { .. })), "{config:?}");
        }
    }
}
