//! Affine subspaces of the fractional space, modulo lattice translations.

use std::sync::LazyLock;

use nalgebra::{Matrix2, Matrix3, Vector2, Vector3};

use crate::Lattice;

/// The points `A·q + b` for real `q`, with an integer matrix `A`.
///
/// The integer vectors that vanish on the columns of `A` have a lattice basis `n_1 … n_k` with `k = 3 − rank(A)`.
/// Integer vectors `l_j` with `n_i·l_j = δ_ij` exist, so a point `x` lies on the subspace modulo translations exactly
/// when every `n_i·(x − b)` is an integer: no search over translations is needed.
#[derive(Debug, Clone)]
pub(crate) struct AffineSubspace {
    pub linear: Matrix3<f64>,
    pub origin: Vector3<f64>,
    normals: Vec<Vector3<f64>>,
    lifts: Vec<Vector3<f64>>,
    left_inverse: Matrix3<f64>,
}

/// All small integer vectors, the shortest first, so that normals and lifts are short ones.
pub(super) static SMALL_VECTORS: LazyLock<Vec<Vector3<i32>>> = LazyLock::new(|| {
    let range = -3..=3;
    let mut vectors: Vec<Vector3<i32>> = range
        .clone()
        .flat_map(|x| range.clone().flat_map(move |y| (-3..=3).map(move |z| Vector3::new(x, y, z))))
        .filter(|vector| *vector != Vector3::zeros())
        .collect();
    vectors.sort_by_key(|vector| (vector.dot(vector), -vector.x, -vector.y, -vector.z));
    vectors
});

pub(super) fn primitive(vector: Vector3<i32>) -> Vector3<i32> {
    fn gcd(a: i32, b: i32) -> i32 {
        if b == 0 { a.abs() } else { gcd(b, a % b) }
    }
    vector / gcd(gcd(vector.x, vector.y), vector.z).max(1)
}

impl AffineSubspace {
    pub fn new(linear: &Matrix3<i32>, origin: Vector3<f64>) -> Self {
        let columns: Vec<Vector3<i32>> = linear
            .column_iter()
            .map(|column| column.into_owned())
            .filter(|column| *column != Vector3::zeros())
            .collect();
        let cross = columns
            .iter()
            .flat_map(|a| columns.iter().map(move |b| a.cross(b)))
            .find(|cross| *cross != Vector3::zeros());
        let small = &*SMALL_VECTORS;
        let normals: Vec<Vector3<i32>> = if linear.map(f64::from).determinant().abs() > 0.5 {
            vec![]
        } else if let Some(cross) = cross {
            vec![primitive(cross)]
        } else if let Some(column) = columns.first() {
            // Two vectors span the whole orthogonal lattice of a primitive vector exactly when their cross product is
            // that vector.
            let axis = primitive(*column);
            let orthogonal: Vec<&Vector3<i32>> = small.iter().filter(|vector| vector.dot(&axis) == 0).collect();
            orthogonal
                .iter()
                .flat_map(|a| orthogonal.iter().map(move |b| (**a, **b)))
                .find(|(a, b)| a.cross(b) == axis)
                .map(|(a, b)| vec![a, b])
                .expect("directions of Wyckoff positions have small normals")
        } else {
            vec![Vector3::x(), Vector3::y(), Vector3::z()]
        };
        let lifts: Vec<Vector3<i32>> = (0..normals.len())
            .map(|j| {
                *small
                    .iter()
                    .find(|lift| normals.iter().enumerate().all(|(i, normal)| normal.dot(lift) == i32::from(i == j)))
                    .expect("normals that form a lattice basis have an integer right inverse")
            })
            .collect();
        let real = |vectors: Vec<Vector3<i32>>| vectors.into_iter().map(|vector| vector.map(f64::from)).collect();
        let linear = linear.map(f64::from);
        let left_inverse = linear.pseudo_inverse(1e-9).expect("the threshold is not negative");
        Self { linear, origin, normals: real(normals), lifts: real(lifts), left_inverse }
    }

    /// The subspace's image under `x' = W·x + w`.
    pub fn image(&self, rotation: &Matrix3<i32>, translation: &Vector3<f64>) -> Self {
        let rotation = rotation.map(f64::from);
        let inverse = rotation.try_inverse().expect("a symmetry operation has determinant ±1").map(f64::round);
        Self {
            linear: rotation * self.linear,
            origin: rotation * self.origin + translation,
            normals: self.normals.iter().map(|normal| inverse.transpose() * normal).collect(),
            lifts: self.lifts.iter().map(|lift| rotation * lift).collect(),
            left_inverse: self.left_inverse * inverse,
        }
    }

    pub fn n_free(&self) -> usize {
        3 - self.normals.len()
    }

    /// Whether both are the same map modulo lattice translations.
    pub fn is_same_map(&self, other: &Self) -> bool {
        let shift = self.origin - other.origin;
        (self.linear - other.linear).abs().max() < 1e-9 && shift.iter().all(|x| (x - x.round()).abs() < 1e-6)
    }

    /// The point of the subspace, or of one of its translates, nearest to `frac_coords`, and its distance in Å, if that
    /// is at most `tolerance`. Exact as long as the lattice planes of the normals are more than `2·tolerance` apart.
    pub fn project(
        &self,
        frac_coords: &Vector3<f64>,
        lattice: &Lattice,
        tolerance: f64,
    ) -> Option<(Vector3<f64>, f64)> {
        let offset = frac_coords - self.origin;
        let mut residuals = [0.0; 3];
        let mut covectors = [Vector3::zeros(); 3];
        for (i, normal) in self.normals.iter().enumerate() {
            let height = normal.dot(&offset);
            residuals[i] = height - height.round();
            // Cartesian form of the normal: n·f = (L⁻¹n)·cart for row vectors L.
            covectors[i] = lattice.inverse() * normal;
            // The epsilon lets tolerance 0 find points that are on the subspace to rounding.
            if residuals[i].abs() > covectors[i].norm() * (tolerance + 1e-12) {
                return None;
            }
        }
        let correction = match self.normals.len() {
            0 => Vector3::zeros(),
            1 => covectors[0] * (residuals[0] / covectors[0].norm_squared()),
            2 => {
                let (a, b) = (covectors[0], covectors[1]);
                let gram = Matrix2::new(a.dot(&a), a.dot(&b), a.dot(&b), b.dot(&b));
                let weights = gram.try_inverse()? * Vector2::new(residuals[0], residuals[1]);
                a * weights.x + b * weights.y
            }
            _ => {
                let rows =
                    Matrix3::from_rows(&[covectors[0].transpose(), covectors[1].transpose(), covectors[2].transpose()]);
                rows.try_inverse()? * Vector3::from(residuals)
            }
        };
        let distance = correction.norm();
        (distance <= tolerance + 1e-12).then(|| (frac_coords - lattice.to_fractional(&correction), distance))
    }

    /// Parameters `q` of a point on the subspace modulo lattice translations, zero for unused ones.
    pub fn parameters(&self, frac_coords: &Vector3<f64>) -> Vector3<f64> {
        let mut offset = frac_coords - self.origin;
        for (normal, lift) in self.normals.iter().zip(&self.lifts) {
            offset -= lift * normal.dot(&(frac_coords - self.origin)).round();
        }
        self.left_inverse * offset
    }
}
