//! Files of weights: our own checkpoints, and the published program's.

use std::path::Path;

use burn::tensor::Device;
use sealed_file::sha256_hex;
use training::{ArchiveError, TensorArchive, archive_config, archive_into_module, described_archive};

use crate::published;
use crate::{Cgcnn, CgcnnConfig, CgcnnError, Normaliser};

/// SHA-256 of `formation-energy-per-atom.pth.tar` as published with the paper's program.
pub const PUBLISHED_SHA256: &str = "e2f8bb910744f2c2f21d968285b6fd4316d795d0f3e7465ed0e3b4f3c92651a1";

/// Metadata key of the scale of the energies, JSON.
const NORMALISER_KEY: &str = "normaliser";

/// Who wrote a file of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightFormat {
    /// A checkpoint of [`crate::train`].
    Own,
    /// A checkpoint of the published PyTorch program.
    PyTorch,
}

/// A network and the file it came from.
#[derive(Debug)]
pub struct Weights {
    /// The network.
    pub model: Cgcnn,
    /// The file, as it was named.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Who wrote it.
    pub format: WeightFormat,
}

impl Weights {
    /// Reads a checkpoint of either kind onto a device.
    ///
    /// # Errors
    /// [`CgcnnError::Read`], [`CgcnnError::Foreign`], [`CgcnnError::PublishedArray`], [`CgcnnError::Checkpoint`].
    pub fn load(path: &Path, device: &Device) -> Result<Self, CgcnnError> {
        let content = std::fs::read(path).map_err(|source| CgcnnError::Read { path: path.to_owned(), source })?;
        if is_safetensors(&content) {
            return Self::from_bytes(&content, path, device);
        }
        let model = published::read(path, device)?;
        Ok(Self {
            model,
            path: path.display().to_string(),
            sha256: sha256_hex(&content),
            format: WeightFormat::PyTorch,
        })
    }

    /// A checkpoint of ours from a file's content. `path` names it in messages.
    ///
    /// # Errors
    /// [`CgcnnError::Checkpoint`], [`CgcnnError::Config`].
    pub fn from_bytes(content: &[u8], path: &Path, device: &Device) -> Result<Self, CgcnnError> {
        let archive = TensorArchive::from_bytes(content, path)?;
        let config: CgcnnConfig = archive_config(&archive, Cgcnn::KIND, path)?;
        config.check()?;
        let normaliser: Normaliser =
            serde_json::from_str(archive.metadata(NORMALISER_KEY, path)?).map_err(|error| ArchiveError::Metadata {
                path: path.to_owned(),
                key: NORMALISER_KEY.to_owned(),
                problem: format!("is unreadable: {error}"),
            })?;
        let model = archive_into_module(config.init(device), &archive.part("model"), path)?.with_normaliser(normaliser);
        Ok(Self { model, path: path.display().to_string(), sha256: sha256_hex(content), format: WeightFormat::Own })
    }

    /// What the file is, for tables and messages.
    pub fn description(&self) -> String {
        let kind = match (self.format, self.sha256.as_str()) {
            (_, PUBLISHED_SHA256) => "the published weights formation-energy-per-atom",
            (WeightFormat::PyTorch, _) => "weights of the published program",
            (WeightFormat::Own, _) => "weights trained by this program",
        };
        format!("{kind}, {} (SHA-256 {}…)", self.path, &self.sha256[..12])
    }
}

impl Cgcnn {
    /// The weights as an archive; more metadata can be added before it is saved.
    ///
    /// # Errors
    /// [`CgcnnError::Checkpoint`] if the sizes cannot be written as JSON.
    pub fn to_archive(&self) -> Result<TensorArchive, CgcnnError> {
        let mut archive = described_archive(self, Self::KIND, &self.config())?;
        let Normaliser { mean, std } = self.normaliser();
        archive.metadata.insert(NORMALISER_KEY.to_owned(), serde_json::json!({ "mean": mean, "std": std }).to_string());
        Ok(archive)
    }
}

/// A safetensors file begins with the length of its header, eight bytes, and the header's opening brace.
fn is_safetensors(content: &[u8]) -> bool {
    content.get(8) == Some(&b'{')
}
