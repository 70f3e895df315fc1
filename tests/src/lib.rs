//! End-to-end tests live in the test targets of this package; here is what they share: small networks, and structures
//! to train on.

use burn::tensor::Device;
use crystal_core::{CrystalState, SiteMode, SpaceGroupNumber};
use datasets::{LoadOptions, Source, Split, load};
use dimenetpp::DimeNetPlusPlusConfig;
use example_model::{ExampleConfig, ExampleModel};
use langevin::{OrderedSites, SamplingOrder};
use multigraph::GraphConfig;
use score_model::{Description, ModelConfig, NoiseSchedule, Trained};

/// The model of the tutorial, small, with random weights from a seed.
pub fn example(seed: u64, device: &Device) -> ExampleModel {
    ExampleConfig { width: 16, seed, ..ExampleConfig::default() }.init(device)
}

/// A network of the paper's architecture that is quick to train.
pub fn tiny_network() -> DimeNetPlusPlusConfig {
    DimeNetPlusPlusConfig { emb: 8, out_emb: 8, int_emb: 4, basis_emb: 4, ..DimeNetPlusPlusConfig::small() }
}

/// A network as a sampler takes it, with the default noise levels and graphs.
pub fn trained<M>(model: M, mode: SiteMode) -> Trained<M> {
    let description = Description::untrained(NoiseSchedule::default(), GraphConfig::default(), mode);
    Trained { model, kind: "test", description, converted: false }
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
