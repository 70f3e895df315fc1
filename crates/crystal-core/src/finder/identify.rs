//! The space-group type of a list of operations, by moyo: its basis vectors are columns.

use moyo::base::{Lattice as MoyoLattice, Operation};
use moyo::data::Setting;
use moyo::identify::SpaceGroup as MoyoGroup;
use nalgebra::{Matrix3, Vector3};

use crate::{Lattice, SpaceGroupNumber, SymmetryOperation};

/// Translations of the list may be rounded.
const TRANSLATION_TOLERANCE: f64 = 1e-2;

/// The number of the space group that these operations of a cell are, centring translations included. `None` where it
/// cannot be told.
pub(crate) fn number_of_operations(operations: &[SymmetryOperation], lattice: &Lattice) -> Option<SpaceGroupNumber> {
    let to_primitive = primitive_basis(operations)?;
    // moyo wants a reduced basis, right-handed.
    let primitive = lattice.transformed(&to_primitive).ok()?;
    let (reduced, to_reduced) = primitive.niggli().ok()?;
    let sign = if reduced.matrix().determinant() < 0.0 { -1.0 } else { 1.0 };
    let to_new = to_reduced.map(f64::from) * to_primitive * sign;
    let to_old = to_new.try_inverse()?;
    let mut seen = std::collections::HashSet::new();
    let primitive_operations: Vec<Operation> = operations
        .iter()
        .map(|operation| operation.in_basis(&to_new, &to_old))
        .filter(|operation| seen.insert(<[[i32; 3]; 3]>::from(operation.rotation)))
        .map(|operation| Operation::new(operation.rotation, operation.translation))
        .collect();
    let basis = MoyoLattice::new(reduced.matrix() * sign);
    let group =
        MoyoGroup::from_lattice(&basis, &primitive_operations, Setting::Standard, TRANSLATION_TOLERANCE).ok()?;
    SpaceGroupNumber::new(i64::from(group.number)).ok()
}

/// Rows of a primitive lattice in terms of the cell's: three lattice translations that span a cell without another one
/// in it.
pub(crate) fn primitive_basis(operations: &[SymmetryOperation]) -> Option<Matrix3<f64>> {
    let mut vectors = vec![Vector3::x(), Vector3::y(), Vector3::z()];
    let centring =
        operations.iter().filter(|operation| operation.is_translation()).map(|operation| operation.translation);
    let centring: Vec<Vector3<f64>> = centring.filter(|t| t.iter().any(|x| (x - x.round()).abs() > 1e-2)).collect();
    let volume = 1.0 / (centring.len() as f64 + 1.0);
    for translation in centring {
        let short = translation.map(|x| x - x.round());
        vectors.push(short);
        // The nearest images: a basis may need one on the other side of the cell.
        for axis in 0..3 {
            let mut image = short;
            image[axis] -= image[axis].signum();
            vectors.push(image);
        }
    }
    let n = vectors.len();
    for i in 0..n {
        for j in i + 1..n {
            for k in j + 1..n {
                let matrix =
                    Matrix3::from_rows(&[vectors[i].transpose(), vectors[j].transpose(), vectors[k].transpose()]);
                if (matrix.determinant().abs() - volume).abs() < 0.1 * volume {
                    return Some(matrix);
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::SETTINGS;

    /// A metric that the operations keep, from a general one: `G = Σ Wᵀ·G₀·W`.
    fn lattice_for(operations: &[SymmetryOperation]) -> Lattice {
        let general = Matrix3::new(25.0, 1.3, 2.1, 1.3, 36.0, 1.7, 2.1, 1.7, 49.0);
        let metric: Matrix3<f64> = operations
            .iter()
            .map(|operation| operation.rotation.map(f64::from))
            .map(|rotation| rotation.transpose() * general * rotation)
            .sum::<Matrix3<f64>>()
            / operations.len() as f64;
        Lattice::new(metric.cholesky().expect("a metric").l()).expect("a lattice")
    }

    #[test]
    fn every_setting_is_recognised() {
        for setting in SETTINGS.iter() {
            let operations = setting.operations();
            let found = number_of_operations(&operations, &lattice_for(&operations));
            assert_eq!(found, Some(setting.number), "{setting:?}");
        }
    }
}
