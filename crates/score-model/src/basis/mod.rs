//! The functions of an edge's length and direction that the network reads. Computed on the CPU in double precision.

mod bessel;
mod harmonics;
mod table;

pub use bessel::{spherical_bessel, spherical_bessel_zeros};
pub use harmonics::{MAX_DEGREES, real_harmonics};
#[cfg(feature = "cube")]
pub(crate) use table::N_INTERVALS;
pub use table::{RadialTable, envelope};

use serde::{Deserialize, Serialize};

use crate::ScoreModelError;

/// Which features of a graph a model reads. Part of the model: a batch made for another basis does not fit it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasisConfig {
    /// Number of radial functions, n = 1, …, n_radial.
    pub n_radial: usize,
    /// Number of degrees of spherical harmonics, l = 0, …, n_spherical − 1; at most [`MAX_DEGREES`].
    pub n_spherical: usize,
    /// Exponent of the envelope (DimeNet's p is this + 1).
    pub envelope_exponent: usize,
    /// Number of Gaussians in the absolute length among the scalar features; 0: none.
    pub n_gaussians: usize,
    /// Number of noise levels.
    pub n_levels: usize,
}

impl BasisConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ScoreModelError::Config`] for the first field out of range.
    pub fn validate(&self) -> Result<(), ScoreModelError> {
        let checks = [
            ("n_radial", self.n_radial, (1..=64).contains(&self.n_radial), "expected 1 to 64"),
            ("n_spherical", self.n_spherical, (1..=MAX_DEGREES).contains(&self.n_spherical), "expected 1 to 7"),
            ("envelope_exponent", self.envelope_exponent, (1..=32).contains(&self.envelope_exponent), "expected 1 to 32"),
            ("n_gaussians", self.n_gaussians, self.n_gaussians <= 256, "expected at most 256"),
            ("n_levels", self.n_levels, self.n_levels >= 1, "expected at least 1"),
        ];
        match checks.into_iter().find(|(_, _, valid, _)| !valid) {
            Some((field, value, _, expected)) => Err(ScoreModelError::Config { field, value, expected }),
            None => Ok(()),
        }
    }

    /// Number of scalar features of an edge: whether its ends are equivalent, ln of the cut-off, ln of the length, the Gaussians.
    pub fn n_scalars(&self) -> usize {
        3 + self.n_gaussians
    }
}
