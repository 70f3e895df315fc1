//! Logarithmic strain: the deformation `F = exp(S)` of a symmetric S, and exact gradients by S.

use nalgebra::{Matrix3, SymmetricEigen, Vector3};

/// Below this difference of eigenvalues the divided difference of exp is taken from its series.
const CLOSE_EIGENVALUES: f64 = 1e-5;
/// A projected strain shorter than this depends on those before it.
const DEPENDENT: f64 = 1e-6;

/// A symmetric logarithmic strain S, kept as eigenvalues and eigenvectors.
#[derive(Debug, Clone)]
pub(crate) struct LogStrain {
    eigenvalues: Vector3<f64>,
    eigenvectors: Matrix3<f64>,
}

impl LogStrain {
    pub fn new(strain: &Matrix3<f64>) -> Self {
        let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(*strain);
        Self { eigenvalues, eigenvectors }
    }

    /// `exp(S)`, symmetric; rows deform as `x·exp(S)`.
    pub fn deformation(&self) -> Matrix3<f64> {
        self.assemble(f64::exp)
    }

    /// `exp(−S)`.
    pub fn inverse(&self) -> Matrix3<f64> {
        self.assemble(|value| (-value).exp())
    }

    fn assemble(&self, function: impl Fn(f64) -> f64) -> Matrix3<f64> {
        self.eigenvectors * Matrix3::from_diagonal(&self.eigenvalues.map(function)) * self.eigenvectors.transpose()
    }

    /// `∂E/∂S` from the virial `W = ∂E/∂ε` (eV, symmetric) of the deformed cell.
    ///
    /// A strain on top of the deformation changes it by `δF = F·ε`, so `∂E/∂F = F⁻¹·W`. The derivative of exp at S
    /// along `δS` is, with `S = QΛQᵀ` (Daleckii and Krein 1965; Higham, Functions of Matrices, 2008, theorem 3.11), `δF
    /// = Q(Φ ∘ (QᵀδS Q))Qᵀ` with `Φ_ij = (exp λ_i − exp λ_j)/(λ_i − λ_j)`. It is self-adjoint, so `∂E/∂S = Q(Φ ∘ (Qᵀ
    /// sym(F⁻¹W) Q))Qᵀ`.
    pub fn gradient(&self, virial: &Matrix3<f64>) -> Matrix3<f64> {
        let by_deformation = self.inverse() * virial;
        let symmetric = (by_deformation + by_deformation.transpose()) * 0.5;
        let mut inner = self.eigenvectors.transpose() * symmetric * self.eigenvectors;
        for i in 0..3 {
            for j in 0..3 {
                inner[(i, j)] *= divided_difference(self.eigenvalues[i], self.eigenvalues[j]);
            }
        }
        self.eigenvectors * inner * self.eigenvectors.transpose()
    }
}

/// `(exp a − exp b)/(a − b)`.
fn divided_difference(a: f64, b: f64) -> f64 {
    let half = 0.5 * (a - b);
    let mean = (0.5 * (a + b)).exp();
    if half.abs() < CLOSE_EIGENVALUES { mean * (1.0 + half * half / 6.0) } else { mean * half.sinh() / half }
}

/// Orthonormal symmetric strains (in the Frobenius product) that the rotations leave as they are; without a change of
/// volume if asked. In the standard axes of a cubic group this is `1/√3`, of a triclinic one all six.
pub(crate) fn invariant_strains(rotations: &[Matrix3<f64>], constant_volume: bool) -> Vec<Matrix3<f64>> {
    let mut basis: Vec<Matrix3<f64>> = Vec::new();
    for (i, j) in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)] {
        let mut unit = Matrix3::zeros();
        unit[(i, j)] += 0.5;
        unit[(j, i)] += 0.5;
        let mut mean = Matrix3::zeros();
        for rotation in rotations {
            mean += rotation * unit * rotation.transpose();
        }
        let mut strain: Matrix3<f64> = mean.unscale(count(rotations.len()));
        if constant_volume {
            strain -= Matrix3::from_diagonal_element(strain.trace() / 3.0);
        }
        for earlier in &basis {
            strain -= earlier * earlier.dot(&strain);
        }
        if strain.norm() > DEPENDENT {
            basis.push(strain.normalize());
        }
    }
    basis
}

/// A count as a float; counts here are far below 2⁵³.
#[allow(clippy::cast_precision_loss, reason = "counts of atoms and operations are small")]
pub(crate) fn count(n: usize) -> f64 {
    n as f64
}

/// The largest logarithmic principal strain, by amount, between two cells (rows), whatever their orientation.
pub(crate) fn largest_strain(from: &Matrix3<f64>, to: &Matrix3<f64>) -> Option<f64> {
    let deformation = from.try_inverse()? * to;
    let metric = SymmetricEigen::new(deformation * deformation.transpose()).eigenvalues;
    Some(metric.iter().map(|stretch| 0.5 * stretch.ln()).fold(0.0, |largest: f64, strain| largest.max(strain.abs())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use crystal_core::{LatticeCoordinates, SpaceGroup, SpaceGroupNumber};

    #[test]
    fn gradient_is_the_derivative_of_exp() {
        // E(F) = ½|FMF − C|² with fixed symmetric M and C: for symmetric δF, δE = (XFM + MFX):δF with X = FMF − C.
        let metric = Matrix3::new(2.0, 0.3, 0.0, 0.3, 1.0, 0.1, 0.0, 0.1, 1.5);
        let target = Matrix3::new(1.2, 0.1, 0.0, 0.1, 0.9, -0.2, 0.0, -0.2, 1.1);
        let residual = |deformation: &Matrix3<f64>| deformation * metric * deformation - target;
        let energy = |strain: &Matrix3<f64>| 0.5 * residual(&LogStrain::new(strain).deformation()).norm_squared();
        for strain in [
            Matrix3::new(0.2, 0.05, -0.1, 0.05, -0.1, 0.07, -0.1, 0.07, 0.3),
            Matrix3::from_diagonal_element(0.1),
            Matrix3::zeros(),
            Matrix3::new(0.1, 1e-7, 0.0, 1e-7, 0.1, 0.0, 0.0, 0.0, -0.2),
        ] {
            let log_strain = LogStrain::new(&strain);
            let deformation = log_strain.deformation();
            let half = residual(&deformation) * deformation * metric;
            let gradient = log_strain.gradient(&(deformation * (half + half.transpose())));
            for (i, j) in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)] {
                let mut direction = Matrix3::zeros();
                direction[(i, j)] += 0.5;
                direction[(j, i)] += 0.5;
                let step = 1e-5;
                let numeric =
                    (energy(&(strain + direction * step)) - energy(&(strain - direction * step))) / (2.0 * step);
                assert_abs_diff_eq!(numeric, gradient.dot(&direction), epsilon = 1e-7);
            }
        }
    }

    #[test]
    fn every_group_has_as_many_strains_as_its_lattice_has_parameters() {
        for number in SpaceGroupNumber::all() {
            let group = SpaceGroup::get(number);
            let coordinates = LatticeCoordinates::new(group.system());
            let y: Vec<f64> = (0..coordinates.n_free()).map(|k| 0.3 - 0.4 * count(k)).collect();
            let lattice = coordinates.decode(&y).expect("a cell");
            let rotations: Vec<_> =
                group.operations().iter().map(|operation| operation.cartesian_rotation(&lattice)).collect();
            let strains = invariant_strains(&rotations, false);
            assert_eq!(strains.len(), coordinates.n_free(), "group {number}");
            assert_eq!(invariant_strains(&rotations, true).len(), coordinates.n_free() - 1, "group {number}");
            for (i, a) in strains.iter().enumerate() {
                for (j, b) in strains.iter().enumerate() {
                    assert_abs_diff_eq!(a.dot(b), f64::from(u8::from(i == j)), epsilon = 1e-12);
                }
            }
        }
    }
}
