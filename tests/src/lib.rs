//! End-to-end tests live in the test targets of this package; here is what they share: a second, tiny score model, written as another
//! crate would write it, and structures to train on.

use burn::Tensor;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Device;
use crystal_core::{CrystalState, SiteMode, SpaceGroupNumber};
use datasets::{LoadOptions, Source, Split, load};
use langevin::{OrderedSites, SamplingOrder};
use score_model::{BasisConfig, ParameterSource, ScoreBatch, ScoreEstimate, ScoreModel, readout};

/// Two dense layers on the radial functions of each edge: no messages, no elements.
#[derive(Module, Debug)]
pub struct TinyModel {
    hidden: Linear,
    output: Linear,
    #[module(skip)]
    basis: BasisConfig,
}

impl TinyModel {
    /// Random weights from a seed.
    pub fn new(seed: u64, device: &Device) -> Self {
        let basis = BasisConfig { n_radial: 6, n_spherical: 2, envelope_exponent: 5, n_gaussians: 4, n_levels: 10 };
        let mut source = ParameterSource::new(seed, device);
        Self { hidden: source.dense(basis.n_radial, 16), output: source.dense_without_bias(16, 2), basis }
    }
}

impl ScoreModel for TinyModel {
    fn basis(&self) -> BasisConfig {
        self.basis.clone()
    }

    fn forward(&self, batch: &ScoreBatch) -> ScoreEstimate {
        let hidden: Tensor<2> = self.hidden.forward(batch.radial.clone()).tanh();
        readout(self.output.forward(hidden) * batch.envelope.clone(), batch)
    }

    fn kind(&self) -> &'static str {
        "tiny"
    }
}

/// The first `n` embedded training structures, their sites in general position or bound to their Wyckoff positions.
pub fn embedded_states(n: usize, mode: SiteMode) -> Vec<CrystalState> {
    let options = LoadOptions { min_space_group: 16, ..LoadOptions::default() };
    let data = load(&Source::Embedded, &options).expect("the embedded structures load");
    data.split(Split::Train)
        .iter()
        .filter_map(|record| record.unit.as_ref().ok())
        .take(n)
        .map(|unit| unit.to_state(mode))
        .collect()
}

/// An order of `count` structures.
pub fn order(space_group: i64, sites: &str, count: usize) -> SamplingOrder {
    SamplingOrder {
        space_group: SpaceGroupNumber::new(space_group).expect("a space group"),
        sites: OrderedSites::General(sites.parse().expect("a composition")),
        count,
    }
}
