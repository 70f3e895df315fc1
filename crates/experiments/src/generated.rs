//! What a sampler has grown, for tables and lists.

use crystal_core::{SpaceGroupNumber, Structure};

/// Sampled structures with what the note tells of them.
pub(crate) struct Generated {
    pub(crate) ids: Vec<String>,
    pub(crate) structures: Vec<Structure>,
    /// The space group that was asked for.
    pub(crate) space_groups: Vec<SpaceGroupNumber>,
    /// How often each was drawn again.
    pub(crate) redraws: Vec<usize>,
    pub(crate) given_up: usize,
}
