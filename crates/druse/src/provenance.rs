//! What a result was made with.

use datasets::DataSet;
use serde::{Deserialize, Serialize};
use tensor_ops::{Precision, precision};

use crate::DeviceName;

/// Version, revision, seed, data and device of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of Druse.
    pub version: String,
    /// Git revision of the source.
    pub git: String,
    /// Whether the source differed from that revision.
    #[serde(default)]
    pub dirty: bool,
    /// Seed of the run.
    pub seed: u64,
    /// Name of the data set.
    pub data: String,
    /// SHA-256 of its content.
    pub data_sha256: String,
    /// The device.
    pub device: DeviceName,
    /// Precision of the matrix products, where the device has more than one.
    #[serde(default)]
    pub precision: Precision,
}

impl Provenance {
    /// Of this build, with these data.
    pub fn of(data: &DataSet, seed: u64, device: DeviceName) -> Self {
        Self::of_named(&data.name, &data.sha256, seed, device)
    }

    /// Of this build, with data of which only name and SHA-256 are at hand.
    pub fn of_named(data: &str, data_sha256: &str, seed: u64, device: DeviceName) -> Self {
        Self {
            version: VERSION.to_owned(),
            git: GIT_REVISION.to_owned(),
            dirty: dirty(),
            seed,
            data: data.to_owned(),
            data_sha256: data_sha256.to_owned(),
            device,
            precision: precision(),
        }
    }
}

/// Version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Git revision of this build, `unknown` outside a repository.
pub const GIT_REVISION: &str = env!("DRUSE_GIT_REVISION");

/// Whether the source of this build differed from [`GIT_REVISION`].
pub fn dirty() -> bool {
    env!("DRUSE_GIT_DIRTY") == "true"
}
