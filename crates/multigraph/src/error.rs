//! The error of this crate.

/// What can go wrong with a graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The cell or its sites are not a crystal.
    #[error(transparent)]
    Crystal(#[from] crystal_core::CrystalError),
    /// A site so far from the origin that the cells to it do not fit an edge.
    #[error("site {site} lies millions of cells from the origin; wrap it into the cell")]
    TooFar {
        /// Index of the site, from 0.
        site: usize,
    },
    /// The configuration makes no sense.
    #[error("graph configuration: {0}")]
    Config(#[from] crystal_core::ConfigError),
}
