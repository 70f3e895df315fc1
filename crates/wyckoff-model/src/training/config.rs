//! The configuration of a training run.

use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};
use training::AdamSettings;

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Most optimiser steps.
    pub steps: u64,
    /// Most minutes, resumed legs together; the learning rate falls to zero at the end of the steps or of the minutes,
    /// whichever is nearer, so a run that ends by its minutes depends on the speed of the device.
    pub minutes: Option<f64>,
    /// Sequences per step.
    pub batch_size: usize,
    /// Adam's largest learning rate. It rises linearly over `warm_up` and then falls to zero as half a cosine.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises.
    pub warm_up: u64,
    /// Adam's decay rates.
    pub betas: (f32, f32),
    /// Gradients are scaled down to this global norm.
    pub gradient_norm: f64,
    /// Decay of the moving average of the weights, the ones that are measured and kept. It is smaller in the first
    /// steps.
    pub ema_decay: f64,
    /// Weight of the likelihood of compositions beside those of groups and positions.
    pub composition_weight: f64,
    /// Share of the sequences that are not told their elements beforehand.
    pub elements_dropped: f64,
    /// Share of the sequences that are not told their group beforehand.
    pub group_dropped: f64,
    /// Share of the sequences in which elements are known by their properties alone, as one that was never seen.
    pub properties_only: f64,
    /// The validation split is measured after this number of steps, again and again, and at the end.
    pub validate_every: u64,
    /// Seed of the order of the data and of what is left out.
    pub seed: u64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            steps: 6000,
            minutes: None,
            batch_size: 1024,
            learning_rate: 1e-3,
            warm_up: 200,
            betas: (0.9, 0.98),
            gradient_norm: 1.0,
            ema_decay: 0.998,
            composition_weight: 0.2,
            elements_dropped: 0.5,
            group_dropped: 0.8,
            properties_only: 0.1,
            validate_every: 50,
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
        ConfigError::unless(self.steps > 0, "steps", self.steps, "at least 1")?;
        if let Some(minutes) = self.minutes {
            ConfigError::unless_positive("minutes", minutes)?;
        }
        ConfigError::unless(self.batch_size > 0, "batch_size", self.batch_size, "at least 1")?;
        ConfigError::unless_positive("learning_rate", self.learning_rate)?;
        ConfigError::unless_both_below_one("betas", self.betas)?;
        ConfigError::unless_positive("gradient_norm", self.gradient_norm)?;
        ConfigError::unless_below_one("ema_decay", self.ema_decay)?;
        ConfigError::unless_not_negative("composition_weight", self.composition_weight)?;
        for (field, share) in [
            ("elements_dropped", self.elements_dropped),
            ("group_dropped", self.group_dropped),
            ("properties_only", self.properties_only),
        ] {
            ConfigError::unless((0.0..=1.0).contains(&share), field, share, "a number from 0 to 1")?;
        }
        ConfigError::unless(self.validate_every > 0, "validate_every", self.validate_every, "at least 1")
    }

    /// How much of the run is done after this many steps and seconds, 0 to 1 and beyond.
    pub(super) fn progress(&self, step: u64, seconds: f64) -> f64 {
        let of_steps = step as f64 / self.steps as f64;
        self.minutes.map_or(of_steps, |minutes| of_steps.max(seconds / (60.0 * minutes)))
    }

    /// The optimiser's settings for a step, counted from 0.
    pub(super) fn adam_at(&self, step: u64, progress: f64) -> AdamSettings {
        let rising = ((step + 1) as f64 / self.warm_up.max(1) as f64).min(1.0);
        let falling = 0.5 * (1.0 + (std::f64::consts::PI * progress.clamp(0.0, 1.0)).cos());
        AdamSettings {
            learning_rate: self.learning_rate * rising * falling,
            betas: self.betas,
            gradient_norm: self.gradient_norm,
            // An average over more steps than were made would be one of the initial weights.
            ema_decay: self.ema_decay.min((1.0 + step as f64) / (10.0 + step as f64)),
        }
    }

    /// The same without what may differ when a run goes on: its length.
    pub(super) fn comparable(&self) -> Self {
        Self { steps: 1, minutes: None, validate_every: 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_rises_and_falls() {
        let config = TrainingConfig { steps: 1000, warm_up: 10, learning_rate: 1.0, ..TrainingConfig::default() };
        let rate = |step, seconds| config.adam_at(step, config.progress(step, seconds)).learning_rate;
        assert!(rate(0, 0.0) < 0.11 && rate(9, 0.0) > 0.99);
        assert!((rate(500, 0.0) - 0.5).abs() < 1e-9 && rate(1000, 0.0) < 1e-12);
        let timed = TrainingConfig { minutes: Some(1.0), ..config.clone() };
        assert_eq!(timed.progress(100, 30.0), 0.5);
        assert_eq!(timed.progress(900, 30.0), 0.9);
        assert_eq!(timed.comparable(), config.comparable());
    }

    #[test]
    fn nonsense_is_refused_by_field() {
        let default = TrainingConfig::default;
        assert_eq!(default().check(), Ok(()));
        let field = |config: TrainingConfig| config.check().expect_err("nonsense").field;
        assert_eq!(field(TrainingConfig { steps: 0, ..default() }), "steps");
        assert_eq!(field(TrainingConfig { minutes: Some(0.0), ..default() }), "minutes");
        assert_eq!(field(TrainingConfig { betas: (0.9, 1.0), ..default() }), "betas");
        assert_eq!(field(TrainingConfig { composition_weight: -1.0, ..default() }), "composition_weight");
        assert_eq!(field(TrainingConfig { group_dropped: 1.5, ..default() }), "group_dropped");
        assert_eq!(field(TrainingConfig { validate_every: 0, ..default() }), "validate_every");
    }
}
