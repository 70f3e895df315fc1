//! Points modulo lattice translations.

use nalgebra::Vector3;

use crate::Lattice;

/// Images of one point closer than this (Å) are one atom. Far above rounding, far below any bond.
pub(crate) const COINCIDENCE: f64 = 1e-3;

/// Into [0, 1). A value a rounding error below a whole number is that number: `x − floor(x)` alone gives 1.0 for −1e-17
/// and leaves −1e-15 on the far side of the cell.
pub(crate) fn wrap(x: f64) -> f64 {
    let wrapped = x - x.floor();
    if wrapped > 1.0 - 1e-12 { 0.0 } else { wrapped }
}

/// Whether two points coincide modulo lattice translations within `tolerance` (Å). Looks at the nearest translation in
/// fractional coordinates only, which is the right one for points that nearly coincide.
pub(crate) fn coincide(lattice: &Lattice, a: &Vector3<f64>, b: &Vector3<f64>, tolerance: f64) -> bool {
    let difference = (a - b).map(|x| x - x.round());
    lattice.to_cartesian(&difference).norm_squared() < tolerance * tolerance
}
