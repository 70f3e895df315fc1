//! Lattices, space groups, Wyckoff positions, structures and their file formats.
//!
//! # Conventions (stated once, used by every crate)
//! - Lattice vectors are the ROWS of a 3×3 matrix, in Å; `cartesian = fractional · lattice`.
//! - A point is a [`Vector3`](nalgebra::Vector3); where it represents a row vector, `lattice.to_cartesian(frac)` does
//!   the transposition.
//! - A symmetry operation acts on fractional columns: `x' = W·x + w`.
//! - Lengths are Å; angles are degrees at input and output, radians inside.
//! - One setting per space group, the one of the International Tables that [`SpaceGroup`] names 'standard': unique axis
//!   b and cell choice 1 (monoclinic), hexagonal axes (rhombohedral), origin choice 2 (centrosymmetric groups with two
//!   origins).
//! - The primitive lattice is `P = M · C` with `C` the conventional lattice and `M` from [`Centring::to_primitive`].
//!
//! # Architecture Invariant
//! This crate never sees a tensor library.

mod asymmetric_unit;
mod centring;
mod composition;
mod config_error;
mod disorder;
mod distances;
mod error;
mod finder;
mod grid;
pub mod io;
mod lattice;
mod lattice_coordinates;
mod operation;
mod orbit;
mod periodic;
mod setting;
mod sites_per_element;
mod space_group;
mod species;
mod sphere;
mod state;
mod structure;
pub mod whole;
mod wyckoff;

pub use asymmetric_unit::{AsymmetricSite, AsymmetricUnit, Reduction};
pub use centring::Centring;
pub use composition::Composition;
pub use config_error::ConfigError;
pub use disorder::{DisorderedSite, DisorderedStructure, OrderedSupercell, OrderingOptions, Orderings, Shortfall};
pub use error::CrystalError;
pub use finder::{Finder, SymmetryReport, find_symmetry};
pub use lattice::{Lattice, LatticeParameters};
pub use lattice_coordinates::LatticeCoordinates;
pub use operation::SymmetryOperation;
pub use orbit::{Orbit, OrbitImage, stabiliser};
pub use sites_per_element::SitesPerElement;
pub use space_group::{CrystalSystem, HallNumber, SpaceGroup, SpaceGroupNumber};
pub use species::Species;
pub use sphere::SphereSearch;
pub use state::{CrystalState, SiteMode, StateSite};
pub use structure::{Site, Structure};
pub use wyckoff::{FreeCoordinates, SiteSymmetry, WyckoffImage, WyckoffPosition, WyckoffSite};
