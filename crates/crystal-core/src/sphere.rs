//! Lattice points in a sphere.

use nalgebra::{Matrix3, Vector3};

use crate::Lattice;
use crate::whole::saturated;

/// More rows of lattice points than this through the sphere mean a collapsed lattice.
const MAX_ROWS: usize = 1_000_000;

/// Enumerates lattice points in a sphere without visiting a box of cells: the lower triangular factor `L` of `M = L·Q`
/// bounds the translations one axis after the other, so that thin and skewed cells cost no more than they have points.
#[derive(Debug, Clone)]
pub struct SphereSearch {
    matrix: Matrix3<f64>,
    lower: Matrix3<f64>,
}

impl SphereSearch {
    /// Prepares the search in a lattice.
    pub fn new(lattice: &Lattice) -> Self {
        let matrix = *lattice.matrix();
        // Mᵀ = Q'R gives M = Rᵀ·Q'ᵀ with Rᵀ lower triangular.
        let lower = matrix.transpose().qr().r().transpose();
        Self { matrix, lower }
    }

    /// Calls `visit(translation, vector, squared length)` for every `difference + translation` with a squared length
    /// (Å²) below `squared_radius`, until it returns `false`. Returns `false` if it gave up because the lattice has
    /// collapsed.
    pub fn visit(
        &self,
        difference: &Vector3<f64>,
        squared_radius: f64,
        mut visit: impl FnMut([i32; 3], Vector3<f64>, f64) -> bool,
    ) -> bool {
        // Slightly larger than asked for, so that rounding in the bounds loses nothing; the length itself decides.
        let budget = squared_radius * (1.0 + 1e-9) + 1e-12;
        let range = |centre: f64, scale: f64, offset: f64, budget: f64| {
            let half = budget.max(0.0).sqrt() / scale.abs();
            let middle = -centre - offset / scale;
            saturated((middle - half - 1e-9).ceil())..=saturated((middle + half + 1e-9).floor())
        };
        let lower = &self.lower;
        let mut n_rows = 0;
        for k in range(difference.z, lower[(2, 2)], 0.0, budget) {
            let z = difference.z + f64::from(k);
            let rest_z = budget - (z * lower[(2, 2)]).powi(2);
            let offset_y = z * lower[(2, 1)];
            n_rows += 1;
            for j in range(difference.y, lower[(1, 1)], offset_y, rest_z) {
                n_rows += 1;
                if n_rows > MAX_ROWS {
                    return false;
                }
                let y = difference.y + f64::from(j);
                let rest_y = rest_z - (y * lower[(1, 1)] + offset_y).powi(2);
                let offset_x = y * lower[(1, 0)] + z * lower[(2, 0)];
                for i in range(difference.x, lower[(0, 0)], offset_x, rest_y) {
                    let vector = self.matrix.tr_mul(&Vector3::new(difference.x + f64::from(i), y, z));
                    let squared = vector.norm_squared();
                    if squared < squared_radius && !visit([i, j, k], vector, squared) {
                        return true;
                    }
                }
            }
            if n_rows > MAX_ROWS {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whole;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn same_as_a_box_of_cells(
            entries in proptest::array::uniform9(-3.0..3.0f64),
            point in proptest::array::uniform3(-1.0..1.0f64),
        ) {
            let rows = [[entries[0] + 4.0, entries[1], entries[2]], [entries[3], entries[4] + 4.0, entries[5]], [entries[6], entries[7], entries[8] + 4.0]];
            let lattice = Lattice::from_rows(rows);
            prop_assume!(lattice.as_ref().is_ok_and(|lattice| lattice.volume() > 20.0));
            let lattice = lattice.expect("just checked");
            let difference = Vector3::from(point);
            let mut found = 0;
            SphereSearch::new(&lattice).visit(&difference, 25.0, |_, _, _| { found += 1; true });
            let reach = lattice.reciprocal_lengths().map(|length| whole::saturated((5.0 * length + 2.0).ceil()));
            let mut expected = 0;
            for i in -reach[0]..=reach[0] {
                for j in -reach[1]..=reach[1] {
                    for k in -reach[2]..=reach[2] {
                        let shifted = difference + Vector3::new(f64::from(i), f64::from(j), f64::from(k));
                        expected += usize::from(lattice.to_cartesian(&shifted).norm_squared() < 25.0);
                    }
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
