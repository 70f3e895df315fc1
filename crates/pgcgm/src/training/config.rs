//! The configuration of a training.

use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};
use training::AdamSettings;

/// No gradient is scaled down.
const NO_LIMIT: f64 = 1e30;

/// Where between a real and a drawn crystal the critic's slope is penalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PenaltyPoints {
    /// At a share of the way that is uniform in [0, 1).
    #[default]
    Uniform,
    /// At a normally distributed share, as in the published function.
    Normal,
}

/// How a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Steps of the generator in all.
    pub steps: u64,
    /// Most minutes of a leg, measurements included; the rest is done by going on.
    pub minutes: Option<f64>,
    /// Crystals of a batch.
    pub batch_size: usize,
    /// Steps of the critic for each of the generator.
    pub critic_steps: usize,
    /// Adam's learning rate, generator.
    pub learning_rate: f64,
    /// Adam's learning rate, critic.
    pub critic_learning_rate: f64,
    /// Adam's decay rates, both.
    pub betas: (f32, f32),
    /// Weight of the penalty on the critic's slope.
    pub penalty: f64,
    /// Where it is taken.
    pub penalty_points: PenaltyPoints,
    /// Weight of the two losses of distances.
    pub contact_weight: f64,
    /// Weight of the loss that makes the three sets of positions one orbit, 1/Å²; 0, as published, leaves it out.
    pub orbit_weight: f64,
    /// Decay of the moving average of the generator's weights.
    pub ema_decay: f64,
    /// Generated crystals are measured, and the state is saved, after this number of steps, again and again.
    pub measure_every: u64,
    /// Batches that the stored moments of the norms are the mean of.
    pub moment_batches: u64,
    /// Seed of the order of the data and of all draws.
    pub seed: u64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            steps: 20_000,
            minutes: None,
            batch_size: 256,
            critic_steps: 5,
            learning_rate: 1e-4,
            critic_learning_rate: 1e-4,
            betas: (0.5, 0.9),
            penalty: 10.0,
            penalty_points: PenaltyPoints::Uniform,
            contact_weight: 1.0,
            orbit_weight: 0.0,
            ema_decay: 0.999,
            measure_every: 1000,
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
        let counts =
            [("steps", self.steps), ("measure_every", self.measure_every), ("moment_batches", self.moment_batches)];
        counts.into_iter().try_for_each(|(field, n)| ConfigError::unless(n > 0, field, n, "at least 1"))?;
        ConfigError::unless((1..=1000).contains(&self.critic_steps), "critic_steps", self.critic_steps, "1 to 1000")?;
        // A norm over one row has no variance.
        ConfigError::unless((2..=1 << 16).contains(&self.batch_size), "batch_size", self.batch_size, "2 to 65536")?;
        ConfigError::unless_positive("learning_rate", self.learning_rate)?;
        ConfigError::unless_positive("critic_learning_rate", self.critic_learning_rate)?;
        if let Some(minutes) = self.minutes {
            ConfigError::unless_positive("minutes", minutes)?;
        }
        let decay = |beta: f32| (0.0..1.0).contains(&beta);
        let betas = decay(self.betas.0) && decay(self.betas.1);
        ConfigError::unless(betas, "betas", self.betas, "two numbers from 0 to below 1")?;
        let weights =
            [("penalty", self.penalty), ("contact_weight", self.contact_weight), ("orbit_weight", self.orbit_weight)];
        weights.into_iter().try_for_each(|(field, weight)| {
            ConfigError::unless(weight.is_finite() && weight >= 0.0, field, weight, "a number from 0 on")
        })?;
        let ema = (0.0..1.0).contains(&self.ema_decay);
        ConfigError::unless(ema, "ema_decay", self.ema_decay, "a number from 0 to below 1")
    }

    pub(super) fn generator_adam(&self) -> AdamSettings {
        AdamSettings {
            learning_rate: self.learning_rate,
            betas: self.betas,
            gradient_norm: NO_LIMIT,
            ema_decay: self.ema_decay,
        }
    }

    pub(super) fn critic_adam(&self) -> AdamSettings {
        // Nobody asks for the critic's average.
        AdamSettings { learning_rate: self.critic_learning_rate, ema_decay: 0.0, ..self.generator_adam() }
    }

    /// The same without what may differ when a run goes on.
    pub(super) fn comparable(&self) -> Self {
        let Self { steps, minutes, measure_every, moment_batches, .. } = Self::default();
        Self { steps, minutes, measure_every, moment_batches, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_by_field() {
        let default = TrainingConfig::default;
        assert_eq!(default().check(), Ok(()));
        let field = |config: TrainingConfig| config.check().expect_err("nonsense").field;
        assert_eq!(field(TrainingConfig { steps: 0, ..default() }), "steps");
        assert_eq!(field(TrainingConfig { batch_size: 1, ..default() }), "batch_size");
        assert_eq!(field(TrainingConfig { minutes: Some(0.0), ..default() }), "minutes");
        assert_eq!(field(TrainingConfig { learning_rate: f64::NAN, ..default() }), "learning_rate");
        assert_eq!(field(TrainingConfig { critic_learning_rate: -1.0, ..default() }), "critic_learning_rate");
        assert_eq!(field(TrainingConfig { betas: (0.5, 1.0), ..default() }), "betas");
        assert_eq!(field(TrainingConfig { orbit_weight: -1.0, ..default() }), "orbit_weight");
        assert_eq!(field(TrainingConfig { ema_decay: 1.0, ..default() }), "ema_decay");
    }
}
