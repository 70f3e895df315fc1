//! Wave vectors on a mesh.

use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;
use serde::Serialize;

use crate::supercell::{as_float, multiples_reaching};
use crate::{Crystal, DynamicalMatrix, PhononError, Settings, Supercell};

/// More points than this in a mesh are refused.
const MAX_POINTS: usize = 8_000_000;

/// One of the non-equivalent points of a mesh.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeshPoint {
    /// The wave vector, reduced coordinates of the primitive cell, each in (−½, ½].
    pub qpoint: [f64; 3],
    /// How many points of the mesh are equivalent to it.
    pub weight: usize,
}

/// A Monkhorst-Pack mesh with a point at Γ, `q = (m₁/n₁, m₂/n₂, m₃/n₃)`, reduced by the point group and by q → −q.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mesh {
    divisions: [usize; 3],
    points: Vec<MeshPoint>,
}

impl Mesh {
    /// The mesh that the settings ask for: the given divisions, else the smallest multiples of the supercell's that
    /// reach `mesh_length` (divisions times the distance between lattice planes). A multiple contains every wave vector
    /// that fits the supercell, at which frequencies are exact for the potential.
    ///
    /// # Errors
    /// [`PhononError::Setting`] if it has too many points.
    pub fn new(crystal: &Crystal, supercell: &Supercell, settings: &Settings) -> Result<Self, PhononError> {
        let divisions = settings.mesh.unwrap_or_else(|| {
            let heights = multiples_reaching(crystal.lattice(), settings.mesh_length);
            std::array::from_fn(|axis| heights[axis].next_multiple_of(supercell.multiples()[axis]))
        });
        let n_points = divisions.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
        if !n_points.is_some_and(|n| (1..=MAX_POINTS).contains(&n)) {
            let reason = "a mesh has from one to eight million points; give smaller divisions";
            return Err(PhononError::Setting { name: "mesh", value: format!("{divisions:?}"), reason });
        }
        // Force constants have the symmetry of the supercell; operations that do not map the mesh onto itself are left
        // out.
        let operations = supercell.symmetric_operations();
        let rotations: Vec<Matrix3<i32>> =
            operations.iter().map(|index| crystal.operations()[*index].rotation).collect();
        Ok(Self { divisions, points: irreducible(divisions, &rotations) })
    }

    /// Divisions along the three reciprocal vectors.
    pub fn divisions(&self) -> [usize; 3] {
        self.divisions
    }

    /// The non-equivalent points, Γ first.
    pub fn points(&self) -> &[MeshPoint] {
        &self.points
    }

    /// Number of points of the whole mesh.
    pub fn n_points(&self) -> usize {
        self.divisions.iter().product()
    }
}

/// Orbits of the mesh under q → ±Wᵀq, by their first points.
fn irreducible(divisions: [usize; 3], rotations: &[Matrix3<i32>]) -> Vec<MeshPoint> {
    let n = divisions.map(|n| i64::try_from(n).expect("meshes are small"));
    // In units of 1/n: m'_i = n_i Σ_j W_ji m_j / n_j.
    let in_mesh_basis = |rotation: &Matrix3<i32>| {
        let whole = (0..3).all(|i| (0..3).all(|j| (n[i] * i64::from(rotation[(j, i)])) % n[j] == 0));
        whole.then(|| Matrix3::from_fn(|i, j| n[i] * i64::from(rotation[(j, i)]) / n[j]))
    };
    let rotations: Vec<Matrix3<i64>> = rotations.iter().filter_map(in_mesh_basis).collect();
    let index = |m: Vector3<i64>| {
        let [i, j, k] = std::array::from_fn(|axis| m[axis].rem_euclid(n[axis]));
        usize::try_from((k * n[1] + j) * n[0] + i).expect("indices are not negative")
    };
    let mut seen = vec![false; divisions.iter().product()];
    let mut points = Vec::new();
    for k in 0..n[2] {
        for j in 0..n[1] {
            for i in 0..n[0] {
                let start = Vector3::new(i, j, k);
                if seen[index(start)] {
                    continue;
                }
                let mut weight = 0;
                for rotation in &rotations {
                    let image = rotation * start;
                    for image in [image, -image] {
                        weight += usize::from(!std::mem::replace(&mut seen[index(image)], true));
                    }
                }
                let centred = std::array::from_fn(|axis| {
                    let m = if 2 * start[axis] > n[axis] { start[axis] - n[axis] } else { start[axis] };
                    f64::from(i32::try_from(m).expect("meshes are small")) / as_float(divisions[axis])
                });
                points.push(MeshPoint { qpoint: centred, weight });
            }
        }
    }
    points
}

/// Frequencies on a mesh.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeshFrequencies {
    mesh: Mesh,
    frequencies_thz: Vec<Vec<f64>>,
}

impl MeshFrequencies {
    /// Frequencies at every non-equivalent point, in parallel.
    pub(crate) fn new(mesh: Mesh, matrix: &DynamicalMatrix) -> Self {
        let at = |point: &MeshPoint| matrix.frequencies(&Vector3::from(point.qpoint));
        let frequencies_thz = mesh.points.par_iter().map(at).collect();
        Self { mesh, frequencies_thz }
    }

    /// The mesh.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// For each of [`Mesh::points`], the frequencies, ascending, THz.
    pub fn frequencies(&self) -> &[Vec<f64>] {
        &self.frequencies_thz
    }

    /// All modes: frequency (THz) and weight, the weights of all modes summing to the number of modes of one cell.
    pub(crate) fn modes(&self) -> impl Iterator<Item = (f64, f64)> {
        let n_points = as_float(self.mesh.n_points());
        self.mesh.points.iter().zip(&self.frequencies_thz).flat_map(move |(point, frequencies)| {
            let weight = as_float(point.weight) / n_points;
            frequencies.iter().map(move |frequency| (*frequency, weight))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_cover_the_mesh() {
        let cubic: Vec<Matrix3<i32>> = (0..3)
            .flat_map(|shift| {
                (0..8_u8).map(move |signs| {
                    let sign = |axis: u8| if signs & (1 << axis) == 0 { 1 } else { -1 };
                    Matrix3::from_fn(|i, j| if (j + shift) % 3 == i { [sign(0), sign(1), sign(2)][i] } else { 0 })
                })
            })
            .collect();
        for divisions in [[4, 4, 4], [3, 3, 3], [2, 3, 4]] {
            let points = irreducible(divisions, &cubic);
            assert_eq!(points.iter().map(|point| point.weight).sum::<usize>(), divisions.iter().product::<usize>());
            assert_eq!(points[0], MeshPoint { qpoint: [0.0; 3], weight: 1 });
        }
        // Signs and cyclic permutations of (m₁, m₂, m₃), each from 0 to 2.
        assert_eq!(irreducible([4, 4, 4], &cubic).len(), 11);
    }
}
