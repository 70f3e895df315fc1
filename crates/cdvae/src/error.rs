//! What can go wrong.

use training::{ArchiveError, TrainingError};

/// Errors of the model, its checkpoints and its sampler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CdvaeError {
    /// A configuration that makes no sense.
    #[error(transparent)]
    Config(#[from] crystal_core::ConfigError),
    /// A cell or its sites are no crystal.
    #[error(transparent)]
    Crystal(#[from] crystal_core::CrystalError),
    /// A batch does not fit the network.
    #[error(transparent)]
    States(#[from] crystal_states::StateError),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] ArchiveError),
    /// A training failed.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// A device failed while structures were sampled.
    #[error("{0}; with less memory take smaller batches")]
    Device(#[from] tensor_ops::DeviceFailure),
}
