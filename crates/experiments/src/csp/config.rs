//! The configuration of structure prediction.

use druse::config::{DataConfig, TrainConfig};
use serde::{Deserialize, Serialize};

use crate::run_options::Preset;
use crate::table1::{NamedSampler, ReferenceSplit, fit_sampler, sampler_problem};

/// What of a structure the sampler is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given {
    /// Space group and the element on each Wyckoff position.
    Letters,
    /// Space group and formula of the primitive cell. The positions of each try are drawn from the prior that was learned on the training split.
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
    /// Samplers; a row each. Schedule and graph are those of the training.
    pub samplers: Vec<NamedSampler>,
}

impl Preset for CspConfig {
    const PRESETS: [(&'static str, &'static str); 2] = [
        ("quick", include_str!("../../../../experiments/csp-quick.ron")),
        ("full", include_str!("../../../../experiments/csp-full.ron")),
    ];
}

impl CspConfig {
    /// Gives all samplers the seed, and the schedule and graph that the network was trained with.
    pub fn resolve(mut self, trained: &TrainConfig, seed: u64) -> Self {
        self.samplers.iter_mut().for_each(|sampler| fit_sampler(&mut sampler.sampling, &trained.training, seed));
        self
    }

    /// What makes the configuration unusable, if anything.
    pub fn problem(&self) -> Option<String> {
        if self.tries == 0 {
            return Some("tries must be at least 1".to_owned());
        }
        if self.given.is_empty() || self.samplers.is_empty() {
            return Some("given and samplers must have an entry each".to_owned());
        }
        sampler_problem(&self.samplers)
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
            assert_eq!(config.problem(), None, "{name}");
            assert!(CspConfig { tries: 0, ..config.clone() }.problem().is_some_and(|text| text.contains("tries")));
            assert!(CspConfig { samplers: vec![], ..config }.problem().is_some());
        }
        assert!(CspConfig::preset("no-such-preset").is_none());
        let parsed = |text: &str| druse::config::parse_ron::<CspConfig>(text, "list").expect("a configuration");
        let all = parsed(include_str!("../../../../experiments/csp-all.ron"));
        assert_eq!((all.problem(), all.n_structures), (None, 0));
        let selection = parsed(include_str!("../../../../experiments/csp-selection.ron"));
        assert_eq!((selection.problem(), selection.reference), (None, ReferenceSplit::Validation));
    }
}
