//! The error of this crate.

use crystal_core::{SpaceGroupNumber, Species};

use crate::{Demand, Help};

/// What can go wrong with an assignment, a demand and a file of priors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssignmentError {
    /// A text that is not a list of sites.
    #[error("'{text}' is not a site: {reason}; write sites as Cu@8d Si@4c or, without multiplicities, Cu@d Si@c")]
    Syntax {
        /// The part of the text that cannot be read.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No sites at all.
    #[error("no sites are given; write them as Cu@8d Si@4c")]
    NoSites,
    /// A letter that the space group does not have.
    #[error("space group {space_group} has no Wyckoff position '{letter}'; it has {}", known.join(", "))]
    UnknownLetter {
        /// The space group.
        space_group: SpaceGroupNumber,
        /// The letter asked for.
        letter: char,
        /// The positions that there are, with their multiplicities, such as `4a`.
        known: Vec<String>,
    },
    /// An index outside the table of Wyckoff positions.
    #[error("space group {space_group} has {n_positions} Wyckoff positions; there is none with index {position}")]
    UnknownPosition {
        /// The space group.
        space_group: SpaceGroupNumber,
        /// The index asked for.
        position: usize,
        /// How many there are.
        n_positions: usize,
    },
    /// A multiplicity that is not the position's.
    #[error(
        "position '{letter}' of space group {space_group} has multiplicity {expected} in the conventional cell, not {found}; \
         write {expected}{letter} or {letter}"
    )]
    WrongMultiplicity {
        /// The space group.
        space_group: SpaceGroupNumber,
        /// The position's letter.
        letter: char,
        /// Its multiplicity in the conventional cell.
        expected: usize,
        /// The one that was written.
        found: usize,
    },
    /// A position without a free parameter that is asked to hold two sites.
    #[error(
        "position {multiplicity}{letter} of space group {space_group} is a fixed point, so it holds one site; {first} and {second} \
         are both put there"
    )]
    PositionTaken {
        /// The space group.
        space_group: SpaceGroupNumber,
        /// The position's letter.
        letter: char,
        /// Its multiplicity in the conventional cell.
        multiplicity: usize,
        /// The element that is there first.
        first: Species,
        /// The element that is put there too.
        second: Species,
    },
    /// A demand for nothing.
    #[error("nothing is asked for; give at least one element with a count of at least 1")]
    NothingAsked,
    /// Counts of a conventional cell that its lattice points do not divide.
    #[error(
        "the conventional cell of space group {space_group} holds {lattice_points} primitive cells, and {count} atoms of {species} \
         cannot be shared out among them; give a multiple of {lattice_points}"
    )]
    NotDivisible {
        /// The space group.
        space_group: SpaceGroupNumber,
        /// The element.
        species: Species,
        /// Its atoms in the conventional cell.
        count: u32,
        /// Primitive cells in a conventional cell.
        lattice_points: u32,
    },
    /// No assignment meets the demand.
    #[error("space group {space_group} cannot hold {demand}; {help}")]
    Impossible {
        /// The space group.
        space_group: SpaceGroupNumber,
        /// What was asked for.
        demand: Box<Demand>,
        /// What could be asked for instead.
        help: Box<Help>,
    },
    /// No space group holds a formula within a range of sizes.
    #[error("no cell of {formula} has {smallest} to {largest} atoms: one formula unit has {unit}; widen the range")]
    NoFormulaUnits {
        /// The reduced formula.
        formula: String,
        /// Fewest atoms per primitive cell.
        smallest: u32,
        /// Most atoms per primitive cell.
        largest: u32,
        /// Atoms in one formula unit.
        unit: u32,
    },
    /// More assignments than the caller wants to see.
    #[error(
        "there are {count} assignments, more than the {limit} asked for; ask for fewer atoms, give the number of sites of each \
         element, or take the most likely ones"
    )]
    TooMany {
        /// How many there are; [`u128::MAX`] represents that many or more.
        count: u128,
        /// The limit that was given.
        limit: usize,
    },
    /// A demand whose table of choices would not fit into memory.
    #[error(
        "the table of choices for {demand} in space group {space_group} has more than {limit} entries; ask for fewer atoms"
    )]
    TooLarge {
        /// The space group.
        space_group: SpaceGroupNumber,
        /// What was asked for.
        demand: Box<Demand>,
        /// The most entries there may be.
        limit: usize,
    },
    /// A sequence of positions that is not one of the choices.
    #[error("the positions are not a sequence of choices in space group {space_group}; take them from the choices")]
    NotChoices {
        /// The space group.
        space_group: SpaceGroupNumber,
    },
    /// Bytes that hold no priors.
    #[error("this is not a file of priors: {reason}; learn them again")]
    Priors {
        /// What is wrong with them.
        reason: String,
    },
}
