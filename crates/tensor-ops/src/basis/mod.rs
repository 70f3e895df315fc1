//! The functions of an edge's length and direction that the network reads. Computed on the CPU in double precision.

mod bessel;
mod harmonics;
mod table;

pub use bessel::{spherical_bessel, spherical_bessel_zeros};
pub use harmonics::{MAX_DEGREES, real_harmonics};
pub use table::{N_INTERVALS, RadialBasis, RadialTable, envelope};
