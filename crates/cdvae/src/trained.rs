//! Checkpoints: a trained network with all that sampling needs, whole in one file.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use sealed_file::sha256_hex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use training::{ArchiveError, TensorArchive, archive_config, archive_into_module, described_archive};

use crate::{Cdvae, CdvaeConfig, CdvaeError, LatticeScaler};

/// Metadata key of the [`Description`].
const TRAINED_KEY: &str = "trained";

/// What a trained network says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// How cells are scaled.
    pub scaler: LatticeScaler,
    /// Optimiser steps.
    pub steps: u64,
    /// Crystals it was trained on.
    pub n_crystals: usize,
    /// SHA-256 of these crystals as the network sees them.
    pub crystals_sha256: String,
    /// Settings of the training.
    pub training: Value,
    /// Losses at the end: of the last steps, and of the validation split.
    pub losses: Value,
    /// Version, revision, data, seed and device of each leg of the training.
    pub provenance: Vec<Value>,
}

/// A trained network with its description.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The network, on its device.
    pub model: Cdvae,
    /// What it was trained with.
    pub description: Description,
    /// SHA-256 of the file; empty for one that was not read from a file.
    pub sha256: String,
}

impl Trained {
    /// A network that was just trained.
    pub fn new(model: Cdvae, description: Description) -> Self {
        Self { model: model.no_grad(), description, sha256: String::new() }
    }

    /// Writes the network, large arrays in half precision.
    ///
    /// # Errors
    /// [`CdvaeError::Checkpoint`]; then nothing new is under this name.
    pub fn save(&self, path: &Path) -> Result<(), CdvaeError> {
        let archive = described_archive(&self.model, Cdvae::KIND, self.model.config())?;
        let mut archive = archive.with_large_in_half_precision();
        let description = serde_json::to_string(&self.description).map_err(|error| unreadable(path, &error))?;
        archive.metadata.insert(TRAINED_KEY.to_owned(), description);
        Ok(archive.save(path)?)
    }

    /// Reads a network onto a device.
    ///
    /// # Errors
    /// [`CdvaeError::Checkpoint`] if the file cannot be read, is damaged or holds another kind of model,
    /// [`CdvaeError::Config`] if the sizes in it make no sense.
    pub fn load(path: &Path, device: &Device) -> Result<Self, CdvaeError> {
        let content = std::fs::read(path).map_err(|source| ArchiveError::Read { path: path.to_owned(), source })?;
        let archive = TensorArchive::from_bytes(&content, path)?;
        let config: CdvaeConfig = archive_config(&archive, Cdvae::KIND, path)?;
        config.check()?;
        let description =
            serde_json::from_str(archive.metadata(TRAINED_KEY, path)?).map_err(|error| unreadable(path, &error))?;
        let part = archive.part("model").in_single_precision();
        let model = archive_into_module(config.init(device), &part, path)?.no_grad();
        Ok(Self { model, description, sha256: sha256_hex(&content) })
    }
}

fn unreadable(path: &Path, error: &serde_json::Error) -> ArchiveError {
    let problem = format!("is unreadable: {error}");
    ArchiveError::Metadata { path: path.to_owned(), key: TRAINED_KEY.to_owned(), problem }
}
