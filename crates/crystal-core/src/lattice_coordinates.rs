//! Coordinates of a conventional lattice in which noise is Gaussian.
//!
//! A length `a` is `y = k·ln(exp(a/k) − 1)` with k = 10 Å (the inverse softplus), an angle enters through cotangents,
//! so that every real vector is a legal cell. Free lengths and angles by crystal system: the paper's §3 for cubic to
//! orthorhombic; monoclinic and triclinic are ours. Angles that symmetry fixes stay fixed.

use nalgebra::{Matrix3, RowVector3};

use crate::{CrystalError, CrystalSystem, Lattice};

/// Scale of the softplus and of the cotangents, Å.
const SCALE: f64 = 10.0;
/// Above this ratio of length to scale, softplus is the identity to f64 precision.
const LINEAR: f64 = 36.0;

/// The map between free coordinates `y` and conventional lattices of one crystal system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatticeCoordinates {
    system: CrystalSystem,
}

impl LatticeCoordinates {
    /// The largest number of free coordinates (triclinic).
    pub const MAX: usize = 6;

    /// For lattices of `system`.
    pub fn new(system: CrystalSystem) -> Self {
        Self { system }
    }

    /// Number of free coordinates: 1 cubic, 2 tetragonal, trigonal and hexagonal, 3 orthorhombic, 4 monoclinic, 6
    /// triclinic.
    pub fn n_free(self) -> usize {
        match self.system {
            CrystalSystem::Cubic => 1,
            CrystalSystem::Tetragonal | CrystalSystem::Trigonal | CrystalSystem::Hexagonal => 2,
            CrystalSystem::Orthorhombic => 3,
            CrystalSystem::Monoclinic => 4,
            CrystalSystem::Triclinic => 6,
        }
    }

    /// Coordinates of a conventional lattice. Parameters that symmetry ties together are averaged.
    pub fn encode(self, lattice: &Lattice) -> Vec<f64> {
        let p = lattice.parameters();
        let cot = |degrees: f64| SCALE / libm::tan(degrees.to_radians());
        match self.system {
            CrystalSystem::Cubic => vec![inverse_softplus(libm::cbrt(p.a * p.b * p.c))],
            CrystalSystem::Tetragonal | CrystalSystem::Trigonal | CrystalSystem::Hexagonal => {
                vec![inverse_softplus((p.a * p.b).sqrt()), inverse_softplus(p.c)]
            }
            CrystalSystem::Orthorhombic => vec![inverse_softplus(p.a), inverse_softplus(p.b), inverse_softplus(p.c)],
            CrystalSystem::Monoclinic => {
                vec![inverse_softplus(p.a), inverse_softplus(p.b), inverse_softplus(p.c), cot(p.beta)]
            }
            CrystalSystem::Triclinic => {
                // Direction of c in the standard orientation, scaled to height 1: (u, v, 1).
                let [cos_a, cos_b, cos_g] = [p.alpha, p.beta, p.gamma].map(|angle| libm::cos(angle.to_radians()));
                let cy = (cos_a - cos_b * cos_g) / libm::sin(p.gamma.to_radians());
                let cz = (1.0 - cos_b * cos_b - cy * cy).max(f64::MIN_POSITIVE).sqrt();
                vec![
                    inverse_softplus(p.a),
                    inverse_softplus(p.b),
                    inverse_softplus(p.c),
                    cot(p.gamma),
                    SCALE * cos_b / cz,
                    SCALE * cy / cz,
                ]
            }
        }
    }

    /// The conventional lattice at `y`, in standard orientation (a along x, b in the xy plane; hexagonal: γ = 120°).
    ///
    /// # Errors
    /// [`CrystalError::LatticeCoordinates`] if `y` has the wrong length; [`CrystalError::Lattice`] if a coordinate is
    /// not finite or so small that the cell has no volume.
    pub fn decode(self, y: &[f64]) -> Result<Lattice, CrystalError> {
        self.check(y)?;
        let lengths = y.iter().map(|y| softplus(*y)).collect::<Vec<_>>();
        Lattice::new(self.assemble(&lengths, y).0)
    }

    /// `∂C/∂y_a` of the conventional lattice, one 3×3 matrix of rows per free coordinate.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn jacobian(self, y: &[f64]) -> Result<Vec<Matrix3<f64>>, CrystalError> {
        self.check(y)?;
        let lengths = y.iter().map(|y| softplus(*y)).collect::<Vec<_>>();
        let (_, by_parameter) = self.assemble(&lengths, y);
        Ok(by_parameter)
    }

    fn check(self, y: &[f64]) -> Result<(), CrystalError> {
        if y.len() == self.n_free() {
            Ok(())
        } else {
            Err(CrystalError::LatticeCoordinates { system: self.system, expected: self.n_free(), found: y.len() })
        }
    }

    /// Rows of the lattice and their derivatives by `y`.
    fn assemble(self, lengths: &[f64], y: &[f64]) -> (Matrix3<f64>, Vec<Matrix3<f64>>) {
        let x = RowVector3::new(1.0, 0.0, 0.0);
        let e_y = RowVector3::new(0.0, 1.0, 0.0);
        let z = RowVector3::new(0.0, 0.0, 1.0);
        let zero = RowVector3::zeros();
        let hexagonal = RowVector3::new(-0.5, 0.75_f64.sqrt(), 0.0);
        // Unit directions of a, b, c; for each length coordinate, which of the three it scales; for each angle
        // coordinate, the derivatives of the directions.
        type Rows = [RowVector3<f64>; 3];
        let (directions, scales, angles): (Rows, [usize; 3], Vec<Rows>) = match self.system {
            CrystalSystem::Cubic => ([x, e_y, z], [0, 0, 0], vec![]),
            CrystalSystem::Tetragonal => ([x, e_y, z], [0, 0, 1], vec![]),
            CrystalSystem::Trigonal | CrystalSystem::Hexagonal => ([x, hexagonal, z], [0, 0, 1], vec![]),
            CrystalSystem::Orthorhombic => ([x, e_y, z], [0, 1, 2], vec![]),
            CrystalSystem::Monoclinic => {
                let (direction, derivative) = unit_with_slope(x, z, y[3] / SCALE);
                ([x, e_y, direction], [0, 1, 2], vec![[zero, zero, derivative]])
            }
            CrystalSystem::Triclinic => {
                let (b, b_derivative) = unit_with_slope(x, e_y, y[3] / SCALE);
                let raw = RowVector3::new(y[4] / SCALE, y[5] / SCALE, 1.0);
                let norm = raw.norm();
                let c = raw / norm;
                let by = |axis: RowVector3<f64>| (axis - c * c.dot(&axis)) / (norm * SCALE);
                ([x, b, c], [0, 1, 2], vec![[zero, b_derivative, zero], [zero, zero, by(x)], [zero, zero, by(e_y)]])
            }
        };
        let rows = [0, 1, 2].map(|i| directions[i] * lengths[scales[i]]);
        let n_lengths = scales[2] + 1;
        let mut derivatives = Vec::with_capacity(self.n_free());
        for (coordinate, y) in y.iter().enumerate().take(n_lengths) {
            let slope = logistic(y / SCALE);
            derivatives.push(Matrix3::from_rows(
                &[0, 1, 2].map(|i| if scales[i] == coordinate { directions[i] * slope } else { zero }),
            ));
        }
        for by_angle in angles {
            derivatives.push(Matrix3::from_rows(&[0, 1, 2].map(|i| by_angle[i] * lengths[scales[i]])));
        }
        (Matrix3::from_rows(&rows), derivatives)
    }
}

/// The unit vector whose cotangent against `axis` is `slope`, in the plane of `axis` and `normal`, and its derivative
/// by the coordinate `y = SCALE·slope`.
fn unit_with_slope(axis: RowVector3<f64>, normal: RowVector3<f64>, slope: f64) -> (RowVector3<f64>, RowVector3<f64>) {
    let norm = (1.0 + slope * slope).sqrt();
    let unit = (axis * slope + normal) / norm;
    (unit, (axis - normal * slope) / (norm.powi(3) * SCALE))
}

/// `a = k·ln(1 + exp(y/k))`, Å.
fn softplus(y: f64) -> f64 {
    let x = y / SCALE;
    if x > LINEAR { y } else { SCALE * libm::log1p(libm::exp(x)) }
}

/// Inverse of [`softplus`].
fn inverse_softplus(length: f64) -> f64 {
    let x = length / SCALE;
    if x > LINEAR { length } else { SCALE * libm::log(libm::expm1(x)) }
}

/// Derivative of softplus.
fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use proptest::prelude::*;

    const ALL: [CrystalSystem; 7] = [
        CrystalSystem::Triclinic,
        CrystalSystem::Monoclinic,
        CrystalSystem::Orthorhombic,
        CrystalSystem::Tetragonal,
        CrystalSystem::Trigonal,
        CrystalSystem::Hexagonal,
        CrystalSystem::Cubic,
    ];

    proptest! {
        #[test]
        fn every_vector_is_a_cell_and_comes_back(values in proptest::array::uniform6(-20.0..20.0)) {
            for system in ALL {
                let coordinates = LatticeCoordinates::new(system);
                let y = &values[..coordinates.n_free()];
                let lattice = coordinates.decode(y).expect("every real vector is a legal cell");
                for (found, given) in coordinates.encode(&lattice).iter().zip(y) {
                    assert_abs_diff_eq!(*found, *given, epsilon = 1e-6);
                }
            }
        }

        #[test]
        fn jacobian_is_the_derivative(values in proptest::array::uniform6(-8.0..8.0)) {
            let step = 1e-5;
            for system in ALL {
                let coordinates = LatticeCoordinates::new(system);
                let y = &values[..coordinates.n_free()];
                let jacobian = coordinates.jacobian(y).expect("a legal cell");
                prop_assert_eq!(jacobian.len(), y.len());
                for (a, analytic) in jacobian.iter().enumerate() {
                    let at = |shift: f64| {
                        let mut moved = y.to_vec();
                        moved[a] += shift;
                        *coordinates.decode(&moved).expect("a legal cell").matrix()
                    };
                    let numeric = (at(step) - at(-step)) / (2.0 * step);
                    assert_abs_diff_eq!(numeric, *analytic, epsilon = 1e-7);
                }
            }
        }
    }

    #[test]
    fn zero_is_a_cell_of_seven_angstrom() {
        let lattice = LatticeCoordinates::new(CrystalSystem::Cubic).decode(&[0.0]).expect("a cell");
        assert_abs_diff_eq!(lattice.parameters().a, 10.0 * 2.0_f64.ln(), epsilon = 1e-12);
    }
}
