//! The dynamical matrix at any wave vector.

use std::f64::consts::TAU;

use nalgebra::{Complex, DMatrix, Matrix3, Vector3};

use crate::supercell::{ReducedSupercell, as_float};
use crate::{Crystal, ForceConstants, PhononError, Supercell};

/// `√(1 eV/(Å²·u)) / 2π` in THz, with the constants of CODATA 2018.
pub const THZ_PER_ROOT: f64 = 15.633_304_239_856_19;

/// Force constants divided by the roots of the masses, with the lattice vectors of their shortest images: `D_αβ(ij, q)
/// = Σ_R Φ_αβ(0i,Rj)/√(m_i m_j) · ⟨exp(2πi q·L)⟩` with the mean over all lattice vectors L that are equal to R modulo
/// the supercell and for which the vector from atom 0i to atom Lj is shortest (Parlinski, Li & Kawazoe 1997).
#[derive(Debug, Clone)]
pub struct DynamicalMatrix {
    n_sites: usize,
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
struct Term {
    i: usize,
    j: usize,
    /// eV/(Å² u).
    block: Matrix3<f64>,
    translations: Vec<Vector3<f64>>,
}

impl DynamicalMatrix {
    /// From force constants.
    ///
    /// # Errors
    /// [`PhononError::Crystal`] if the lattice of the supercell cannot be reduced.
    pub(crate) fn new(
        crystal: &Crystal,
        supercell: &Supercell,
        constants: &ForceConstants,
    ) -> Result<Self, PhononError> {
        let reduced = ReducedSupercell::new(supercell)?;
        let masses = crystal.masses();
        let mut terms = Vec::with_capacity(crystal.n_sites() * supercell.structure().n_sites());
        for i in 0..crystal.n_sites() {
            for atom in 0..supercell.structure().n_sites() {
                let j = atom / supercell.n_cells();
                let translations = supercell.shortest_translations(&reduced, i, atom);
                let translations: Vec<Vector3<f64>> =
                    translations.into_iter().map(|cell| Vector3::from(cell.map(f64::from))).collect();
                let scale = 1.0 / ((masses[i] * masses[j]).sqrt() * as_float(translations.len()));
                terms.push(Term { i, j, block: constants.block(i, atom) * scale, translations });
            }
        }
        Ok(Self { n_sites: crystal.n_sites(), terms })
    }

    /// Number of modes: three times the number of atoms in the primitive cell.
    pub fn n_modes(&self) -> usize {
        3 * self.n_sites
    }

    /// The matrix at a wave vector in reduced coordinates of the primitive cell: Hermitian, 3n × 3n, eV/(Å² u); row
    /// `3i + α`.
    pub fn at(&self, qpoint: &Vector3<f64>) -> DMatrix<Complex<f64>> {
        let mut matrix = DMatrix::zeros(self.n_modes(), self.n_modes());
        for Term { i, j, block, translations } in &self.terms {
            let phase: Complex<f64> =
                translations.iter().map(|translation| Complex::from_polar(1.0, TAU * qpoint.dot(translation))).sum();
            let mut target = matrix.fixed_view_mut::<3, 3>(3 * i, 3 * j);
            target += block.map(|component| phase * component);
        }
        // Hermitian up to rounding; the eigen-solver reads one triangle only.
        let adjoint = matrix.adjoint();
        (matrix + adjoint) * Complex::new(0.5, 0.0)
    }

    /// The frequencies at a wave vector (reduced coordinates of the primitive cell), ascending, THz; imaginary ones
    /// negative.
    pub fn frequencies(&self, qpoint: &Vector3<f64>) -> Vec<f64> {
        let eigenvalues = self.at(qpoint).symmetric_eigenvalues();
        let mut frequencies: Vec<f64> =
            eigenvalues.iter().map(|lambda| lambda.abs().sqrt().copysign(*lambda) * THZ_PER_ROOT).collect();
        frequencies.sort_by(f64::total_cmp);
        frequencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_frequency() {
        let (electron_volt, angstrom, mass_unit) = (1.602_176_634e-19, 1e-10, 1.660_539_066_60e-27_f64);
        let root = (electron_volt / (angstrom * angstrom * mass_unit)).sqrt();
        assert!((root / TAU * 1e-12 - THZ_PER_ROOT).abs() < 1e-9);
    }
}
