//! Symmetry operations.

use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

use crate::whole::nearest;

/// An operation `{W|w}` on fractional columns: `x' = W·x + w`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SymmetryOperation {
    /// The integer matrix `W` in the basis of the cell it represents.
    pub rotation: Matrix3<i32>,
    /// The translation `w` in fractions of that cell.
    pub translation: Vector3<f64>,
}

impl SymmetryOperation {
    /// The identity.
    pub fn identity() -> Self {
        Self { rotation: Matrix3::identity(), translation: Vector3::zeros() }
    }

    /// The image `W·x + w` of a point in fractional coordinates.
    pub fn apply(&self, frac_coords: &Vector3<f64>) -> Vector3<f64> {
        self.rotation.map(f64::from) * frac_coords + self.translation
    }

    /// The operation `self ∘ other` (other first).
    pub fn compose(&self, other: &Self) -> Self {
        Self {
            rotation: self.rotation * other.rotation,
            translation: self.rotation.map(f64::from) * other.translation + self.translation,
        }
    }

    /// The inverse operation, its translation as it comes out (not wrapped).
    pub fn inverse(&self) -> Self {
        // The determinant is ±1, so the inverse of W is its adjugate times the determinant: exact in integers.
        let inverse = self.rotation.map(f64::from).try_inverse().expect("a symmetry operation has determinant ±1");
        let rotation = inverse.map(nearest);
        Self { rotation, translation: -(rotation.map(f64::from) * self.translation) }
    }

    /// Whether the rotation is the identity.
    pub fn is_translation(&self) -> bool {
        self.rotation == Matrix3::identity()
    }

    /// The matrix `R` that maps Cartesian columns, for a lattice with these row vectors: `R = Mᵀ·W·M⁻ᵀ`.
    pub fn cartesian_rotation(&self, lattice: &crate::Lattice) -> Matrix3<f64> {
        lattice.matrix().transpose() * self.rotation.map(f64::from) * lattice.inverse().transpose()
    }

    /// The same operation in the basis `P = M·C` (row vectors), from the basis C: `W' = M⁻ᵀ·W·Mᵀ`, `w' = M⁻ᵀ·w`.
    pub fn in_basis(&self, to_new: &Matrix3<f64>, to_old: &Matrix3<f64>) -> Self {
        let rotation = to_old.transpose() * self.rotation.map(f64::from) * to_new.transpose();
        Self { rotation: rotation.map(nearest), translation: to_old.transpose() * self.translation }
    }
}
