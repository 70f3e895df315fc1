//! What can go wrong while training.

use std::path::PathBuf;

/// Errors of a training run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The configuration makes no sense.
    #[error("training configuration: {0}")]
    Config(String),
    /// There is nothing to train on.
    #[error("the training data hold no structures")]
    EmptyData,
    /// A loss is infinite or no number.
    #[error("the loss of step {step} is not a finite number; lower the learning rate and go on from the last training state")]
    NotFinite {
        /// The step.
        step: u64,
    },
    /// A batch does not fit the model.
    #[error(transparent)]
    Batch(#[from] crate::ScoreModelError),
    /// A device failed while it worked.
    #[error("{0}; with less memory take smaller batches, then go on from the last training state")]
    Device(#[from] crate::DeviceFailure),
    /// Another device of the same training stopped; its own error tells why.
    #[error("another device stopped; go on from the last training state")]
    Deserted,
    /// A training state could not be read or written.
    #[error("training state {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Weights or moments could not be put into bytes.
    #[error("the training state cannot be written: {reason}")]
    Record {
        /// What the serialiser said.
        reason: String,
    },
    /// The file is damaged, or no training state.
    #[error("{} is no intact training state: {reason}; start again without it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file belongs to another run.
    #[error("{} belongs to another run: {what} is {found}, expected {expected}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: String,
        /// What this run has.
        expected: String,
        /// What the file has.
        found: String,
    },
}
