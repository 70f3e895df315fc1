//! What can go wrong.

use std::path::PathBuf;

/// Errors of training, checkpoints and generation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PgcgmError {
    /// The configuration makes no sense.
    #[error("configuration: {0}")]
    Config(#[from] crystal_core::ConfigError),
    /// There are no crystals that the model can hold.
    #[error(
        "the training data hold no crystal of three elements with one orbit each in one of the 20 space groups; \
         give MP-20"
    )]
    Empty,
    /// A loss is infinite or not a number.
    #[error("a loss of step {step} is not a finite number; lower the learning rates and start again")]
    NotFinite {
        /// Step of the generator.
        step: u64,
    },
    /// A training state could not be used.
    #[error(transparent)]
    State(#[from] training::TrainingError),
    /// A checkpoint could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] training::ArchiveError),
    /// A checkpoint is whole and does not hold what its header says.
    #[error("{}: {problem}; it was not written by this program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// What the caller measures generated crystals with failed.
    #[error("measuring generated crystals: {0}")]
    Measure(Box<dyn std::error::Error + Send + Sync>),
    /// A device failed while it worked.
    #[error("{0}; with less memory take smaller batches")]
    Device(#[from] tensor_ops::DeviceFailure),
}
