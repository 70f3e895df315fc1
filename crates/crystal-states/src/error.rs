//! What can go wrong.

/// Errors of batches of states.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// One noise level is needed per structure.
    #[error("{levels} noise levels for {structures} structures: give one per structure")]
    LevelCount {
        /// Levels given.
        levels: usize,
        /// Structures in the batch.
        structures: usize,
    },
    /// A noise level beyond the schedule.
    #[error("structure {structure} has noise level {level}, but the model knows levels 0 to {last}", last = n_levels - 1)]
    LevelOutOfRange {
        /// Index of the structure in the batch.
        structure: usize,
        /// Its level.
        level: usize,
        /// Number of levels of the model.
        n_levels: usize,
    },
    /// An atomic number that is not an element.
    #[error("site {site} of the batch has atomic number {atomic_number}: expected 1 to {last}", last = crate::batch::N_ELEMENTS)]
    UnknownElement {
        /// Index of the site in the batch.
        site: usize,
        /// Its atomic number.
        atomic_number: u8,
    },
    /// Each structure needs its own random numbers.
    #[error("{streams} random streams for {structures} structures: give one per structure")]
    StreamCount {
        /// Streams given.
        streams: usize,
        /// Structures in the batch.
        structures: usize,
    },
    /// A graph could not be built.
    #[error(transparent)]
    Graph(#[from] multigraph::GraphError),
    /// A batch without a single site.
    #[error("the batch has no sites")]
    EmptyBatch,
    /// A basis that makes no sense.
    #[error("basis: {0}")]
    Config(#[from] crystal_core::ConfigError),
}
