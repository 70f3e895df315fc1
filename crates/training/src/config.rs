//! The configuration of the optimiser.

use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};

use crate::AdamSettings;

/// How long and how fast a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimiserConfig {
    /// Optimiser steps in all.
    pub steps: u64,
    /// Structures per step.
    pub batch_size: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Adam's decay rates.
    pub betas: (f32, f32),
    /// Gradients are scaled down to this global norm.
    pub gradient_norm: f64,
    /// Decay of the moving average of the weights, the ones that are kept.
    pub ema_decay: f64,
    /// Share of the steps at the end over which the learning rate falls linearly to zero.
    pub cooldown: f64,
    /// Steps at the start over which the learning rate rises linearly. Not written where there are none, so that runs
    /// of releases that knew none are recognised.
    #[serde(skip_serializing_if = "is_zero")]
    pub warm_up: u64,
    /// A training state is written after this number of steps, again and again, and at the end.
    pub checkpoint_every: u64,
    /// Losses are read from the device after this number of steps, again and again.
    pub read_every: u64,
    /// Seed of the order of the data and of the noise.
    pub seed: u64,
}

impl Default for OptimiserConfig {
    /// 75 500 steps of 32 structures, the paper's learning rate (method §3).
    fn default() -> Self {
        Self {
            steps: 75_500,
            batch_size: 32,
            learning_rate: 2e-4,
            betas: (0.9, 0.999),
            gradient_norm: 1.0,
            ema_decay: 0.999,
            cooldown: 0.0,
            warm_up: 0,
            checkpoint_every: 1000,
            read_every: 10,
            seed: 0,
        }
    }
}

impl OptimiserConfig {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless(self.steps > 0, "steps", self.steps, "at least 1")?;
        ConfigError::unless(self.batch_size > 0, "batch_size", self.batch_size, "at least 1")?;
        ConfigError::unless_positive("learning_rate", self.learning_rate)?;
        ConfigError::unless_both_below_one("betas", self.betas)?;
        ConfigError::unless_positive("gradient_norm", self.gradient_norm)?;
        let within = |low, high| format!("a number from {low} to {high}");
        ConfigError::unless_below_one("ema_decay", self.ema_decay)?;
        ConfigError::unless((0.0..=1.0).contains(&self.cooldown), "cooldown", self.cooldown, &within(0, 1))?;
        ConfigError::unless(self.checkpoint_every > 0, "checkpoint_every", self.checkpoint_every, "at least 1")?;
        ConfigError::unless(self.read_every > 0, "read_every", self.read_every, "at least 1")
    }

    /// The optimiser's settings for a step, counted from 0.
    pub fn adam_at(&self, step: u64) -> AdamSettings {
        AdamSettings {
            learning_rate: self.learning_rate_at(step),
            betas: self.betas,
            gradient_norm: self.gradient_norm,
            ema_decay: self.ema_decay,
        }
    }

    /// Learning rate of a step, counted from 0.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        let cooldown_steps = self.cooldown * self.steps as f64;
        let left = self.steps.saturating_sub(step) as f64;
        let rising = if step < self.warm_up { (step + 1) as f64 / self.warm_up as f64 } else { 1.0 };
        let falling = if left < cooldown_steps { left / cooldown_steps } else { 1.0 };
        self.learning_rate * rising * falling
    }

    /// The same without what may differ when a run goes on: it may be made longer, and saved or read at other times.
    #[must_use]
    pub fn comparable(&self) -> Self {
        let default = Self::default();
        Self {
            steps: default.steps,
            checkpoint_every: default.checkpoint_every,
            read_every: default.read_every,
            ..self.clone()
        }
    }
}

fn is_zero(steps: &u64) -> bool {
    *steps == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_by_field() {
        assert_eq!(OptimiserConfig::default().check(), Ok(()));
        let field = |config: OptimiserConfig| config.check().expect_err("nonsense").field;
        let default = OptimiserConfig::default;
        assert_eq!(field(OptimiserConfig { steps: 0, ..default() }), "steps");
        assert_eq!(field(OptimiserConfig { batch_size: 0, ..default() }), "batch_size");
        assert_eq!(field(OptimiserConfig { learning_rate: f64::NAN, ..default() }), "learning_rate");
        // The corrections of Adam divide by 1 − β^t.
        assert_eq!(field(OptimiserConfig { betas: (0.9, 1.0), ..default() }), "betas");
        assert_eq!(field(OptimiserConfig { betas: (-0.1, 0.9), ..default() }), "betas");
        assert_eq!(field(OptimiserConfig { ema_decay: 1.0, ..default() }), "ema_decay");
        assert_eq!(field(OptimiserConfig { cooldown: 1.5, ..default() }), "cooldown");
        assert_eq!(field(OptimiserConfig { read_every: 0, ..default() }), "read_every");
    }

    #[test]
    fn the_learning_rate_falls_at_the_end() {
        let config = OptimiserConfig { steps: 100, cooldown: 0.2, learning_rate: 1.0, ..OptimiserConfig::default() };
        assert_eq!(config.learning_rate_at(0), 1.0);
        assert_eq!(config.learning_rate_at(80), 1.0);
        assert!((config.learning_rate_at(90) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_learning_rate_rises_at_the_start() {
        let config = OptimiserConfig { steps: 100, warm_up: 10, learning_rate: 1.0, ..OptimiserConfig::default() };
        assert!((config.learning_rate_at(0) - 0.1).abs() < 1e-12);
        assert!((config.learning_rate_at(9) - 1.0).abs() < 1e-12 && config.learning_rate_at(99) == 1.0);
    }
}
