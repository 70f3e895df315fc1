//! Checkpoints: trained weights with the configuration and the provenance they need, and the one that is compiled in.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;
use crystal_core::SiteMode;
use score_model::checkpoint::{archive_config, archive_into_model, model_to_archive};
use score_model::{CheckpointError, DimeNetPlusPlus, TensorArchive};
use sha2::{Digest, Sha256};

use crate::Provenance;
use crate::config::TrainConfig;

/// The checkpoints that are used when none is named, with their names in messages and in `--json`; their model cards lie beside them.
const SHIPPED: [(SiteMode, &str, &[u8]); 2] = [
    (SiteMode::General, "assets/weights/mp20.safetensors", include_bytes!("../../../assets/weights/mp20.safetensors")),
    (
        SiteMode::Wyckoff,
        "assets/weights/mp20-wyckoff.safetensors",
        include_bytes!("../../../assets/weights/mp20-wyckoff.safetensors"),
    ),
];

const PROVENANCE_KEY: &str = "provenance";
const STEP_KEY: &str = "step";

/// A model ready to sample with.
#[derive(Debug)]
pub struct Loaded {
    /// The network, on the device.
    pub model: DimeNetPlusPlus,
    /// How it was trained: its schedule and graph are the ones to sample with.
    pub config: TrainConfig,
    /// What it was trained with.
    pub provenance: Provenance,
    /// Steps it was trained.
    pub step: u64,
    /// The file, or the name of the compiled-in one.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Writes a checkpoint.
///
/// # Errors
/// If the file cannot be written; nothing new is then under its name.
pub fn save(path: &Path, model: &DimeNetPlusPlus, config: &TrainConfig, provenance: &Provenance, step: u64) -> Result<()> {
    let mut archive = model_to_archive(model, config)?;
    archive.metadata.insert(PROVENANCE_KEY.to_owned(), serde_json::to_string(provenance)?);
    archive.metadata.insert(STEP_KEY.to_owned(), step.to_string());
    archive.save(path)?;
    Ok(())
}

/// Reads a checkpoint, or the one compiled in for a mode, onto a device.
///
/// # Errors
/// [`CheckpointError`] (in the chain) if the file cannot be read, is damaged, or holds another model.
pub fn load(path: Option<&Path>, shipped: SiteMode, device: &Device) -> Result<Loaded> {
    let (name, bytes) = match path {
        Some(path) => {
            let read = std::fs::read(path).map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
            (path, std::borrow::Cow::from(read))
        }
        None => {
            let (_, name, bytes) = SHIPPED.iter().find(|(mode, ..)| *mode == shipped).expect("each mode has a checkpoint");
            (Path::new(name), std::borrow::Cow::from(*bytes))
        }
    };
    let archive = TensorArchive::from_bytes(&bytes, name)?;
    let config: TrainConfig = archive_config(&archive, DimeNetPlusPlus::KIND, name)?;
    let model = archive_into_model(config.model.init(device), &archive, name)?;
    let unreadable =
        |key: &str| format!("{}: metadata entry '{key}' is unreadable; the file was not written by druse", name.display());
    let provenance = serde_json::from_str(archive.metadata(PROVENANCE_KEY, name)?).with_context(|| unreadable(PROVENANCE_KEY))?;
    let step = archive.metadata(STEP_KEY, name)?.parse().with_context(|| unreadable(STEP_KEY))?;
    Ok(Loaded { model, config, provenance, step, path: name.display().to_string(), sha256: hex_digest(&bytes) })
}

/// SHA-256 of a checkpoint file.
///
/// # Errors
/// If the file cannot be read.
pub fn sha256_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Ok(hex_digest(&bytes))
}

fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
