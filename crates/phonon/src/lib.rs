//! Phonons of crystals in the harmonic approximation, by finite displacements.
//!
//! A [`Crystal`] is a primitive cell with its space group. [`compute`] displaces its non-equivalent atoms in a
//! supercell, asks a [`potential::Potential`] for the forces of all supercells of all crystals in one batch, and
//! rebuilds the force constants by symmetry. From [`Phonons`] follow frequencies at any wave vector, on a mesh
//! ([`MeshFrequencies`]: density of states, thermal functions), along the standard path of the Bravais lattice
//! ([`BandStructure`]), and the verdict [`Stability`].
//!
//! # Units and conventions
//! - Frequencies in THz (not angular); an imaginary frequency is given as a negative number.
//! - Force constants in eV/Å², masses in unified atomic mass units, energies in eV or kJ/mol per primitive cell.
//! - A wave vector `q` is in reduced coordinates of the PRIMITIVE cell of [`Crystal`]: its phase at the lattice vector
//!   with integer coordinates `n` is `2π q·n`. [`Crystal::qpoint_of_input`] converts from the cell that was given.
//! - No non-analytic term: longitudinal and transverse optic modes of polar crystals are degenerate at Γ.
//!
//! # Architecture Invariant
//! This crate never sees a tensor library: it knows a potential by its trait only.

mod band_structure;
mod compute;
mod crystal;
mod density_of_states;
mod displacements;
mod dynamical_matrix;
mod error;
mod force_constants;
mod masses;
mod mesh;
mod path;
pub mod plot;
mod settings;
mod stability;
mod supercell;
mod thermal;

pub use band_structure::{BandSegment, BandStructure};
pub use compute::{Phonons, Warning, compute};
pub use crystal::{Crystal, SiteImage};
pub use density_of_states::DensityOfStates;
pub use displacements::Displacement;
pub use dynamical_matrix::{DynamicalMatrix, THZ_PER_ROOT};
pub use error::PhononError;
pub use force_constants::{Asymmetry, ForceConstants};
pub use mesh::{Mesh, MeshFrequencies, MeshPoint};
pub use path::{BandPath, PathPoint};
pub use settings::Settings;
pub use stability::{STABLE_ABOVE_THZ, STRICTLY_STABLE_ABOVE_THZ, Stability};
pub use supercell::Supercell;
pub use thermal::{ThermalFunctions, ThermalPoint};
