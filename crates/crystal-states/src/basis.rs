//! Which functions of its edges a network reads.

use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};
use tensor_ops::basis::{MAX_DEGREES, RadialBasis};

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
    /// [`ConfigError`] for the first field out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let within = |field, value: usize, range: std::ops::RangeInclusive<usize>, expected| {
            ConfigError::unless(range.contains(&value), field, value, expected)
        };
        within("n_radial", self.n_radial, 1..=64, "1 to 64")?;
        within("n_spherical", self.n_spherical, 1..=MAX_DEGREES, "1 to 7")?;
        within("envelope_exponent", self.envelope_exponent, 1..=32, "1 to 32")?;
        within("n_gaussians", self.n_gaussians, 0..=256, "at most 256")?;
        within("n_levels", self.n_levels, 1..=usize::MAX, "at least 1")
    }

    /// Number of scalar features of an edge: whether its ends are equivalent, ln of the cut-off, ln of the length, the
    /// Gaussians.
    pub fn n_scalars(&self) -> usize {
        3 + self.n_gaussians
    }

    /// The radial functions.
    pub fn radial(&self) -> RadialBasis {
        RadialBasis {
            n_radial: self.n_radial,
            n_spherical: self.n_spherical,
            envelope_exponent: self.envelope_exponent,
        }
    }
}
