//! Lattice reduction after Lenstra, Lenstra and Lovász (Math. Ann. 261, 515, 1982) in three dimensions.

use nalgebra::{Matrix3, RowVector3};

/// Share of a vector's squared length that must remain when it takes its predecessor's place.
const DELTA: f64 = 0.75;

/// More exchanges than any cell needs; reached only if rounding makes them go in circles.
const MAX_ROUNDS: usize = 1000;

/// The integer matrix `T` (rows) such that the rows of `T · matrix` are LLL-reduced.
pub(super) fn reduce(matrix: &Matrix3<f64>) -> Matrix3<f64> {
    let mut transformation = Matrix3::identity();
    let mut k = 1;
    for _ in 0..MAX_ROUNDS {
        if k > 2 {
            break;
        }
        for j in (0..k).rev() {
            let basis: Matrix3<f64> = transformation * matrix;
            let orthogonal = orthogonalised(&basis);
            let multiple = (basis.row(k).dot(&orthogonal[j]) / orthogonal[j].norm_squared()).round();
            if multiple != 0.0 {
                let subtracted = transformation.row(j) * multiple;
                let row = transformation.row(k) - subtracted;
                transformation.set_row(k, &row);
            }
        }
        let basis = transformation * matrix;
        let orthogonal = orthogonalised(&basis);
        let previous = orthogonal[k - 1].norm_squared();
        let overlap = basis.row(k).dot(&orthogonal[k - 1]) / previous;
        if orthogonal[k].norm_squared() >= (DELTA - overlap * overlap) * previous {
            k += 1;
        } else {
            transformation.swap_rows(k, k - 1);
            k = (k - 1).max(1);
        }
    }
    transformation
}

/// The rows, each without its components along those before it.
fn orthogonalised(basis: &Matrix3<f64>) -> [RowVector3<f64>; 3] {
    let first = basis.row(0).into_owned();
    let along = |vector: &RowVector3<f64>, axis: &RowVector3<f64>| axis * (vector.dot(axis) / axis.norm_squared());
    let second = basis.row(1).into_owned();
    let second = second - along(&second, &first);
    let third = basis.row(2).into_owned();
    let third = third - along(&third, &first) - along(&third, &second);
    [first, second, third]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn short_and_of_the_same_lattice(entries in proptest::array::uniform9(-5.0..5.0f64)) {
            let matrix = Matrix3::from_row_slice(&entries);
            prop_assume!(matrix.determinant().abs() > 1.0);
            let transformation = reduce(&matrix);
            prop_assert!(transformation.iter().all(|x| x.fract() == 0.0));
            prop_assert!((transformation.determinant().abs() - 1.0).abs() < 1e-9);
            // |b₁||b₂||b₃| ≤ 2^(n(n−1)/4)·V for δ = 3/4.
            let reduced = transformation * matrix;
            let product: f64 = (0..3).map(|i| reduced.row(i).norm()).product();
            prop_assert!(product <= 2.0_f64.powf(1.5) * matrix.determinant().abs() + 1e-9);
        }
    }
}
