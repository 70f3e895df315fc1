//! Sizes of the network.

use burn::tensor::Device;
use crystal_core::ConfigError;
use score_model::{BasisConfig, ModelConfig};
use serde::{Deserialize, Serialize};
use tensor_ops::ParameterSource;

use crate::ExampleModel;

/// Number of elements, hydrogen to oganesson.
const N_ELEMENTS: usize = 118;

/// Sizes of the network and the seed of its initial parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExampleConfig {
    /// Width of all layers.
    pub width: usize,
    /// Number of radial functions.
    pub n_radial: usize,
    /// Number of noise levels.
    pub n_levels: usize,
    /// Seed of the initial parameters.
    pub seed: u64,
}

impl Default for ExampleConfig {
    fn default() -> Self {
        Self { width: 32, n_radial: 8, n_levels: 10, seed: 0 }
    }
}

impl ModelConfig for ExampleConfig {
    type Model = ExampleModel;

    const KIND: &'static str = "example-model";

    fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless((1..=1024).contains(&self.width), "width", self.width, "1 to 1024")?;
        self.basis().check()
    }

    fn n_levels(&self) -> usize {
        self.n_levels
    }

    fn with_seed(&self, seed: u64) -> Self {
        Self { seed, ..self.clone() }
    }

    fn init(&self, device: &Device) -> ExampleModel {
        let mut source = ParameterSource::new(self.seed, device);
        ExampleModel {
            elements: source.uniform([N_ELEMENTS, self.width], 1.0),
            levels: source.uniform([self.n_levels, self.width], 1.0),
            filter: source.dense_without_bias(self.n_radial, self.width),
            hidden: source.dense(self.width, self.width),
            output: source.dense(self.width, 2),
            basis: self.basis(),
        }
    }
}

impl ExampleConfig {
    /// The features the network reads.
    fn basis(&self) -> BasisConfig {
        BasisConfig {
            n_radial: self.n_radial,
            n_spherical: 1,
            envelope_exponent: 5,
            n_gaussians: 0,
            n_levels: self.n_levels,
        }
    }
}
