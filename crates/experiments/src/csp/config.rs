//! The configuration of structure prediction.

use crystal_core::ConfigError;
use druse::config::DataConfig;
use score_model::NoiseSchedule;
use serde::{Deserialize, Serialize};

use crate::run_options::Preset;
use crate::samplers::{self, NamedSampler, ReferenceSplit};

/// What of a structure the sampler is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given {
    /// Space group and the element on each Wyckoff position.
    Letters,
    /// Space group and formula of the primitive cell; [`Positions`] says where the rest comes from.
    Formula,
}

impl Given {
    /// How tables name it.
    pub fn described(self) -> &'static str {
        match self {
            Self::Letters => "letters",
            Self::Formula => "formula",
        }
    }
}

/// Where Wyckoff positions come from if only the formula is given. Both have learned from the training split alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Positions {
    /// The proposer: tries are spread over its likeliest assignments, and all candidates of a try stand on one.
    #[default]
    Proposed,
    /// The prior, a product of counts: every candidate of every try has its own draw.
    Drawn,
}

/// What `csp` runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CspConfig {
    /// How many random structures of the split; 0: all.
    pub n_structures: usize,
    /// Tries per structure.
    pub tries: usize,
    /// The split whose structures are predicted.
    pub reference: ReferenceSplit,
    /// Which of its structures.
    pub data: DataConfig,
    /// What is given; a row each.
    pub given: Vec<Given>,
    /// Where positions come from if only the formula is given.
    #[serde(default)]
    pub positions: Positions,
    /// Samplers; a row each. Noise levels and graph are those of the network.
    pub samplers: Vec<NamedSampler>,
}

impl Preset for CspConfig {
    const PRESETS: [(&'static str, &'static str); 2] = [
        ("quick", include_str!("../../../../experiments/presets/csp-quick.ron")),
        ("full", include_str!("../../../../experiments/presets/csp-full.ron")),
    ];
}

impl CspConfig {
    /// Gives all samplers the seed.
    #[must_use]
    pub fn resolve(mut self, seed: u64) -> Self {
        self.samplers.iter_mut().for_each(|sampler| sampler.sampling.seed = seed);
        self
    }

    /// Whether the numbers make sense for a network of these noise levels.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self, schedule: &NoiseSchedule) -> Result<(), ConfigError> {
        ConfigError::unless(self.tries > 0, "tries", self.tries, "at least 1")?;
        ConfigError::unless(!self.given.is_empty(), "given", &self.given, "an entry at least")?;
        ConfigError::unless(!self.samplers.is_empty(), "samplers", &self.samplers, "an entry at least")?;
        samplers::check(&self.samplers, schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_parse_and_hold_together() {
        for name in CspConfig::preset_names() {
            let text = CspConfig::preset(name).expect("a preset");
            let config: CspConfig = druse::config::parse_ron(text, name).expect("a configuration");
            let check = |config: CspConfig| config.check(&NoiseSchedule::default());
            assert_eq!(check(config.clone()), Ok(()), "{name}");
            assert!(check(CspConfig { tries: 0, ..config.clone() }).is_err_and(|error| error.field == "tries"));
            assert!(check(CspConfig { samplers: vec![], ..config }).is_err());
        }
        assert!(CspConfig::preset("no-such-preset").is_none());
        let parsed = |text: &str| druse::config::parse_ron::<CspConfig>(text, "list").expect("a configuration");
        let all = parsed(include_str!("../../../../experiments/presets/csp-all.ron"));
        let check = |config: &CspConfig| config.check(&NoiseSchedule::default());
        assert_eq!((check(&all), all.n_structures), (Ok(()), 0));
        let selection = parsed(include_str!("../../../../experiments/presets/csp-selection.ron"));
        assert_eq!((check(&selection), selection.reference), (Ok(()), ReferenceSplit::Validation));
    }
}
