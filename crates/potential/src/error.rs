//! What can go wrong.

use crystal_core::Species;

/// Errors of a potential.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PotentialError {
    /// An element the potential was not trained on.
    #[error("site {site} holds {species}, which the potential {potential} does not know; it knows {known}")]
    Element {
        /// Index of the site.
        site: usize,
        /// Its element.
        species: Species,
        /// Name of the potential.
        potential: String,
        /// The elements it knows, as text.
        known: String,
    },
    /// Two atoms, or an atom and an image, closer than any model can treat.
    #[error("sites {i} and {j} are {distance:.3} Å apart; the potential needs at least {least} Å")]
    TooClose {
        /// The one site.
        i: usize,
        /// The other site.
        j: usize,
        /// Their distance, Å.
        distance: f64,
        /// The shortest distance allowed, Å.
        least: f64,
    },
    /// The device failed or was lost.
    #[error("the device failed: {reason}")]
    Device {
        /// What it said.
        reason: String,
    },
}
