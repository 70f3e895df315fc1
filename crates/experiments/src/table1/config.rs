//! The configuration of Table 1.

use druse::config::TrainConfig;
use langevin::SamplerConfig;
use serde::{Deserialize, Serialize};

use super::samplers::{self, NamedSampler, ReferenceSplit};
use crate::run_options::Preset;

/// The row of random training structures against the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Random training structures per draw.
    pub n_structures: usize,
    /// Draws; the row gives their mean and standard deviation.
    pub draws: usize,
}

/// What `table1` runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table1Config {
    /// Network, training and data.
    pub train: TrainConfig,
    /// The sampler. Its schedule, graph and seed are those of the training.
    pub sampling: SamplerConfig,
    /// Further samplers, a row each; with any, the run's folder gets `samplers.csv` and `samplers.svg`.
    #[serde(default)]
    pub samplers: Vec<NamedSampler>,
    /// Samplers of the Wyckoff mode, a row each: with the network compiled in for it, and its schedule and graph, sites on positions that are drawn from
    /// the prior learned on the training split.
    #[serde(default)]
    pub wyckoff: Vec<NamedSampler>,
    /// The split that orders come from and figures are measured against.
    #[serde(default)]
    pub reference: ReferenceSplit,
    /// Structures to sample, one for each of as many random structures of that split.
    pub n_samples: usize,
    /// The '1000 stable structures' row.
    pub calibration: Calibration,
    /// Bootstrap samples behind each standard deviation.
    pub bootstrap: usize,
}

impl Preset for Table1Config {
    const PRESETS: [(&'static str, &'static str); 2] = [
        ("quick", include_str!("../../../../experiments/table1-quick.ron")),
        ("full", include_str!("../../../../experiments/table1-full.ron")),
    ];
}

impl Table1Config {
    /// Sets the seed of every stage, and gives the samplers the schedule and graph that the network is trained with.
    pub fn resolve(mut self, seed: u64) -> Self {
        self.train.model.seed = seed;
        self.train.training.seed = seed;
        self.resolve_sampling(seed)
    }

    /// The same for the samplers alone, where the training is done already.
    pub fn resolve_sampling(mut self, seed: u64) -> Self {
        for sampling in self.samplers.iter_mut().map(|sampler| &mut sampler.sampling).chain([&mut self.sampling]) {
            samplers::fit(sampling, &self.train.training, seed);
        }
        self
    }

    /// What makes the configuration unusable, if anything.
    pub fn problem(&self) -> Option<String> {
        let at_least =
            |name: &str, value: usize, least: usize| (value < least).then(|| format!("{name} must be at least {least}"));
        self.train
            .problem()
            .or_else(|| self.sampling.problem())
            .or_else(|| samplers::problem(&[self.samplers.as_slice(), &self.wyckoff].concat()))
            .or_else(|| at_least("n_samples", self.n_samples, 2))
            .or_else(|| at_least("calibration.n_structures", self.calibration.n_structures, 2))
            .or_else(|| at_least("calibration.draws", self.calibration.draws, 1))
            .or_else(|| at_least("bootstrap", self.bootstrap, 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_parse_and_hold_together() {
        for name in Table1Config::preset_names() {
            let text = Table1Config::preset(name).expect("a preset");
            let config: Table1Config = druse::config::parse_ron(text, name).expect("a configuration");
            assert_eq!(config.resolve(7).problem(), None, "{name}");
        }
        assert!(Table1Config::preset("no-such-preset").is_none());
    }

    #[test]
    fn comparisons_of_samplers_parse() {
        let text = include_str!("../../../../experiments/few-step/validation.ron");
        let config: Table1Config = druse::config::parse_ron(text, "few-step").expect("a configuration");
        let config = config.resolve(7);
        assert_eq!(config.problem(), None);
        assert!(!config.samplers.is_empty() && config.samplers.iter().all(|sampler| sampler.sampling.seed == 7));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let text = Table1Config::preset("quick").expect("a preset").replace("n_samples", "n_sampels");
        let error = druse::config::parse_ron::<Table1Config>(&text, "quick.ron").expect_err("a misspelt key").to_string();
        assert!(error.starts_with("quick.ron:") && error.contains("n_sampels"), "{error}");
    }
}
