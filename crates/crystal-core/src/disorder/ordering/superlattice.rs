//! Superlattices as matrices in Hermite normal form.

use std::collections::HashSet;

use nalgebra::{Matrix3, Vector3};

use crate::{CrystalError, Lattice};

/// The superlattice with the rows `(a 0 0)`, `(b c 0)`, `(d e f)` in terms of a lattice's rows, `0 ≤ b, d < a` and `0 ≤
/// e < c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superlattice {
    rows: Matrix3<i32>,
    /// One lattice vector of each coset: those in the box of the diagonal.
    representatives: Vec<Vector3<i32>>,
}

impl Superlattice {
    fn new(rows: Matrix3<i32>) -> Self {
        let [a, c, f] = [rows[(0, 0)], rows[(1, 1)], rows[(2, 2)]];
        let representatives =
            (0..a).flat_map(|x| (0..c).flat_map(move |y| (0..f).map(move |z| Vector3::new(x, y, z)))).collect();
        Self { rows, representatives }
    }

    /// Cosets of the lattice modulo the superlattice: the number of cells.
    pub(super) fn n_cosets(&self) -> usize {
        self.representatives.len()
    }

    pub(super) fn representative(&self, coset: usize) -> Vector3<i32> {
        self.representatives[coset]
    }

    /// The coset of a lattice vector; 0 is the superlattice itself.
    pub(super) fn coset(&self, vector: &Vector3<i32>) -> usize {
        let mut rest = *vector;
        for axis in (0..3).rev() {
            let times = rest[axis].div_euclid(self.rows[(axis, axis)]);
            rest -= self.rows.row(axis).transpose() * times;
        }
        let [c, f] = [self.rows[(1, 1)], self.rows[(2, 2)]];
        usize::try_from((rest.x * c + rest.y) * f + rest.z).expect("a representative lies in the box of the diagonal")
    }

    /// Whether a rotation (on columns) maps the superlattice onto itself.
    pub(super) fn is_kept_by(&self, rotation: &Matrix3<i32>) -> bool {
        (0..3).all(|row| self.coset(&(rotation * self.rows.row(row).transpose())) == 0)
    }

    /// The superlattice of a lattice.
    pub(super) fn lattice(&self, lattice: &Lattice) -> Result<Lattice, CrystalError> {
        lattice.transformed(&self.rows.map(f64::from))
    }

    /// Fractional coordinates in the supercell of those in the cell: `x' = H⁻ᵀ·x` on columns.
    pub(super) fn to_supercell(&self, frac_coords: &Vector3<f64>) -> Vector3<f64> {
        let inverse = self.rows.map(f64::from).transpose().try_inverse();
        inverse.expect("the diagonal of the normal form is positive") * frac_coords
    }
}

/// All superlattices of `n` cells of which no rotation maps one onto another.
pub(super) fn distinct_superlattices(n: usize, rotations: &[Matrix3<i32>]) -> Vec<Superlattice> {
    let mut distinct: Vec<Superlattice> = Vec::new();
    let mut images: HashSet<[i32; 9]> = HashSet::new();
    let n = i32::try_from(n).unwrap_or(i32::MAX);
    for a in (1..=n).filter(|a| n % a == 0) {
        for c in (1..=n / a).filter(|c| (n / a) % c == 0) {
            let f = n / a / c;
            for code in 0..a * a * c {
                let (b, d, e) = (code % a, code / a % a, code / a / a);
                let rows = Matrix3::new(a, 0, 0, b, c, 0, d, e, f);
                if images.contains(&key(&rows)) {
                    continue;
                }
                // On columns: a row vector r becomes (W·r)ᵀ = r·Wᵀ.
                images.extend(rotations.iter().map(|rotation| key(&normal_form(rows * rotation.transpose()))));
                distinct.push(Superlattice::new(rows));
            }
        }
    }
    distinct
}

fn key(rows: &Matrix3<i32>) -> [i32; 9] {
    std::array::from_fn(|i| rows[i])
}

/// The basis of the lattice spanned by these rows that has zeros right of the diagonal and, below each of its entries,
/// numbers from 0 to less than it.
fn normal_form(mut rows: Matrix3<i32>) -> Matrix3<i32> {
    for column in (0..3).rev() {
        // Euclid's algorithm among the rows up to this one leaves one of them with an entry in the column.
        loop {
            let smallest =
                (0..=column).filter(|row| rows[(*row, column)] != 0).min_by_key(|row| rows[(*row, column)].abs());
            let Some(smallest) = smallest else { break };
            rows.swap_rows(smallest, column);
            let pivot = rows.row(column).into_owned();
            for row in 0..column {
                let times = rows[(row, column)] / pivot[column];
                let reduced = rows.row(row) - pivot * times;
                rows.set_row(row, &reduced);
            }
            if (0..column).all(|row| rows[(row, column)] == 0) {
                break;
            }
        }
        if rows[(column, column)] < 0 {
            let negative = -rows.row(column);
            rows.set_row(column, &negative);
        }
    }
    // Below each diagonal entry, the one next to it first: subtracting a row changes the columns left of its diagonal.
    for row in 1..3 {
        for column in (0..row).rev() {
            let times = rows[(row, column)].div_euclid(rows[(column, column)]);
            let reduced = rows.row(row) - rows.row(column) * times;
            rows.set_row(row, &reduced);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SpaceGroup;

    #[test]
    fn numbers_of_superlattices() {
        // Without symmetry: the sum over a·c·f = n of a²·c; 1, 7, 13, 35, 31, 91.
        for (n, expected) in [(1, 1), (2, 7), (3, 13), (4, 35), (5, 31), (6, 91)] {
            assert_eq!(distinct_superlattices(n, &[Matrix3::identity()]).len(), expected);
        }
        // Hart and Forcade, table II: 2, 3, 7, 5, 10 for fcc, 3, 3, 9, 5, 13 for simple cubic.
        let rotations = |number: i64| -> Vec<Matrix3<i32>> {
            let group = SpaceGroup::from_number(number).expect("a group");
            group.primitive_operations().iter().map(|operation| operation.rotation).collect()
        };
        for (number, expected) in [(225, [2, 3, 7, 5, 10]), (221, [3, 3, 9, 5, 13]), (229, [2, 3, 7, 5, 10])] {
            for (n, expected) in (2..).zip(expected) {
                assert_eq!(distinct_superlattices(n, &rotations(number)).len(), expected, "{number}, {n} cells");
            }
        }
    }

    #[test]
    fn cosets() {
        for superlattice in distinct_superlattices(6, &[Matrix3::identity()]) {
            for coset in 0..superlattice.n_cosets() {
                let vector = superlattice.representative(coset);
                assert_eq!(superlattice.coset(&vector), coset);
                for row in 0..3 {
                    let moved = vector - superlattice.rows.row(row).transpose() * 3;
                    assert_eq!(superlattice.coset(&moved), coset);
                }
            }
        }
    }
}
