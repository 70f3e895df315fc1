//! Which atoms are displaced, and along what.

use nalgebra::{Matrix3, Vector3};

use crate::{Crystal, Supercell};

/// Axes, face diagonals and body diagonals of the supercell, in the order in which they are tried.
const DIRECTIONS: [[i32; 3]; 13] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [1, 1, 0],
    [1, 0, 1],
    [0, 1, 1],
    [1, -1, 0],
    [1, 0, -1],
    [0, 1, -1],
    [1, 1, 1],
    [1, 1, -1],
    [1, -1, 1],
    [-1, 1, 1],
];

/// One displaced atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Displacement {
    /// Index of the site in the primitive cell.
    pub site: usize,
    /// Index of the atom in the supercell.
    pub atom: usize,
    /// The displacement, Cartesian, Å.
    pub vector: Vector3<f64>,
}

/// Displacements of length `amplitude` (Å) from which the force constants follow by symmetry: for each non-equivalent
/// atom as few directions as there can be such that their images under the site's stabiliser span space, and the
/// opposite of a direction if no operation of the stabiliser reverses it. Symmetry is that of the supercell.
pub(crate) fn displacements(crystal: &Crystal, supercell: &Supercell, amplitude: f64) -> Vec<Displacement> {
    let lattice = supercell.structure().lattice();
    let mut all = Vec::new();
    for site in independent_sites(crystal, supercell) {
        let stabiliser: Vec<Matrix3<i32>> = stabiliser(crystal, supercell, site)
            .map(|operation| in_supercell_basis(&crystal.operations()[operation].rotation, supercell.multiples()))
            .collect();
        let atom = supercell.atom(site, [0; 3]);
        for direction in directions(&stabiliser) {
            let cartesian = lattice.to_cartesian(&direction.map(f64::from)).normalize() * amplitude;
            all.push(Displacement { site, atom, vector: cartesian });
            if !stabiliser.iter().any(|rotation| rotation * direction == -direction) {
                all.push(Displacement { site, atom, vector: -cartesian });
            }
        }
    }
    all
}

/// The first site of every orbit under the operations of the supercell.
pub(crate) fn independent_sites(crystal: &Crystal, supercell: &Supercell) -> Vec<usize> {
    let is_first = |site: &usize| {
        supercell.symmetric_operations().iter().all(|operation| crystal.images(*operation)[*site].site >= *site)
    };
    (0..crystal.n_sites()).filter(is_first).collect()
}

/// The operations of the supercell that leave a site where it is, up to a lattice translation.
pub(crate) fn stabiliser(crystal: &Crystal, supercell: &Supercell, site: usize) -> impl Iterator<Item = usize> {
    supercell
        .symmetric_operations()
        .iter()
        .copied()
        .filter(move |operation| crystal.images(*operation)[site].site == site)
}

/// `W'_ij = W_ij · n_j / n_i`: a rotation of the primitive basis in the basis of its multiple.
fn in_supercell_basis(rotation: &Matrix3<i32>, multiples: [usize; 3]) -> Matrix3<i32> {
    let n = multiples.map(|n| i32::try_from(n).expect("multiples are small"));
    Matrix3::from_fn(|i, j| rotation[(i, j)] * n[j] / n[i])
}

/// As few of [`DIRECTIONS`] as possible whose images under the rotations span space: one if its images do; else the
/// first with images that span a plane, and the first outside of that plane; else the three axes.
fn directions(rotations: &[Matrix3<i32>]) -> Vec<Vector3<i32>> {
    let candidates = DIRECTIONS.map(Vector3::from);
    let images = |direction: &Vector3<i32>| rotations.iter().map(|rotation| rotation * direction).collect::<Vec<_>>();
    let spans = candidates.map(|direction| span(&images(&direction)));
    if let Some(index) = spans.iter().position(|span| matches!(span, Span::Space)) {
        return vec![candidates[index]];
    }
    for (first, span) in candidates.iter().zip(&spans) {
        if let Span::Plane(normal) = span {
            let second = candidates.iter().find(|direction| normal.dot(direction) != 0);
            return vec![*first, *second.expect("an axis leaves the plane")];
        }
    }
    candidates[..3].to_vec()
}

/// What vectors span.
enum Span {
    Line,
    /// With a normal (in the dual basis).
    Plane(Vector3<i32>),
    Space,
}

fn span(vectors: &[Vector3<i32>]) -> Span {
    let first = vectors[0];
    let normals = vectors.iter().map(|vector| first.cross(vector));
    let Some(normal) = normals.into_iter().find(|normal| *normal != Vector3::zeros()) else { return Span::Line };
    if vectors.iter().any(|vector| normal.dot(vector) != 0) { Span::Space } else { Span::Plane(normal) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewest_directions() {
        let identity = Matrix3::identity();
        let three_fold = Matrix3::new(0, 0, 1, 1, 0, 0, 0, 1, 0);
        let two_fold = Matrix3::from_diagonal(&Vector3::new(-1, -1, 1));
        let mirror = Matrix3::from_diagonal(&Vector3::new(1, 1, -1));
        let four_fold = Matrix3::new(0, -1, 0, 1, 0, 0, 0, 0, 1);
        let powers = |rotation: Matrix3<i32>, order: u32| (0..order).map(|n| rotation.pow(n)).collect::<Vec<_>>();
        assert_eq!(directions(&[identity]).len(), 3);
        assert_eq!(directions(&[identity, -identity]).len(), 3);
        assert_eq!(directions(&powers(two_fold, 2)).len(), 2);
        assert_eq!(directions(&powers(mirror, 2)).len(), 2);
        assert_eq!(directions(&powers(four_fold, 4)), [Vector3::new(1, 0, 1)]);
        assert_eq!(directions(&powers(three_fold, 3)), [Vector3::new(1, 0, 0)]);
        let orthorhombic = [identity, two_fold, mirror, two_fold * mirror];
        assert_eq!(directions(&orthorhombic).len(), 2);
    }
}
