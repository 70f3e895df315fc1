//! Samplers by name, and the split that they are measured against.

use crystal_core::ConfigError;
use datasets::Split;
use langevin::SamplerConfig;
use score_model::NoiseSchedule;
use serde::{Deserialize, Serialize};

/// A sampler to compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedSampler {
    /// Name of its row and of its folder; small letters, digits and hyphens.
    pub name: String,
    /// The sampler. Noise levels and graph are those of the network.
    pub sampling: SamplerConfig,
    /// Whether its row is left out unless it is asked for by name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_demand: bool,
}

/// The split that orders are taken from and structures are measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReferenceSplit {
    /// For choosing settings.
    Validation,
    /// For the table.
    #[default]
    Test,
}

impl ReferenceSplit {
    /// The split.
    pub fn split(self) -> Split {
        match self {
            Self::Validation => Split::Validation,
            Self::Test => Split::Test,
        }
    }

    /// Its name in notes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Whether the samplers of a list make sense for a network of these noise levels.
///
/// # Errors
/// [`ConfigError`] for the first that does not.
pub(crate) fn check(samplers: &[NamedSampler], schedule: &NoiseSchedule) -> Result<(), ConfigError> {
    samplers.iter().enumerate().try_for_each(|(index, NamedSampler { name, sampling, .. })| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_plain = !name.is_empty() && name.chars().all(plain);
        ConfigError::unless(
            is_plain,
            "samplers.name",
            name,
            "small letters, digits and hyphens: the name becomes a folder",
        )?;
        let is_new = samplers[..index].iter().all(|other| other.name != *name);
        ConfigError::unless(is_new, "samplers.name", name, "another name: this one stands twice")?;
        sampling.check(schedule).map_err(|error| error.of(&format!("samplers.{name}")))
    })
}

#[cfg(test)]
mod tests {
    use langevin::{FewStep, Method};

    use super::*;

    fn sampler(name: &str, evaluations: usize) -> NamedSampler {
        let method = Method::FewStep(FewStep { evaluations, ..FewStep::default() });
        NamedSampler {
            name: name.to_owned(),
            sampling: SamplerConfig { method, ..SamplerConfig::default() },
            on_demand: false,
        }
    }

    #[test]
    fn unusable_lists_are_named() {
        let said = |samplers: &[NamedSampler]| {
            check(samplers, &NoiseSchedule::default()).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(said(&[sampler("a", 16), sampler("b", 16)]), "");
        assert!(said(&[sampler("a", 16), sampler("a", 32)]).contains("twice"));
        assert!(said(&[sampler("../a", 16)]).contains("folder"));
        assert!(said(&[sampler("a", 0)]).starts_with("samplers.a.method.FewStep.evaluations"));
    }
}
