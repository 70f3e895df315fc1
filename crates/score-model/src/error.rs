//! What can go wrong.

/// Errors of score models.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreModelError {
    /// A configuration that makes no sense.
    #[error(transparent)]
    Config(#[from] crystal_core::ConfigError),
    /// States that do not fit, or whose graph cannot be built.
    #[error(transparent)]
    States(#[from] crystal_states::StateError),
    /// A file of a trained model cannot be read or written.
    #[error(transparent)]
    Archive(#[from] training::ArchiveError),
    /// See [`training::TrainingError`].
    #[error(transparent)]
    Training(#[from] training::TrainingError),
}
