//! How the network is trained.

use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};
use training::OptimiserConfig;

/// What the score of a noised position should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PositionTarget {
    /// The way back to the nearest image of the clean position (CDVAE's): little variance, biased at large noise.
    #[default]
    NearestImage,
    /// The noise itself: its mean is the score of the wrapped distribution.
    Noise,
}

/// Weights of the losses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossWeights {
    /// Of half the squared error of the scores, per atom.
    pub position: f64,
    /// Of the cross entropy of the elements over σ_A, per atom.
    pub element: f64,
    /// Of the mean squared error of the scaled cell.
    pub lattice: f64,
    /// Of the cross entropy of the number of atoms.
    pub number: f64,
    /// Of the cross entropy of the composition, per atom.
    pub composition: f64,
    /// Of the divergence of the encodings from the prior.
    pub kl: f64,
}

impl Default for LossWeights {
    /// CDVAE's.
    fn default() -> Self {
        Self { position: 10.0, element: 1.0, lattice: 10.0, number: 1.0, composition: 1.0, kl: 0.01 }
    }
}

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CdvaeTraining {
    /// Steps, batches, learning rate.
    pub optimiser: OptimiserConfig,
    /// Weights of the losses.
    pub weights: LossWeights,
    /// What the score of a position should be.
    pub position_target: PositionTarget,
    /// Batches over which the decoder's scale constants are fitted before the first step.
    pub scale_batches: usize,
}

impl Default for CdvaeTraining {
    fn default() -> Self {
        let optimiser = OptimiserConfig {
            steps: 40_000,
            batch_size: 256,
            learning_rate: 1e-3,
            cooldown: 0.5,
            warm_up: 1000,
            ..OptimiserConfig::default()
        };
        Self {
            optimiser,
            weights: LossWeights::default(),
            position_target: PositionTarget::default(),
            scale_batches: 16,
        }
    }
}

impl CdvaeTraining {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.optimiser.check().map_err(|error| error.of("optimiser"))?;
        let LossWeights { position, element, lattice, number, composition, kl } = self.weights;
        let weights = [
            ("weights.position", position),
            ("weights.element", element),
            ("weights.lattice", lattice),
            ("weights.number", number),
            ("weights.composition", composition),
            ("weights.kl", kl),
        ];
        weights.into_iter().try_for_each(|(field, weight)| ConfigError::unless_not_negative(field, weight))?;
        ConfigError::unless(self.scale_batches > 0, "scale_batches", self.scale_batches, "at least 1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_by_field() {
        let mut config = CdvaeTraining::default();
        assert_eq!(config.check(), Ok(()));
        config.weights.kl = -1.0;
        assert_eq!(config.check().expect_err("a negative weight").field, "weights.kl");
        config = CdvaeTraining { scale_batches: 0, ..CdvaeTraining::default() };
        assert_eq!(config.check().expect_err("nothing to fit on").field, "scale_batches");
        config.optimiser.learning_rate = 0.0;
        assert_eq!(config.check().expect_err("a rate of 0").field, "optimiser.learning_rate");
    }
}
