//! The configuration of Table 1.

use crystal_core::{ConfigError, SiteMode};
use druse::config::{DataConfig, TrainConfig};
use langevin::SamplerConfig;
use score_model::NoiseSchedule;
use serde::{Deserialize, Serialize};

use crate::run_options::Preset;
use crate::samplers::{self, NamedSampler, ReferenceSplit};

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
    /// Which structures of the data are measured against, and trained on.
    #[serde(default)]
    pub data: DataConfig,
    /// The training, where the run trains a network (`--train`); a finished run has it only then.
    #[serde(default)]
    pub train: Option<TrainConfig>,
    /// The sampler of the row 'this work'. Noise levels and graph are those of the network.
    pub sampling: SamplerConfig,
    /// Further samplers, a row each; with any, the run's folder gets `samplers.csv` and `samplers.svg`.
    #[serde(default)]
    pub samplers: Vec<NamedSampler>,
    /// Samplers of the Wyckoff mode, a row each: with a network of that mode, sites on positions that are drawn from
    /// the prior learned on the training split.
    #[serde(default)]
    pub wyckoff: Vec<NamedSampler>,
    /// Samplers of the Wyckoff mode, a row each, whose crystals the proposer chooses altogether: no order of the split
    /// is told.
    #[serde(default)]
    pub de_novo: Vec<NamedSampler>,
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
        ("quick", include_str!("../../../../experiments/presets/table1-quick.ron")),
        ("full", include_str!("../../../../experiments/presets/table1-full.ron")),
    ];
}

impl Table1Config {
    /// Sets the seed of every stage.
    #[must_use]
    pub fn resolve(mut self, seed: u64) -> Self {
        self.train = self.train.map(|train| train.with_seed(seed));
        let samplers = self
            .samplers
            .iter_mut()
            .chain(&mut self.wyckoff)
            .chain(&mut self.de_novo)
            .map(|sampler| &mut sampler.sampling);
        samplers.chain([&mut self.sampling]).for_each(|sampling| sampling.seed = seed);
        self
    }

    /// Whether the numbers make sense; `schedule` is that of the network that is sampled with.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self, schedule: &NoiseSchedule) -> Result<(), ConfigError> {
        let at_least = |field: &str, value: usize, least: usize| {
            ConfigError::unless(value >= least, field, value, &format!("at least {least}"))
        };
        if let Some(train) = &self.train {
            train.check().map_err(|error| error.of("train"))?;
            let expected = "what 'data' says: a network is trained on the structures that are measured against";
            ConfigError::unless(train.data == self.data, "train.data", &train.data, expected)?;
            let general = train.mode == SiteMode::General;
            ConfigError::unless(
                general,
                "train.mode",
                train.mode,
                "General: the row gives space group and sites per element",
            )?;
        }
        self.sampling.check(schedule).map_err(|error| error.of("sampling"))?;
        samplers::check(&[self.samplers.as_slice(), &self.wyckoff, &self.de_novo].concat(), schedule)?;
        at_least("n_samples", self.n_samples, 2)?;
        at_least("calibration.n_structures", self.calibration.n_structures, 2)?;
        at_least("calibration.draws", self.calibration.draws, 1)?;
        at_least("bootstrap", self.bootstrap, 2)
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
            assert_eq!(config.resolve(7).check(&NoiseSchedule::default()), Ok(()), "{name}");
        }
        assert!(Table1Config::preset("no-such-preset").is_none());
    }

    #[test]
    fn comparisons_of_samplers_parse() {
        let text = include_str!("../../../../experiments/presets/table1-few-step-validation.ron");
        let config: Table1Config = druse::config::parse_ron(text, "few-step").expect("a configuration");
        let config = config.resolve(7);
        assert_eq!(config.check(&NoiseSchedule::default()), Ok(()));
        assert!(!config.samplers.is_empty() && config.samplers.iter().all(|sampler| sampler.sampling.seed == 7));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let text = Table1Config::preset("quick").expect("a preset").replace("n_samples", "n_sampels");
        let error =
            druse::config::parse_ron::<Table1Config>(&text, "quick.ron").expect_err("a misspelt key").to_string();
        assert!(error.starts_with("quick.ron:") && error.contains("n_sampels"), "{error}");
    }
}
