//! What can go wrong while training.

use std::path::PathBuf;

/// Errors of a training run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The configuration makes no sense.
    #[error("training configuration: {0}")]
    Config(#[from] crystal_core::ConfigError),
    /// There is nothing to train on.
    #[error("the training data hold no structures")]
    EmptyData,
    /// A loss is infinite or not a number.
    #[error(
        "the loss of step {step} is not a finite number; lower the learning rate and go on from the last training state"
    )]
    NotFinite {
        /// The step.
        step: u64,
    },
    /// The data or a batch of them do not fit the model.
    #[error(transparent)]
    Data(Box<dyn std::error::Error + Send + Sync>),
    /// A device failed while it worked.
    #[error("{0}; with less memory take smaller batches, then go on from the last training state")]
    Device(#[from] tensor_ops::DeviceFailure),
    /// Another device of the same training stopped; its own error tells why.
    #[error("another device stopped; go on from the last training state")]
    Deserted,
    /// A training state could not be read or written.
    #[error("training state {0}")]
    State(#[from] sealed_file::SealedFileError),
    /// Weights or moments could not be put into bytes.
    #[error("the training state cannot be written: {reason}")]
    Record {
        /// What the serialiser said.
        reason: String,
    },
    /// The file is intact but does not hold what its header says.
    #[error("{}: not a training state of this release: {reason}; start again without it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file belongs to another run.
    #[error(
        "{}: the training state of another run: {what} is {found}, this run has {expected}; \
         go on with the configuration and the data of that run, or start in another folder", path.display()
    )]
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

impl TrainingError {
    /// [`Self::Data`] of any error.
    pub fn data(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Data(Box::new(error))
    }
}
