//! What can go wrong.

use std::path::PathBuf;

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
    /// A coordinate that is not a finite number.
    #[error("the coordinates of site {site} are not finite numbers")]
    Coordinate {
        /// Index of the site.
        site: usize,
    },
    /// A cell without volume, or so thin that its images cannot be listed.
    #[error("the cell is degenerate: {reason}")]
    Cell {
        /// What is wrong with it.
        reason: String,
    },
    /// A structure that the device cannot hold.
    #[error("the structure has {atoms} atoms with {edges} neighbours in all; the device fits about {fit} such atoms")]
    TooManyAtoms {
        /// Its atoms.
        atoms: usize,
        /// Its directed pairs of neighbours.
        edges: usize,
        /// How many atoms with as many neighbours each would fit.
        fit: usize,
    },
    /// The network gave a value that is not a finite number.
    #[error("the energy is not a finite number; look at the distances of the atoms, the shortest is {shortest:.3} Å")]
    NotFinite {
        /// The shortest distance in the structure, Å.
        shortest: f64,
    },
    /// A weights file that cannot be used.
    #[error("{}: {problem}", path.display())]
    WeightsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A published set of weights whose content was changed.
    #[error(
        "{}: it says that it is {name} but is damaged: SHA-256 should be {expected}, is {found}; get it again",
        path.display()
    )]
    Hash {
        /// The file.
        path: PathBuf,
        /// Name of the set.
        name: String,
        /// The published hash.
        expected: String,
        /// The hash of the file.
        found: String,
    },
    /// A tensor that the network needs and the file does not have.
    #[error("{}: tensor '{name}' of shape {expected:?} is missing; the file is of another network", path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// A tensor of another shape or type.
    #[error("{}: tensor '{name}' should be {expected}, is {found}; the file is of another network", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Type and shape that the network has.
        expected: String,
        /// Type and shape in the file.
        found: String,
    },
    /// The device failed or was lost.
    #[error("the device failed: {reason}")]
    Device {
        /// What it said.
        reason: String,
    },
}
