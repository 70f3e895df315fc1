//! Checkpoints.

use std::path::Path;

use burn::tensor::Device;
use crystal_core::Species;
use sealed_file::sha256_hex;
use training::{ArchiveError, TensorArchive, archive_config, archive_into_module, described_archive};

use crate::{WyckoffModel, WyckoffModelConfig, WyckoffModelError};

/// Metadata key of the symbols of the elements in the training data, JSON.
const ELEMENTS_KEY: &str = "elements";

/// A trained network and the file it came from.
#[derive(Debug, Clone)]
pub struct Weights {
    /// The network.
    pub model: WyckoffModel,
    /// The elements that it has learned from.
    pub elements: Vec<Species>,
    /// The file, as it was named.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

impl Weights {
    /// Reads a checkpoint onto a device.
    ///
    /// # Errors
    /// [`WyckoffModelError::Checkpoint`], [`WyckoffModelError::Config`].
    pub fn load(path: &Path, device: &Device) -> Result<Self, WyckoffModelError> {
        let content = std::fs::read(path).map_err(|source| ArchiveError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(&content, path, device)
    }

    /// A checkpoint from a file's content. `path` names it in messages.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_bytes(content: &[u8], path: &Path, device: &Device) -> Result<Self, WyckoffModelError> {
        let archive = TensorArchive::from_bytes(content, path)?;
        let config: WyckoffModelConfig = archive_config(&archive, WyckoffModel::KIND, path)?;
        config.check()?;
        let elements = serde_json::from_str(archive.metadata(ELEMENTS_KEY, path)?).map_err(|error| {
            let problem = format!("is unreadable: {error}");
            ArchiveError::Metadata { path: path.to_owned(), key: ELEMENTS_KEY.to_owned(), problem }
        })?;
        let part = archive.part("model").in_single_precision();
        let model = archive_into_module(WyckoffModel::new(&config, device), &part, path)?.without_grad();
        Ok(Self { model, elements, path: path.display().to_string(), sha256: sha256_hex(content) })
    }
}

impl WyckoffModel {
    fn without_grad(self) -> Self {
        burn::module::Module::no_grad(self)
    }

    /// The weights as an archive, large arrays in half precision, with the elements that they were trained on; more
    /// metadata can be added before it is saved.
    ///
    /// # Errors
    /// [`WyckoffModelError::Checkpoint`] if the sizes cannot be written as JSON.
    pub fn to_archive(&self, elements: &[Species]) -> Result<TensorArchive, WyckoffModelError> {
        let mut archive = described_archive(self, Self::KIND, self.config())?.with_large_in_half_precision();
        archive.metadata.insert(ELEMENTS_KEY.to_owned(), serde_json::json!(elements).to_string());
        Ok(archive)
    }
}
