//! A trained model with everything that sampling needs to know of it, whole in one file.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use crystal_core::{ConfigError, SiteMode};
use multigraph::GraphConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use training::{ArchiveError, TensorArchive, archive_config, archive_into_module, described_archive};

use crate::{ModelConfig, NoiseSchedule, ScoreModelError, ScoreNetwork};

/// Metadata key of the [`Description`].
const TRAINED_KEY: &str = "trained";
/// Metadata key of the architecture's configuration.
const CONFIG_KEY: &str = "config";
/// Metadata key of the version of the layout.
const FORMAT_KEY: &str = "format";
/// The layout that is written.
const FORMAT: &str = "2";

/// Which data a model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataIdentity {
    /// Name of the data set.
    pub name: String,
    /// SHA-256 of its content.
    pub sha256: String,
    /// What was taken of it, as settings.
    pub selection: Value,
}

/// What a trained model says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Noise levels it was trained with.
    pub schedule: NoiseSchedule,
    /// Graphs it was trained with.
    pub graph: GraphConfig,
    /// Whether sites stay on their Wyckoff positions.
    pub mode: SiteMode,
    /// Data it was trained on.
    pub data: DataIdentity,
    /// Optimiser steps.
    pub steps: u64,
    /// Settings of the optimiser.
    pub optimiser: Value,
    /// Version, revision, seed and device of each leg of the training, the first leg first.
    pub provenance: Vec<Value>,
}

impl Description {
    /// Of a network that no data were needed for, such as an exact one in a test.
    pub fn untrained(schedule: NoiseSchedule, graph: GraphConfig, mode: SiteMode) -> Self {
        let data = DataIdentity { name: "none".to_owned(), sha256: String::new(), selection: Value::Null };
        Self { schedule, graph, mode, data, steps: 0, optimiser: Value::Null, provenance: Vec::new() }
    }
}

/// A model with its description: the only thing that a sampler takes.
#[derive(Debug)]
pub struct Trained<M> {
    /// The network, on its device.
    pub model: M,
    /// Name of its architecture.
    pub kind: &'static str,
    /// What it was trained for and with.
    pub description: Description,
    /// Whether it came from a file of the layout of the releases before 0.1, which was converted on reading.
    pub converted: bool,
}

/// A trained model of any architecture.
pub type AnyModel = Trained<Box<dyn ScoreNetwork>>;

impl<M: ScoreNetwork + Module + 'static> Trained<M> {
    /// A model of this configuration's kind.
    pub fn new<C: ModelConfig<Model = M>>(model: M, description: Description) -> Self {
        Self { model, kind: C::KIND, description, converted: false }
    }

    /// The same without its type.
    pub fn into_any(self) -> AnyModel {
        let Self { model, kind, description, converted } = self;
        Trained { model: Box::new(model), kind, description, converted }
    }

    /// Writes the model; `config` is that of its architecture.
    ///
    /// # Errors
    /// [`ScoreModelError::Archive`]; then nothing new is under this name.
    pub fn save<C: ModelConfig<Model = M>>(&self, config: &C, path: &Path) -> Result<(), ScoreModelError> {
        Ok(self.archive(config, path)?.save(path)?)
    }

    /// The model as an archive. `path` is named in the error.
    ///
    /// # Errors
    /// [`ScoreModelError::Archive`] if something cannot be put into text.
    pub fn archive<C: ModelConfig<Model = M>>(
        &self,
        config: &C,
        path: &Path,
    ) -> Result<TensorArchive, ScoreModelError> {
        let mut archive = described_archive(&self.model, C::KIND, config)?;
        let description =
            serde_json::to_string(&self.description).map_err(|error| metadata(path, TRAINED_KEY, error.to_string()))?;
        archive.metadata.insert(TRAINED_KEY.to_owned(), description);
        archive.metadata.insert(FORMAT_KEY.to_owned(), FORMAT.to_owned());
        Ok(archive)
    }

    /// The model in an archive, and its configuration. `path` is named in the error.
    ///
    /// # Errors
    /// [`ScoreModelError::Archive`] if the archive holds another kind of model, is incomplete, or describes a model
    /// that makes no sense.
    pub fn load<C: ModelConfig<Model = M>>(
        archive: &TensorArchive,
        path: &Path,
        device: &Device,
    ) -> Result<(Self, C), ScoreModelError> {
        let is_old = !archive.metadata.contains_key(FORMAT_KEY);
        let converted = is_old.then(|| from_first_format(archive, path)).transpose()?;
        let was_converted = converted.is_some();
        let archive = converted.as_ref().unwrap_or(archive);
        let format = archive.metadata(FORMAT_KEY, path)?;
        if format != FORMAT {
            let problem =
                format!("is {format}, a later layout than {FORMAT}, which this release reads; use a later release");
            return Err(ArchiveError::Metadata { path: path.to_owned(), key: FORMAT_KEY.to_owned(), problem }.into());
        }
        let config: C = archive_config(archive, C::KIND, path)?;
        let in_entry = |key: &str, problem: String| metadata(path, key, problem);
        config.check().map_err(|error| in_entry(CONFIG_KEY, format!("makes no sense: {error}")))?;
        let description: Description = serde_json::from_str(archive.metadata(TRAINED_KEY, path)?)
            .map_err(|error| in_entry(TRAINED_KEY, format!("is unreadable: {error}")))?;
        let levels = ConfigError::unless(
            description.schedule.n_levels == config.n_levels(),
            "n_levels",
            description.schedule.n_levels,
            &format!("{}, the number of levels of the model", config.n_levels()),
        );
        let schedule = description.schedule.check().and(levels).map_err(|error| error.of("schedule"));
        let graph = description.graph.check().map_err(|error| error.of("graph"));
        schedule.and(graph).map_err(|error| in_entry(TRAINED_KEY, format!("makes no sense: {error}")))?;
        let model = archive_into_module(config.init(device), &archive.part("model"), path)?;
        Ok((Self { converted: was_converted, ..Self::new::<C>(model, description) }, config))
    }
}

fn metadata(path: &Path, key: &str, problem: String) -> ArchiveError {
    ArchiveError::Metadata { path: path.to_owned(), key: key.to_owned(), problem }
}

/// The archive as this release writes it, from the first layout: there the entry 'config' held a whole training
/// configuration.
fn from_first_format(archive: &TensorArchive, path: &Path) -> Result<TensorArchive, ArchiveError> {
    let entry = |key: &str| -> Result<Value, ArchiveError> {
        serde_json::from_str(archive.metadata(key, path)?).map_err(|error| ArchiveError::Metadata {
            path: path.to_owned(),
            key: key.to_owned(),
            problem: format!("is unreadable: {error}"),
        })
    };
    let (config, provenance, steps) = (entry(CONFIG_KEY)?, entry("provenance")?, entry("step")?);
    let absent = |what: &str| ArchiveError::Metadata {
        path: path.to_owned(),
        key: CONFIG_KEY.to_owned(),
        problem: format!("lacks '{what}'"),
    };
    let part = |value: &Value, key: &str| value.get(key).cloned().ok_or_else(|| absent(key));
    let mut optimiser = part(&config, "training")?;
    let (schedule, graph) = (part(&optimiser, "schedule")?, part(&optimiser, "graph")?);
    if let Some(entries) = optimiser.as_object_mut() {
        entries.retain(|key, _| key != "schedule" && key != "graph");
    }
    let description = serde_json::json!({
        "schedule": schedule,
        "graph": graph,
        // Before there was a choice, sites were in general positions.
        "mode": config.get("mode").cloned().unwrap_or_else(|| "General".into()),
        "data": {
            "name": provenance.get("data").cloned().unwrap_or_default(),
            "sha256": provenance.get("data_sha256").cloned().unwrap_or_default(),
            "selection": config.get("data").cloned().unwrap_or_default(),
        },
        "steps": steps,
        "optimiser": optimiser,
        "provenance": [provenance],
    });
    let mut converted = archive.clone();
    converted.metadata.retain(|key, _| key != "provenance" && key != "step");
    converted.metadata.insert(CONFIG_KEY.to_owned(), part(&config, "model")?.to_string());
    converted.metadata.insert(TRAINED_KEY.to_owned(), description.to_string());
    converted.metadata.insert(FORMAT_KEY.to_owned(), FORMAT.to_owned());
    Ok(converted)
}
