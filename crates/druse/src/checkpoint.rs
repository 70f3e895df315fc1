//! Checkpoints: trained models in files, and those that are compiled in.

use std::path::Path;

use ::training::TensorArchive;
use burn::tensor::Device;
use crystal_core::SiteMode;
use score_model::AnyModel;
use sealed_file::sha256_hex;

use crate::{Architecture, DruseError};

/// The checkpoints that are used when none is named, with their names in messages and in `--json`; their model cards
/// lie beside them.
const SHIPPED: [(SiteMode, &str, &[u8]); 2] = [
    (SiteMode::General, "assets/weights/mp20.safetensors", include_bytes!("../assets/weights/mp20.safetensors")),
    (
        SiteMode::Wyckoff,
        "assets/weights/mp20-wyckoff.safetensors",
        include_bytes!("../assets/weights/mp20-wyckoff.safetensors"),
    ),
];

/// A model ready to sample with, and the file it came from.
#[derive(Debug)]
pub struct Checkpoint {
    /// The model with its noise levels, graph, mode and origin.
    pub trained: AnyModel,
    /// The configuration of its architecture.
    pub architecture: Architecture,
    /// The file, or the name of the compiled-in one.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Reads a checkpoint onto a device.
///
/// # Errors
/// [`DruseError::Read`], [`DruseError::UnknownKind`], [`DruseError::Model`] if the file is damaged.
pub fn load(path: &Path, device: &Device) -> Result<Checkpoint, DruseError> {
    let bytes = std::fs::read(path).map_err(|source| DruseError::Read { path: path.to_owned(), source })?;
    from_bytes(&bytes, path, device)
}

/// The checkpoint that is compiled in for a mode, on a device.
///
/// # Errors
/// [`DruseError::Model`] if the network does not fit the device.
pub fn shipped(mode: SiteMode, device: &Device) -> Result<Checkpoint, DruseError> {
    let (_, name, bytes) = SHIPPED.iter().find(|(of, ..)| *of == mode).expect("each mode has a checkpoint");
    from_bytes(bytes, Path::new(name), device)
}

/// [`load`], or [`shipped`] without a file; a checkpoint of the other mode is refused.
///
/// # Errors
/// Those of both; [`DruseError::Mode`].
pub fn for_mode(path: Option<&Path>, mode: SiteMode, device: &Device) -> Result<Checkpoint, DruseError> {
    let checkpoint = path.map_or_else(|| shipped(mode, device), |path| load(path, device))?;
    let trained = checkpoint.trained.description.mode;
    if trained != mode {
        let told = |mode| match mode {
            SiteMode::General => "sites that go anywhere",
            SiteMode::Wyckoff => "sites on Wyckoff positions",
        };
        return Err(DruseError::Mode { path: checkpoint.path, trained: told(trained), wanted: told(mode) });
    }
    Ok(checkpoint)
}

/// A checkpoint from the bytes of its file. `path` is named in the error.
///
/// # Errors
/// Those of [`load`] but [`DruseError::Read`].
pub fn from_bytes(bytes: &[u8], path: &Path, device: &Device) -> Result<Checkpoint, DruseError> {
    let archive = TensorArchive::from_bytes(bytes, path).map_err(score_model::ScoreModelError::from)?;
    let (trained, architecture) = Architecture::load(&archive, path, device)?;
    Ok(Checkpoint { trained, architecture, path: path.display().to_string(), sha256: sha256_hex(bytes) })
}

/// Writes a checkpoint of any layout as `target` in the present one. Returns the SHA-256 of the file written.
///
/// # Errors
/// Those of [`load`]; [`DruseError::Model`] if `target` cannot be written, then nothing new is there.
pub fn convert(path: &Path, target: &Path, device: &Device) -> Result<String, DruseError> {
    let archive = TensorArchive::load(path).map_err(score_model::ScoreModelError::from)?;
    let rewritten = Architecture::rewritten(&archive, path, device)?;
    rewritten.save(target).map_err(score_model::ScoreModelError::from)?;
    sha256_of(target)
}

/// SHA-256 of a file.
///
/// # Errors
/// [`DruseError::Read`].
pub fn sha256_of(path: &Path) -> Result<String, DruseError> {
    let bytes = std::fs::read(path).map_err(|source| DruseError::Read { path: path.to_owned(), source })?;
    Ok(sha256_hex(&bytes))
}
