//! Nequix: an equivariant message-passing potential with weights for 89 elements.
//!
//! T. Koker, M. Kotak and T. Smidt, "Training a foundation model for materials on a budget", 2025. Four layers;
//! features of degree 0 … 3 with 128, 64, 32 and 32 channels; neighbours within 6 Å. The energies are raw PBE(+U)
//! energies of the data it was trained on.

mod batch;
mod graph;
pub(crate) mod harmonics;
mod network;
mod parts;
mod plan;
mod potential;
mod radial;
mod weights;
mod work;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use parts::{Inputs, PartSeconds};
pub use potential::Nequix;
pub use weights::{NOTICE, Weights};
pub use work::{BatchSize, Work};

pub(crate) use harmonics::N_ROTATION;
#[cfg(test)]
pub(crate) use plan::coupling;
pub(crate) use plan::{CHANNELS, LayerKind, N_DEGREES, Path, Plan, widths};
pub(crate) use radial::N_COEFFICIENTS;
pub(crate) use weights::gate_channels;
