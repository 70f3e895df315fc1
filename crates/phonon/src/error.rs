//! What can go wrong.

use crystal_core::{CrystalError, Species};
use potential::PotentialError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhononError {
    /// The structure is not a crystal that can be worked with.
    #[error(transparent)]
    Crystal(#[from] CrystalError),
    /// The potential failed on one of the supercells.
    #[error("the forces of supercell {supercell} of {n_supercells} failed: {source}")]
    Potential {
        /// Which supercell, from 0 (the undisplaced one).
        supercell: usize,
        /// How many there are.
        n_supercells: usize,
        /// What the potential said.
        source: PotentialError,
    },
    /// The device on which the potential runs failed.
    #[error(transparent)]
    Device(PotentialError),
    /// A potential that does not give one finite force per atom.
    #[error("supercell {supercell}: the potential gave {found} finite forces for {expected} atoms")]
    Forces {
        /// Which supercell, from 0 (the undisplaced one).
        supercell: usize,
        /// How many atoms it has.
        expected: usize,
        /// How many finite forces came back.
        found: usize,
    },
    /// The sites are not mapped onto each other by the operations of the space group.
    #[error(
        "operation {operation} of space group {space_group} maps site {site} onto no site of its element; \
         find the symmetry of the structure again"
    )]
    Symmetry {
        /// Number of the space group.
        space_group: u8,
        /// Index of the operation.
        operation: usize,
        /// Index of the site in the primitive cell.
        site: usize,
    },
    /// The lattice does not have the symmetry of the space group.
    #[error(
        "the lattice does not have the symmetry of space group {space_group}; find the symmetry of the structure again"
    )]
    LatticeSymmetry {
        /// Number of the space group.
        space_group: u8,
    },
    /// An element whose mass is not in the table.
    #[error("there is no atomic mass for {species} in the table; phonons need elements up to {last}")]
    Mass {
        /// The element.
        species: Species,
        /// The last element of the table.
        last: Species,
    },
    /// A supercell that cannot be made.
    #[error("supercell {multiples:?}: {reason}")]
    Supercell {
        /// Multiples of the three primitive lattice vectors.
        multiples: [usize; 3],
        /// What is wrong and what to do.
        reason: String,
    },
    /// A setting outside of its range.
    #[error("{name} = {value}: {reason}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Its value, as text.
        value: String,
        /// What it must be.
        reason: &'static str,
    },
    /// A picture that could not be drawn.
    #[error("the picture could not be drawn: {reason}")]
    Plot {
        /// What the drawing library said.
        reason: String,
    },
}
