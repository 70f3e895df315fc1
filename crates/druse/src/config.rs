//! Configurations in RON: what `druse train` and the experiments read.

use std::path::Path;

use crystal_core::{ConfigError, SiteMode};
use score_model::TrainingConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Architecture, DruseError};

/// Which structures are trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Structures of lower space-group number are dropped: 16 for the paper's table (no triclinic, no monoclinic
    /// cells).
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
    /// The network, by architecture.
    pub model: Architecture,
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
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.model.check().map_err(|error| error.of("model"))?;
        self.training.check().map_err(|error| error.of("training"))?;
        let (model, schedule) = (self.model.n_levels(), self.training.schedule.n_levels);
        let expected = format!("{model}, the number of levels of the model");
        ConfigError::unless(model == schedule, "training.schedule.n_levels", schedule, &expected)
    }

    /// The same with another seed of the initial parameters, the order of the data and the noise.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.model = self.model.with_seed(seed);
        self.training.optimiser.seed = seed;
        self
    }
}

/// Reads a configuration; an unknown or missing key is an error that names file, line and column.
///
/// # Errors
/// [`DruseError::Read`], [`DruseError::Ron`].
pub fn read_ron<T: DeserializeOwned>(path: &Path) -> Result<T, DruseError> {
    let text = std::fs::read_to_string(path).map_err(|source| DruseError::Read { path: path.to_owned(), source })?;
    parse_ron(&text, &path.display().to_string())
}

/// As [`read_ron`], from text that is called `name` in messages.
///
/// # Errors
/// [`DruseError::Ron`].
pub fn parse_ron<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, DruseError> {
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    options.from_str(text).map_err(|error| DruseError::Ron {
        name: name.to_owned(),
        line: error.span.start.line,
        column: error.span.start.col,
        reason: error.code.to_string(),
    })
}

/// A configuration as RON text, for the run's folder.
///
/// # Errors
/// [`DruseError::Serialise`].
pub fn to_ron<T: Serialize>(value: &T) -> Result<String, DruseError> {
    let text = ron::ser::to_string_pretty(value, ron::ser::PrettyConfig::default())
        .map_err(|error| DruseError::Serialise { what: "configuration", reason: error.to_string() })?;
    Ok(text + "\n")
}
