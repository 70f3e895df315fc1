//! Configurations in RON: what `druse train` and the experiments read.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use crystal_core::SiteMode;
use score_model::{DimeNetPlusPlusConfig, TrainingConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Which structures are trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Structures of lower space-group number are dropped: 16 for the paper's table (no triclinic, no monoclinic cells).
    pub min_space_group: u8,
    /// Tolerance of the symmetry finder, Å.
    pub symprec: f64,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { min_space_group: 16, symprec: 0.1 }
    }
}

/// What `druse train` reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The network.
    pub model: DimeNetPlusPlusConfig,
    /// The training run.
    #[serde(default)]
    pub training: TrainingConfig,
    /// The data.
    #[serde(default)]
    pub data: DataConfig,
    /// Whether sites stay on their Wyckoff positions.
    #[serde(default)]
    pub mode: SiteMode,
}

impl TrainConfig {
    /// What makes the configuration unusable, if anything.
    pub fn problem(&self) -> Option<String> {
        self.training.problem().or_else(|| self.model.validate().err().map(|error| error.to_string())).or_else(|| {
            (self.model.n_levels != self.training.schedule.n_levels).then(|| {
                format!(
                    "model.n_levels is {} and training.schedule.n_levels is {}; they must agree",
                    self.model.n_levels, self.training.schedule.n_levels
                )
            })
        })
    }
}

/// Reads a configuration; an unknown or missing key is an error that names file, line and column.
///
/// # Errors
/// If the file cannot be read or is no such configuration.
pub fn read_ron<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    parse_ron(&text, &path.display().to_string())
}

/// As [`read_ron`], from text that `name` stands for in messages.
///
/// # Errors
/// If the text is no such configuration.
pub fn parse_ron<T: DeserializeOwned>(text: &str, name: &str) -> Result<T> {
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    options.from_str(text).map_err(|error| anyhow!("{name}:{}:{}: {}", error.span.start.line, error.span.start.col, error.code))
}

/// A configuration as RON text, for the run's folder.
///
/// # Errors
/// If the value cannot be written as RON.
pub fn to_ron<T: Serialize>(value: &T) -> Result<String> {
    Ok(ron::ser::to_string_pretty(value, ron::ser::PrettyConfig::default())? + "\n")
}
