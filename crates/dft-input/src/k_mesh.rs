//! Meshes of k-points.

use std::f64::consts::TAU;

use crystal_core::Lattice;

use crate::DftInputError;

/// More points along one vector mean a density that nobody means.
const MAX_DIVISIONS: u32 = 1000;

/// Divisions of the reciprocal vectors of a mesh that contains Γ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KMesh(pub [u32; 3]);

impl KMesh {
    /// A mesh of about `density` points per Å⁻³ of the reciprocal cell (whose vectors contain 2π), by the rule of the
    /// Materials Project: `n_i = max(1, ⌊(density · V* · abc)^⅓ / a_i⌋)` with the lengths a, b, c of the cell's
    /// vectors and the volume `V* = (2π)³/V`. Its relaxations use 64 points per Å⁻³.
    ///
    /// # Errors
    /// [`DftInputError::Setting`] if the density is not positive, or asks for more than 1 000 points along a vector.
    pub fn by_density(lattice: &Lattice, density: f64) -> Result<Self, DftInputError> {
        let wrong = |cure| DftInputError::Setting { setting: "the density of k-points", value: density, cure };
        if !density.is_finite() || density <= 0.0 {
            return Err(wrong("give a positive number of points per Å⁻³, such as 64"));
        }
        let parameters = lattice.parameters();
        let lengths = [parameters.a, parameters.b, parameters.c];
        let reciprocal_volume = TAU.powi(3) / lattice.volume();
        let scale = (density * reciprocal_volume * lengths.iter().product::<f64>()).cbrt();
        let mut mesh = [1; 3];
        for (divisions, length) in mesh.iter_mut().zip(lengths) {
            // The rule cuts off; a quotient a rounding error below a whole number is that number.
            let wanted = (scale / length + 1e-9).floor().max(1.0);
            let fits = (1..=MAX_DIVISIONS).find(|number| f64::from(*number) >= wanted);
            *divisions = fits.ok_or_else(|| {
                wrong("give a smaller one; the mesh would have more than 1 000 points along a vector")
            })?;
        }
        Ok(Self(mesh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meshes_of_the_materials_project() -> Result<(), DftInputError> {
        let cube = |a: f64| Lattice::from_rows([[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]]).expect("a cell");
        // (64·(2π)³)^⅓ = 25.13 points times Å.
        for (a, n) in [(3.0, 8), (4.0, 6), (5.0, 5), (13.0, 1), (30.0, 1)] {
            assert_eq!(KMesh::by_density(&cube(a), 64.0)?, KMesh([n; 3]), "{a}");
        }
        let slab = Lattice::from_rows([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 24.0]]).expect("a cell");
        assert_eq!(KMesh::by_density(&slab, 64.0)?, KMesh([8, 8, 1]));
        for density in [0.0, -1.0, f64::NAN, 1e12] {
            assert!(matches!(KMesh::by_density(&cube(3.0), density), Err(DftInputError::Setting { .. })), "{density}");
        }
        Ok(())
    }
}
