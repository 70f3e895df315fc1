//! Relaxation of crystals: positions and cell to the nearest minimum of a [`Potential`](potential::Potential), many
//! crystals at once.
//!
//! # Degrees of freedom
//! In [`Mode::Symmetric`] those that the space group leaves: free coordinates of the Wyckoff positions and the strains
//! of the crystal system. The group is kept to the last bit, and only non-equivalent sites are evaluated. In
//! [`Mode::Free`] all coordinates of the cell as given, after a [`Rattle`] if one is asked for. The cell is `A₀·exp(S)`
//! with a symmetric logarithmic strain S, the exact gradient included. Rotations of the cell are not a degree of
//! freedom, and the volume is constant exactly if the trace of S is.
//!
//! # Units and signs
//! As in [`potential`]: eV, Å, eV/Å; stress `(1/V) ∂E/∂ε`, positive under tension, pressure `−tr σ/3`. Stresses of
//! options and results are in GPa, unless the name says otherwise.
//!
//! # Architecture Invariant
//! This crate never sees a tensor library, and what comes of a crystal does not depend on its batch.

mod coordinates;
mod crystal;
mod driver;
mod error;
mod optimiser;
mod options;
mod outcome;
mod rattle;
mod strain;
mod task;

pub use crystal::Crystal;
pub use driver::relax;
pub use error::{Divergence, RelaxError};
pub use options::{CellFreedom, Limits, Method, Mode, Options, Rattle};
pub use outcome::{Displacement, Relaxation, RelaxedNumbers};

#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;
