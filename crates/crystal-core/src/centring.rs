//! The centring of a conventional cell.

use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

/// Centring letter of a conventional cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Centring {
    /// Primitive.
    P,
    /// Centred on the face spanned by b and c.
    A,
    /// Centred on the face spanned by a and b.
    C,
    /// Body centred.
    I,
    /// All faces centred.
    F,
    /// Rhombohedral in hexagonal axes, obverse.
    R,
}

impl Centring {
    /// Number of lattice points in the conventional cell.
    pub fn order(self) -> usize {
        match self {
            Self::P => 1,
            Self::A | Self::C | Self::I => 2,
            Self::R => 3,
            Self::F => 4,
        }
    }

    /// `M` with `P = M · C`: rows of the primitive lattice in terms of the rows of the conventional one.
    pub fn to_primitive(self) -> Matrix3<f64> {
        match self {
            Self::P => Matrix3::identity(),
            Self::A => Matrix3::new(1.0, 0.0, 0.0, 0.0, 0.5, -0.5, 0.0, 0.5, 0.5),
            Self::C => Matrix3::new(0.5, -0.5, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0),
            Self::I => Matrix3::new(-0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0.5, 0.5, -0.5),
            Self::F => Matrix3::new(0.0, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5, 0.5, 0.0),
            Self::R => {
                let t = 1.0 / 3.0;
                Matrix3::new(2.0 * t, t, t, -t, t, t, -t, -2.0 * t, t)
            }
        }
    }

    /// Inverse of [`Self::to_primitive`], an integer matrix.
    pub fn to_conventional(self) -> Matrix3<f64> {
        match self {
            Self::P => Matrix3::identity(),
            Self::A => Matrix3::new(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, -1.0, 1.0),
            Self::C => Matrix3::new(1.0, 1.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, 1.0),
            Self::I => Matrix3::new(0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0),
            Self::F => Matrix3::new(-1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0),
            Self::R => Matrix3::new(1.0, -1.0, 0.0, 0.0, 1.0, -1.0, 1.0, 1.0, 1.0),
        }
    }

    /// Lattice points of the conventional cell in conventional fractional coordinates.
    pub fn lattice_points(self) -> Vec<Vector3<f64>> {
        let half = 0.5;
        let third = 1.0 / 3.0;
        let zero = Vector3::zeros();
        match self {
            Self::P => vec![zero],
            Self::A => vec![zero, Vector3::new(0.0, half, half)],
            Self::C => vec![zero, Vector3::new(half, half, 0.0)],
            Self::I => vec![zero, Vector3::new(half, half, half)],
            Self::F => {
                vec![zero, Vector3::new(0.0, half, half), Vector3::new(half, 0.0, half), Vector3::new(half, half, 0.0)]
            }
            Self::R => {
                vec![zero, Vector3::new(2.0 * third, third, third), Vector3::new(third, 2.0 * third, 2.0 * third)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Centring; 6] = [Centring::P, Centring::A, Centring::C, Centring::I, Centring::F, Centring::R];

    #[test]
    fn inverse_and_volume() {
        for centring in ALL {
            let product = centring.to_primitive() * centring.to_conventional();
            assert!((product - Matrix3::identity()).abs().max() < 1e-12, "{centring:?}");
            let ratio = centring.to_primitive().determinant() * centring.order() as f64;
            assert!((ratio - 1.0).abs() < 1e-12, "{centring:?}");
        }
    }

    #[test]
    fn lattice_points_are_primitive_translations() {
        for centring in ALL {
            assert_eq!(centring.lattice_points().len(), centring.order());
            for point in centring.lattice_points() {
                // Row vector times M⁻¹: integer exactly when the point is a primitive lattice vector.
                let primitive = centring.to_conventional().transpose() * point;
                assert!(primitive.iter().all(|x| (x - x.round()).abs() < 1e-12), "{centring:?} {point}");
            }
        }
    }
}
