//! What can go wrong.

use crystal_core::Species;
use training::{ArchiveError, TrainingError};
use wyckoff_assignment::AssignmentError;

/// Errors of the proposer and its training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WyckoffModelError {
    /// A configuration that makes no sense.
    #[error(transparent)]
    Config(#[from] crystal_core::ConfigError),
    /// There is nothing to learn from, or to measure on.
    #[error("the {set} set holds no structure of at most {most} atoms with a reduced form; give another data set")]
    Empty {
        /// Which set: 'training' or 'validation'.
        set: &'static str,
        /// Most atoms in the primitive cell.
        most: u32,
    },
    /// A loss is infinite or not a number.
    #[error("the loss of step {step} is not a finite number; lower the learning rate and start again")]
    NotFinite {
        /// The step, from 1.
        step: u64,
    },
    /// An element that has no descriptors.
    #[error("the proposer describes elements up to Fm (100); {species} is not among them: use the prior instead")]
    UnknownElement {
        /// The element.
        species: Species,
    },
    /// A cell larger than those the network has learned from.
    #[error(
        "{atoms} atoms in the primitive cell are more than the {most} that the proposer has learned; use the prior instead"
    )]
    TooManyAtoms {
        /// Atoms asked for.
        atoms: u32,
        /// Most atoms that the network knows.
        most: u32,
    },
    /// A temperature at which nothing sensible can be drawn.
    #[error(
        "a temperature of {temperature} is out of range; give a number from {least} to {most}, 1 for what the network believes"
    )]
    Temperature {
        /// What was asked for.
        temperature: f64,
        /// The lowest.
        least: f64,
        /// The highest.
        most: f64,
    },
    /// No group holds any of the cells that were asked for.
    #[error("no space group can hold {what}; widen the range of atoms or leave the space group open")]
    Nowhere {
        /// What was asked for.
        what: String,
    },
    /// Positions that cannot be assigned.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] ArchiveError),
    /// A training state belongs to another run, or cannot be read or written.
    #[error(transparent)]
    State(#[from] TrainingError),
}
