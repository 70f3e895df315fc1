//! The error of this crate.

use crystal_core::{CrystalError, Species};

/// What can go wrong when a structure or a set of structures is measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// Two atoms, or an atom and its own image, at the same place: no Voronoi cell exists.
    #[error("site {site} has another atom at {distance:e} Å; its Voronoi cell is empty")]
    CoincidentAtoms {
        /// Index of the site, from 0.
        site: usize,
        /// Distance of the other atom in Å.
        distance: f64,
    },
    /// The Voronoi cell stays open however far one looks.
    #[error("the Voronoi cell of site {site} is open even with all atoms within {radius} Å")]
    OpenVoronoiCell {
        /// Index of the site, from 0.
        site: usize,
        /// The last radius tried in Å.
        radius: f64,
    },
    /// A cell so thin that its atoms have absurdly many images nearby.
    #[error("more than {limit} atoms lie within {radius:.1} Å of site {site}; the lattice has collapsed")]
    TooManyNeighbours {
        /// Index of the site, from 0.
        site: usize,
        /// The radius in Å.
        radius: f64,
        /// The most that is accepted.
        limit: usize,
    },
    /// A cell with more vacuum than a Voronoi cell can be closed across.
    #[error(
        "the Voronoi cell of site {site} is open to {radius:.0} Å and farther: the vacuum is too wide for a fingerprint; make it narrower, 20 Å are enough"
    )]
    Vacuum {
        /// Index of the site, from 0.
        site: usize,
        /// How far was looked, Å.
        radius: f64,
    },
    /// No covalent and no atomic radius is known for an element.
    #[error("no radius of {species} is known; CrystalNN cannot treat elements beyond Cm")]
    UnknownRadius {
        /// The element.
        species: Species,
    },
    /// A set that a metric needs is empty.
    #[error("the {set} set is empty; give at least {needed} structures with a fingerprint")]
    EmptySet {
        /// Which set: 'generated' or 'reference'.
        set: &'static str,
        /// How many are needed.
        needed: usize,
    },
    /// Too few samples for a covariance.
    #[error("the {set} set has {found} structure(s) with a fingerprint; a covariance needs at least {needed}")]
    TooFewSamples {
        /// Which set: 'generated' or 'reference'.
        set: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// Vectors of different or wrong length in one computation.
    #[error("vector {index} of the {set} set has {found} numbers, not {expected}")]
    Dimension {
        /// Which set: 'generated' or 'reference'.
        set: &'static str,
        /// Index of the vector in its set, from 0.
        index: usize,
        /// Its length.
        found: usize,
        /// The length needed.
        expected: usize,
    },
    /// A number that is not finite where a metric needs one.
    #[error("vector {index} of the {set} set has a number that is not finite")]
    NotFinite {
        /// Which set: 'generated' or 'reference'.
        set: &'static str,
        /// Index of the vector in its set, from 0.
        index: usize,
    },
    /// A cell without a reduced form: its vectors nearly lie in one plane, or differ by many orders of magnitude.
    #[error("the cell cannot be reduced, so that the structure cannot be compared with others")]
    Irreducible {
        /// What the reduction said.
        source: CrystalError,
    },
    /// A cell so thin or long that absurdly many lattice vectors could become its vectors.
    #[error(
        "more than {limit} lattice vectors are as long as a cell vector of the other structure: the cell is too thin for its length to be compared; make its vacuum narrower, if it has one"
    )]
    TooManyLatticeVectors {
        /// The most that is accepted.
        limit: usize,
    },
    /// All ways to lay one cell on the other are too many to be tried.
    #[error(
        "the primitive cells of {n_sites} atoms can be laid on each other in too many ways to compare them all; give smaller tolerances (--stol, --ltol, --angle-tol)"
    )]
    TooLong {
        /// Number of atoms of each primitive cell.
        n_sites: usize,
    },
    /// A tolerance that is not a positive number.
    #[error("the tolerance {name} is {value}; give a positive number")]
    Tolerance {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
    },
}
