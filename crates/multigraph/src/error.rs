//! The error of this crate.

/// What can go wrong with a graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The cell or its sites are no crystal.
    #[error(transparent)]
    Crystal(#[from] crystal_core::CrystalError),
    /// The configuration makes no sense.
    #[error("graph configuration: {0}")]
    Config(String),
}
