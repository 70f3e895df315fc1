//! Force constants from forces, by symmetry.

use nalgebra::{Matrix3, Vector3};

use crate::displacements::{independent_sites, stabiliser};
use crate::supercell::as_float;
use crate::{Crystal, Displacement, SiteImage, Supercell};

/// How far force constants are from the symmetries that they must have, before these are imposed; eV/Å².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asymmetry {
    /// Largest component of `Φ(i,j) − Φ(j,i)ᵀ`.
    pub permutation: f64,
    /// Largest component of `Σ_j Φ(i,j)`.
    pub translation: f64,
}

/// Second derivatives `Φ_αβ(0i, b) = ∂²E/∂u_α(0i)∂u_β(b)` between the atoms `0i` of the primitive cell at the origin
/// and all atoms b of the supercell, eV/Å². Invariant under permutation, translations and the space group (as far as
/// the supercell has it).
#[derive(Debug, Clone)]
pub struct ForceConstants {
    blocks: Vec<Matrix3<f64>>,
    n_atoms: usize,
    asymmetry: Asymmetry,
}

impl ForceConstants {
    /// From the change of the forces on all atoms of the supercell (eV/Å) that each displacement makes.
    ///
    /// For a non-equivalent atom i with stabiliser S, the images of the displacements u_k and of the forces F_k give
    /// one linear system per atom b, `R·F_k(g⁻¹b) = −Φ(b,0i)·R·u_k` for every operation g = {R|w} of S and every k. It
    /// is solved by least squares: the solution has the symmetry of S, and where u and −u both occur, even orders in u
    /// drop out. Other atoms follow by the operations that map i on them.
    pub(crate) fn new(
        crystal: &Crystal,
        supercell: &Supercell,
        displacements: &[Displacement],
        forces: &[Vec<Vector3<f64>>],
    ) -> Self {
        let n_atoms = supercell.structure().n_sites();
        let mut blocks = vec![Matrix3::zeros(); crystal.n_sites() * n_atoms];
        for site in independent_sites(crystal, supercell) {
            let of_site = displacements.iter().zip(forces).filter(|(displacement, _)| displacement.site == site);
            let row = fit(crystal, supercell, site, of_site);
            distribute(crystal, supercell, site, &row, &mut blocks);
        }
        let mut constants = Self { blocks, n_atoms, asymmetry: Asymmetry { permutation: 0.0, translation: 0.0 } };
        constants.asymmetry.translation = constants.drifts().iter().map(Matrix3::amax).fold(0.0, f64::max);
        constants.asymmetry.permutation = constants.impose_permutation(supercell);
        constants.impose_translation(supercell);
        constants
    }

    /// `Φ(0i, b)` of site `site` in the primitive cell and atom `atom` of the supercell, eV/Å².
    pub fn block(&self, site: usize, atom: usize) -> &Matrix3<f64> {
        &self.blocks[site * self.n_atoms + atom]
    }

    /// What was wrong with the fitted force constants before permutation and translation symmetry were imposed.
    pub fn asymmetry(&self) -> Asymmetry {
        self.asymmetry
    }

    fn drifts(&self) -> Vec<Matrix3<f64>> {
        self.blocks.chunks(self.n_atoms).map(|row| row.iter().sum()).collect()
    }

    /// `Φ(0i,Rj) ← ½ (Φ(0i,Rj) + Φ(0j,−Ri)ᵀ)`; gives the largest difference of the two.
    fn impose_permutation(&mut self, supercell: &Supercell) -> f64 {
        let n_cells = supercell.n_cells();
        let mut largest: f64 = 0.0;
        for i in 0..self.n_atoms / n_cells {
            for b in 0..self.n_atoms {
                let j = b / n_cells;
                let index = i * self.n_atoms + b;
                let partner = j * self.n_atoms + supercell.atom(i, supercell.cell(b % n_cells).map(|n| -n));
                let difference = self.blocks[index] - self.blocks[partner].transpose();
                largest = largest.max(difference.amax());
                let mean = self.blocks[index] - difference * 0.5;
                self.blocks[index] = mean;
                self.blocks[partner] = mean.transpose();
            }
        }
        largest
    }

    /// The orthogonal projection of symmetric force constants onto those with `D_i = Σ_b Φ(0i,b) = 0` that are still
    /// symmetric.
    ///
    /// With Lagrange multipliers the correction is `X_i + X_jᵀ` for a pair of sites i and j, with `X_i = (D_i −
    /// T/n)/N`, `T = Σ_j D_j / 2` for n sites in the primitive and N atoms in the supercell: then `Σ_b (X_i + X_jᵀ) =
    /// D_i`, as `Σ_j D_j` is symmetric. It commutes with the space group, because D_i transforms as Φ does.
    fn impose_translation(&mut self, supercell: &Supercell) {
        let drifts = self.drifts();
        let n_atoms = as_float(self.n_atoms);
        let sum: Matrix3<f64> = drifts.iter().sum();
        let mean = (sum + sum.transpose()) * (0.25 / as_float(drifts.len()));
        let multipliers: Vec<Matrix3<f64>> = drifts.iter().map(|drift| (drift - mean) / n_atoms).collect();
        for (i, row) in self.blocks.chunks_mut(self.n_atoms).enumerate() {
            for (b, block) in row.iter_mut().enumerate() {
                *block -= multipliers[i] + multipliers[b / supercell.n_cells()].transpose();
            }
        }
    }
}

/// `Φ(0i, b)` for all atoms b, least squares over the images under the stabiliser of site i.
fn fit<'a>(
    crystal: &Crystal,
    supercell: &Supercell,
    site: usize,
    displacements: impl Iterator<Item = (&'a Displacement, &'a Vec<Vector3<f64>>)> + Clone,
) -> Vec<Matrix3<f64>> {
    let n_atoms = supercell.structure().n_sites();
    let mut products = vec![Matrix3::zeros(); n_atoms];
    let mut normal = Matrix3::zeros();
    for operation in stabiliser(crystal, supercell, site) {
        let images = crystal.images(operation);
        let rotation = &crystal.rotations()[operation];
        let origin = images[site].translation;
        let targets: Vec<usize> = (0..n_atoms)
            .map(|atom| supercell.image(&crystal.operations()[operation].rotation, images, origin, atom))
            .collect();
        for (displacement, forces) in displacements.clone() {
            let moved = rotation * displacement.vector;
            normal += moved * moved.transpose();
            for (target, force) in targets.iter().zip(forces) {
                products[*target] += (rotation * force) * moved.transpose();
            }
        }
    }
    let inverse = normal.try_inverse().expect("the images of the displacements span space");
    // Φ(0i,b) is the transpose of Φ(b,0i) = −(Σ F uᵀ)(Σ u uᵀ)⁻¹.
    products.into_iter().map(|product| -(product * inverse).transpose()).collect()
}

/// Writes the row of a site, and of every site that an operation maps it on: `Φ(g·0i, g·b) = R·Φ(0i,b)·Rᵀ`.
fn distribute(
    crystal: &Crystal,
    supercell: &Supercell,
    site: usize,
    row: &[Matrix3<f64>],
    blocks: &mut [Matrix3<f64>],
) {
    let n_atoms = row.len();
    let mut done = vec![false; crystal.n_sites()];
    for &operation in supercell.symmetric_operations() {
        let images = crystal.images(operation);
        let SiteImage { site: target, translation: origin } = images[site];
        if std::mem::replace(&mut done[target], true) {
            continue;
        }
        let rotation = &crystal.rotations()[operation];
        for (atom, block) in row.iter().enumerate() {
            let image = supercell.image(&crystal.operations()[operation].rotation, images, origin, atom);
            blocks[target * n_atoms + image] = rotation * block * rotation.transpose();
        }
    }
}
