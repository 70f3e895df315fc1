//! The configuration of a training run.

use multigraph::GraphConfig;
use serde::{Deserialize, Serialize};

use super::AdamSettings;
use crate::noise::NoiseSchedule;

/// How a score model is trained. Defaults are the paper's where it names a value (method §3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Noise levels.
    pub schedule: NoiseSchedule,
    /// The graph's cut-off.
    pub graph: GraphConfig,
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
    /// Decay of the moving average of the weights, the ones used for sampling.
    pub ema_decay: f64,
    /// Share of the steps at the end over which the learning rate falls linearly to zero. The paper: 0.
    pub cooldown: f64,
    /// A checkpoint is written every so many steps, and at the end.
    pub checkpoint_every: u64,
    /// Losses are read from the device every so many steps.
    pub read_every: u64,
    /// Seed of initial weights, order of the data and noise.
    pub seed: u64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            schedule: NoiseSchedule::default(),
            graph: GraphConfig::default(),
            steps: 75_500,
            batch_size: 32,
            learning_rate: 2e-4,
            betas: (0.9, 0.999),
            gradient_norm: 1.0,
            ema_decay: 0.999,
            cooldown: 0.0,
            checkpoint_every: 1000,
            read_every: 10,
            seed: 0,
        }
    }
}

impl TrainingConfig {
    /// What makes the configuration unusable, if anything.
    pub fn problem(&self) -> Option<String> {
        let positive = |name: &str, value: f64| (!(value > 0.0 && value.is_finite())).then(|| format!("{name} must be positive"));
        self.schedule
            .problem()
            .or_else(|| positive("steps", self.steps as f64))
            .or_else(|| positive("batch_size", self.batch_size as f64))
            .or_else(|| positive("learning_rate", self.learning_rate))
            .or_else(|| positive("gradient_norm", self.gradient_norm))
            .or_else(|| positive("checkpoint_every", self.checkpoint_every as f64))
            .or_else(|| positive("read_every", self.read_every as f64))
            .or_else(|| (!(0.0..1.0).contains(&self.ema_decay)).then(|| "ema_decay must be at least 0 and below 1".to_owned()))
            .or_else(|| (!(0.0..=1.0).contains(&self.cooldown)).then(|| "cooldown must lie between 0 and 1".to_owned()))
    }

    /// The optimiser's settings for a step, counted from 0.
    pub(super) fn adam_at(&self, step: u64) -> AdamSettings {
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
        if left < cooldown_steps { self.learning_rate * left / cooldown_steps } else { self.learning_rate }
    }
}
