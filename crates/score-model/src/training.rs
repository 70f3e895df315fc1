//! The configuration of a training run.

use crystal_core::ConfigError;
use multigraph::GraphConfig;
use serde::{Deserialize, Serialize};
use training::OptimiserConfig;

use crate::NoiseSchedule;

/// How a score model is trained. Defaults are the paper's where it names a value (method §3).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Noise levels.
    pub schedule: NoiseSchedule,
    /// The graph's cut-off.
    pub graph: GraphConfig,
    /// Steps, batches, learning rate.
    pub optimiser: OptimiserConfig,
}

impl TrainingConfig {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.schedule.check().map_err(|error| error.of("schedule"))?;
        self.graph.check().map_err(|error| error.of("graph"))?;
        self.optimiser.check().map_err(|error| error.of("optimiser"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_graph_is_refused() {
        let mut config = TrainingConfig::default();
        assert_eq!(config.check(), Ok(()));
        config.graph.mean_degree = 0.0;
        assert_eq!(config.check().expect_err("no neighbours").field, "graph.mean_degree");
        let mut config = TrainingConfig::default();
        config.optimiser.betas = (0.9, 1.0);
        assert_eq!(config.check().expect_err("an average that never moves").field, "optimiser.betas");
    }
}
