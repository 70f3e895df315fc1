//! Sizes of the network, its graphs and its noise levels.

use burn::tensor::Device;
use crystal_core::ConfigError;
use crystal_states::BasisConfig;
use dimenetpp::DimeNetPlusPlusConfig;
use multigraph::GraphConfig;
use score_model::ModelConfig;
use serde::{Deserialize, Serialize};

use crate::Cdvae;

/// Numbers of atoms that are told apart: 0 to 20. No crystal has 0; the class keeps the published layout.
pub const N_COUNTS: usize = 21;
/// Elements that are told apart: H to Fm.
pub const N_TYPES: usize = 100;

/// Sizes of the decoder, GemNet-dT (Gasteiger, Becker, Günnemann, arXiv 2106.08903).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderConfig {
    /// Width of atoms and messages.
    pub width: usize,
    /// Width of the messages in the angular sum.
    pub angular_width: usize,
    /// Radial functions of each degree in the bilinear layer, and of the filters elsewhere.
    pub filter_width: usize,
    /// Gaussians in the length.
    pub n_gaussians: usize,
    /// Degrees of the angular basis.
    pub n_spherical: usize,
    /// Interaction blocks; there is one output block more.
    pub n_blocks: usize,
}

impl Default for DecoderConfig {
    /// CDVAE's.
    fn default() -> Self {
        Self { width: 128, angular_width: 64, filter_width: 16, n_gaussians: 128, n_spherical: 7, n_blocks: 3 }
    }
}

impl DecoderConfig {
    /// The features that it reads. GemNet's envelope has exponent 5, which is 4 in the units of the basis.
    pub fn basis(&self) -> BasisConfig {
        BasisConfig {
            n_radial: 1,
            n_spherical: self.n_spherical,
            envelope_exponent: 4,
            n_gaussians: self.n_gaussians,
            n_levels: 1,
        }
    }

    /// Scale constants: three for each block, one for each output block.
    pub(crate) fn n_scales(&self) -> usize {
        3 * self.n_blocks + self.n_blocks + 1
    }

    fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("width", self.width),
            ("angular_width", self.angular_width),
            ("filter_width", self.filter_width),
            ("n_gaussians", self.n_gaussians),
        ];
        for (field, size) in sizes {
            ConfigError::unless((1..=1024).contains(&size), field, size, "1 to 1024")?;
        }
        ConfigError::unless(self.n_blocks <= 16, "n_blocks", self.n_blocks, "at most 16")?;
        self.basis().check()
    }
}

/// Two geometric sequences of noise, one for positions, one for elements; level 0 is the lowest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Number of levels.
    pub count: usize,
    /// Lowest and highest standard deviation of positions, Å.
    pub position: (f64, f64),
    /// Lowest and highest weight of the predicted composition in the draw of a noised element.
    pub element: (f64, f64),
}

impl Default for Levels {
    /// CDVAE's: 50 levels, 0.01 → 10 Å and 0.01 → 5.
    fn default() -> Self {
        Self { count: 50, position: (0.01, 10.0), element: (0.01, 5.0) }
    }
}

impl Levels {
    /// σ of the positions, Å.
    pub fn position_sigma(&self, level: usize) -> f64 {
        self.geometric(self.position, level)
    }

    /// σ_A of the elements.
    pub fn element_sigma(&self, level: usize) -> f64 {
        self.geometric(self.element, level)
    }

    fn geometric(&self, (low, high): (f64, f64), level: usize) -> f64 {
        if self.count < 2 { low } else { low * (high / low).powf(level as f64 / (self.count - 1) as f64) }
    }

    fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless(self.count > 0, "count", self.count, "at least 1")?;
        [("position", self.position), ("element", self.element)].into_iter().try_for_each(|(field, (low, high))| {
            let valid = low > 0.0 && high >= low && high.is_finite();
            ConfigError::unless(valid, field, (low, high), "two numbers above 0, the second not below the first")
        })
    }
}

/// The whole network: sizes, graphs, noise, and the seed of its initial parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CdvaeConfig {
    /// Sizes of the encoder. Its output blocks give one vector of `out_emb` numbers per atom; it knows one noise level,
    /// none.
    pub encoder: DimeNetPlusPlusConfig,
    /// Graphs of the encoder.
    pub encoder_graph: GraphConfig,
    /// Width of the latent vector.
    pub latent: usize,
    /// Width inside the heads for number of atoms, lattice and composition.
    pub head_width: usize,
    /// Sizes of the decoder.
    pub decoder: DecoderConfig,
    /// Graphs of the decoder.
    pub decoder_graph: GraphConfig,
    /// Noise.
    pub levels: Levels,
    /// Seed of the initial parameters.
    pub seed: u64,
}

impl Default for CdvaeConfig {
    /// CDVAE's sizes.
    fn default() -> Self {
        let encoder = DimeNetPlusPlusConfig {
            emb: 128,
            out_emb: 256,
            int_emb: 64,
            basis_emb: 8,
            n_radial: 6,
            n_levels: 1,
            ..DimeNetPlusPlusConfig::table1()
        };
        let graph = |mean_degree, min_degree, max_mean_degree| GraphConfig {
            mean_degree,
            min_degree,
            max_mean_degree,
            ..GraphConfig::default()
        };
        Self {
            encoder,
            encoder_graph: graph(20.0, 6, 60),
            latent: 256,
            head_width: 256,
            decoder: DecoderConfig::default(),
            decoder_graph: graph(24.0, 6, 60),
            levels: Levels::default(),
            seed: 0,
        }
    }
}

impl CdvaeConfig {
    /// A network for tests and for trying out on a processor.
    pub fn small() -> Self {
        let encoder = DimeNetPlusPlusConfig { n_levels: 1, ..DimeNetPlusPlusConfig::small() };
        let decoder = DecoderConfig {
            width: 32,
            angular_width: 16,
            filter_width: 8,
            n_gaussians: 32,
            n_spherical: 5,
            n_blocks: 2,
        };
        Self { encoder, latent: 32, head_width: 64, decoder, ..Self::default() }
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.encoder.check().map_err(|error| error.of("encoder"))?;
        let levels = self.encoder.n_levels;
        ConfigError::unless(levels == 1, "encoder.n_levels", levels, "1: the encoder sees no noise")?;
        self.encoder_graph.check().map_err(|error| error.of("encoder_graph"))?;
        for (field, size) in [("latent", self.latent), ("head_width", self.head_width)] {
            ConfigError::unless((1..=4096).contains(&size), field, size, "1 to 4096")?;
        }
        self.decoder.check().map_err(|error| error.of("decoder"))?;
        self.decoder_graph.check().map_err(|error| error.of("decoder_graph"))?;
        self.levels.check().map_err(|error| error.of("levels"))
    }

    /// A network with random parameters, the same on every device. On a device with autodiff, it can be trained.
    pub fn init(&self, device: &Device) -> Cdvae {
        Cdvae::new(self, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_end_where_they_should() {
        let levels = Levels::default();
        assert!((levels.position_sigma(0) - 0.01).abs() < 1e-12 && (levels.position_sigma(49) - 10.0).abs() < 1e-9);
        assert!((levels.element_sigma(0) - 0.01).abs() < 1e-12 && (levels.element_sigma(49) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn nonsense_is_refused_by_field() {
        assert_eq!(CdvaeConfig::default().check(), Ok(()));
        assert_eq!(CdvaeConfig::small().check(), Ok(()));
        let field = |change: fn(&mut CdvaeConfig)| {
            let mut config = CdvaeConfig::default();
            change(&mut config);
            config.check().expect_err("nonsense").field
        };
        assert_eq!(field(|config| config.encoder.n_levels = 5), "encoder.n_levels");
        assert_eq!(field(|config| config.latent = 0), "latent");
        assert_eq!(field(|config| config.decoder.width = 0), "decoder.width");
        assert_eq!(field(|config| config.decoder.n_spherical = 8), "decoder.n_spherical");
        assert_eq!(field(|config| config.levels.position = (1.0, 0.1)), "levels.position");
        assert_eq!(field(|config| config.decoder_graph.mean_degree = 0.0), "decoder_graph.mean_degree");
    }
}
