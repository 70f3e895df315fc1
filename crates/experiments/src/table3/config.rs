//! The configuration of Table 3.

use crystal_core::ConfigError;
use search::{Orders, Settings};
use serde::{Deserialize, Serialize};
use stability::SystemName;

use crate::run_options::Preset;

/// What `table3` runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table3Config {
    /// The systems that are searched.
    pub systems: Vec<String>,
    /// How many of the commonest space groups.
    pub space_groups: usize,
    /// Samples of each combination of group and numbers of sites.
    pub samples: usize,
    /// Most sites of one element.
    pub most_per_element: u32,
    /// Most sites in all.
    pub most_in_all: u32,
    /// How many of each system go through phonons.
    pub top: usize,
}

impl Preset for Table3Config {
    const PRESETS: [(&'static str, &'static str); 2] = [
        ("quick", include_str!("../../../../experiments/presets/table3-quick.ron")),
        ("full", include_str!("../../../../experiments/presets/table3-full.ron")),
    ];
}

impl Table3Config {
    /// The searches, in the order of the systems.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that makes no sense.
    pub fn searches(&self, seed: u64) -> Result<Vec<(String, Settings)>, ConfigError> {
        ConfigError::unless(!self.systems.is_empty(), "systems", &self.systems, "an entry at least")?;
        ConfigError::unless(self.top > 0, "top", self.top, "at least 1")?;
        let Self { space_groups, samples, most_per_element, most_in_all, .. } = *self;
        let orders = Orders::Sites { space_groups, samples, most_per_element, most_in_all };
        let search = |name: &String| {
            let system: Result<SystemName, _> = name.parse();
            let is_system = system.is_ok();
            ConfigError::unless(is_system, "systems", name, "names of systems such as Cu-Si-K")?;
            let elements = system.map(|system| system.elements().clone()).unwrap_or_default();
            let settings = Settings { orders: orders.clone(), ..Settings::new(elements).with_seed(seed) };
            let problem = settings.check().err().map(|error| error.to_string());
            let expected = problem.clone().unwrap_or_default();
            ConfigError::unless(problem.is_none(), "space_groups, samples, most_*", name, &expected)?;
            Ok((name.clone(), settings))
        };
        self.systems.iter().map(search).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_parse_and_hold_together() {
        for name in Table3Config::preset_names() {
            let text = Table3Config::preset(name).expect("a preset");
            let config: Table3Config = druse::config::parse_ron(text, name).expect("a configuration");
            assert_eq!(config.searches(0).expect("searches").len(), 4, "{name}");
            assert!(Table3Config { top: 0, ..config.clone() }.searches(0).is_err());
            assert!(Table3Config { systems: vec!["CuSi".to_owned()], ..config.clone() }.searches(0).is_err());
            assert!(Table3Config { most_in_all: 2, ..config }.searches(0).is_err());
        }
        let full = Table3Config::preset("full").expect("a preset");
        let full: Table3Config = druse::config::parse_ron(full, "full").expect("a configuration");
        let of_the_paper = full.searches(0).expect("searches")[0].1.clone();
        assert_eq!(of_the_paper, Settings::of_the_paper(of_the_paper.elements.clone()));
    }
}
