//! What can go wrong.

use crystal_core::CrystalError;
use potential::PotentialError;

/// Why a crystal was not relaxed. Every error but [`Self::Device`] concerns one crystal; the others of its batch go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelaxError {
    /// The crystal cannot be reduced, expanded or deformed.
    #[error(transparent)]
    Crystal(#[from] CrystalError),
    /// A site of an asymmetric unit has fewer images than its Wyckoff position.
    #[error(
        "site {site} has {images} images in the conventional cell, but position {letter} has {multiplicity}; reduce the structure again"
    )]
    Site {
        /// Index of the site.
        site: usize,
        /// Its Wyckoff letter.
        letter: char,
        /// Images found.
        images: usize,
        /// Images that the position has.
        multiplicity: usize,
    },
    /// The potential refuses the crystal as it was given.
    #[error("the potential refuses the crystal: {0}")]
    Start(PotentialError),
    /// The relaxation left the range in which a crystal makes sense.
    #[error("diverged after {steps} steps: {reason}")]
    Diverged {
        /// Steps done.
        steps: usize,
        /// What happened.
        reason: Divergence,
    },
    /// The device failed; crystals in flight have no result and can be relaxed again.
    #[error(transparent)]
    Device(PotentialError),
    /// An option is out of its range.
    #[error("{name} is {value}; give {cure}")]
    Option {
        /// Its name.
        name: &'static str,
        /// The value found.
        value: f64,
        /// What to give instead.
        cure: &'static str,
    },
    /// The name of an option is not known.
    #[error("'{word}' is not {what}; give {cure}")]
    Word {
        /// The word found.
        word: String,
        /// What it should name.
        what: &'static str,
        /// What to give instead.
        cure: &'static str,
    },
}

impl RelaxError {
    pub(crate) fn word(word: &str, what: &'static str, cure: &'static str) -> Self {
        Self::Word { word: word.to_owned(), what, cure }
    }
}

/// What ends a relaxation early.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Divergence {
    /// The energy is outside [`crate::Limits::energy_per_atom`].
    #[error("energy of {energy_per_atom:.3} eV/atom, outside {lowest} to {highest} eV/atom")]
    Energy {
        /// The energy, eV/atom.
        energy_per_atom: f64,
        /// Lowest energy allowed, eV/atom.
        lowest: f64,
        /// Highest energy allowed, eV/atom.
        highest: f64,
    },
    /// Two atoms, or an atom and its image, are closer than [`crate::Limits::distance`].
    #[error("two atoms are {distance:.3} Å apart, closer than {least} Å")]
    Distance {
        /// Their distance, Å.
        distance: f64,
        /// The least distance allowed, Å.
        least: f64,
    },
    /// The volume changed by more than [`crate::Limits::volume_factor`].
    #[error("the volume is {ratio:.3} times that of the start; the limit is a factor of {limit}")]
    Volume {
        /// Volume by volume of the start.
        ratio: f64,
        /// The largest factor allowed, up or down.
        limit: f64,
    },
    /// An energy, a force or a component of the stress is not a finite number.
    #[error("energy, forces or stress are not finite numbers")]
    NotFinite,
    /// The cell collapsed.
    #[error("{0}")]
    Cell(String),
    /// The potential could not evaluate the crystal.
    #[error("{0}")]
    Evaluation(PotentialError),
}
