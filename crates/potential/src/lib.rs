//! Interatomic potentials: energies, forces and stress of crystals.
//!
//! # Units and signs
//! Energies in eV, lengths in Å, forces in eV/Å, stress in eV/Å³. The stress is `(1/V) ∂E/∂ε` with the symmetric strain
//! ε, `x → x(1+ε)`: positive under tension, when the crystal wants to shrink. The pressure is minus a third of its
//! trace.

mod error;
mod evaluation;
mod nequix;
mod ops;

pub use error::PotentialError;
pub use evaluation::{Evaluation, GPA_PER_EV_PER_CUBIC_ANGSTROM};
pub use nequix::{BatchSize, Inputs, NOTICE, Nequix, PartSeconds, Weights, Work};

use crystal_core::{AsymmetricUnit, Species, Structure};

/// Which potential an energy comes from. Energies of two identities must not be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name for tables.
    pub name: String,
    /// SHA-256 of its weights, hexadecimal.
    pub sha256: String,
}

/// An interatomic potential, bound to a device.
///
/// Every call takes a batch of any size; an implementation splits it so that it fits its device. A structure that
/// cannot be evaluated gets an error in its own place; the outer error is that of the device.
pub trait Potential: Send + Sync + std::fmt::Debug {
    /// Which potential this is.
    fn identity(&self) -> &Identity;

    /// The elements it was trained on, ascending.
    fn elements(&self) -> &[Species];

    /// Atoms (non-equivalent sites, of asymmetric units) in a call that keep the device busy: more take longer in
    /// proportion. Callers that can choose give about as many.
    fn full_call(&self) -> usize {
        64
    }

    /// Energies of the cells as given, eV.
    ///
    /// # Errors
    /// [`PotentialError::Device`].
    fn energies(&self, structures: &[Structure]) -> Result<Vec<Result<f64, PotentialError>>, PotentialError>;

    /// Energies, forces and stress of the cells as given; one force per site, in the order of the sites.
    ///
    /// # Errors
    /// [`PotentialError::Device`].
    fn evaluate(&self, structures: &[Structure]) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError>;

    /// The same on non-equivalent sites only: the energy of the PRIMITIVE cell, one force per non-equivalent site (on
    /// the atom at its stored coordinates, in the frame of the conventional lattice) and the stress, which has the
    /// symmetry of the group.
    ///
    /// # Errors
    /// [`PotentialError::Device`].
    fn evaluate_symmetric(
        &self,
        units: &[AsymmetricUnit],
    ) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError>;
}
