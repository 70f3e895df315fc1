//! What a result was made with.

use datasets::DataSet;
use serde::{Deserialize, Serialize};

use crate::DeviceName;

/// Version, revision, seed, data and device of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of Druse.
    pub version: String,
    /// Git revision of the source.
    pub git: String,
    /// Seed of the run.
    pub seed: u64,
    /// Name of the data set.
    pub data: String,
    /// SHA-256 of its files.
    pub data_sha256: String,
    /// The device.
    pub device: DeviceName,
}

impl Provenance {
    /// Of this build, with these data.
    pub fn of(data: &DataSet, seed: u64, device: DeviceName) -> Self {
        Self {
            version: VERSION.to_owned(),
            git: GIT_REVISION.to_owned(),
            seed,
            data: data.name.clone(),
            data_sha256: data.sha256.clone(),
            device,
        }
    }
}

/// Version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Git revision of this build, `unknown` outside a repository.
pub const GIT_REVISION: &str = env!("DRUSE_GIT_REVISION");
