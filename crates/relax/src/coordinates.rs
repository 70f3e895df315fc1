//! Generalised coordinates of a crystal: displacements of the sites and the logarithmic strain of the cell together.

mod freedom;
mod placement;
mod stiffness;
#[cfg(test)]
mod tests;

use crystal_core::{AsymmetricUnit, Lattice, Structure};
use nalgebra::{DMatrix, DVector, Matrix3, Vector3};
use potential::{Evaluation, GPA_PER_EV_PER_CUBIC_ANGSTROM};

use crate::crystal::{Atom, atoms_of};
use crate::strain::{LogStrain, count, invariant_strains};
use crate::{CellFreedom, RelaxError};
use freedom::{Frame, SiteFreedom};
pub(crate) use placement::{Cell, Placement};

/// The longest displacement of an atom in one step, Å.
const MAX_DISPLACEMENT: f64 = 0.2;
/// The largest component of the logarithmic strain in one step.
const MAX_STRAIN: f64 = 0.05;

/// The map between a vector z and a crystal.
///
/// With `w` the displacements and the strain, in the frame of the reference cell `A₀` (rows):
/// - site i moves by `T_i·w_i/√m_i`, with `T_i` an orthonormal basis of the directions that its Wyckoff position leaves
///   free and `m_i` its number of images in the cell: `|w|` is then the length of the displacement of ALL atoms, and
///   the gradient by w is that of the full cell, projected;
/// - the strain is `S = Σ_k s_k B_k` with orthonormal symmetric `B_k` that the point group leaves as they are, and the
///   cell is `A = A₀·exp(S)`; sites follow the cell.
///
/// Optimisers see `z = Cᵀw` with `C·Cᵀ` the model stiffness of [`stiffness`]: in z a crystal is about equally stiff in
/// all directions, whatever its size, and positions and cell need no relative weight.
#[derive(Debug, Clone)]
pub(crate) struct Coordinates {
    reference: Lattice,
    frame: Frame,
    sites: Vec<SiteFreedom>,
    atoms: Vec<Atom>,
    strains: Vec<Matrix3<f64>>,
    /// Fractional coordinates of the sites that displacements are measured from.
    start: Vec<Vector3<f64>>,
    start_lattice: Lattice,
    /// Lower triangular C.
    factor: DMatrix<f64>,
}

impl Coordinates {
    /// All atoms free. Displacements are measured from `start`, a structure of the same sites.
    pub fn free(structure: Structure, start: &Structure, cell: CellFreedom) -> Self {
        let sites: Vec<SiteFreedom> = structure
            .sites()
            .iter()
            .scan(0, |offset, site| Some(SiteFreedom::general(structure.lattice(), site.frac_coords, offset)))
            .collect();
        Self {
            reference: *structure.lattice(),
            atoms: (0..sites.len()).map(Atom::of_site).collect(),
            sites,
            strains: strains(&[Matrix3::identity()], cell),
            start: start.sites().iter().map(|site| site.frac_coords).collect(),
            start_lattice: *start.lattice(),
            factor: DMatrix::zeros(0, 0),
            frame: Frame::Free(structure),
        }
        .with_stiffness()
    }

    /// Only what the group of an asymmetric unit leaves free.
    ///
    /// # Errors
    /// [`RelaxError::Site`], [`RelaxError::Crystal`].
    pub fn symmetric(unit: AsymmetricUnit, cell: CellFreedom) -> Result<Self, RelaxError> {
        let atoms = atoms_of(&unit)?;
        let group = unit.space_group();
        let primitive = unit.primitive_lattice()?;
        let rotations: Vec<Matrix3<f64>> =
            group.operations().iter().map(|operation| operation.cartesian_rotation(unit.lattice())).collect();
        let images = |index| atoms.iter().filter(|atom| atom.site == index).count();
        let mut offset = 0;
        let mut sites = Vec::with_capacity(unit.sites().len());
        for (index, site) in unit.sites().iter().enumerate() {
            sites.push(SiteFreedom::of_position(group, site, &primitive, images(index), &mut offset));
        }
        Ok(Self {
            reference: *unit.lattice(),
            start: sites.iter().map(SiteFreedom::reference_point).collect(),
            start_lattice: primitive,
            strains: strains(&rotations, cell),
            factor: DMatrix::zeros(0, 0),
            frame: Frame::Symmetric(unit),
            atoms,
            sites,
        }
        .with_stiffness())
    }

    fn with_stiffness(mut self) -> Self {
        let cell = self.frame.evaluated_lattice(&self.reference);
        let points: Vec<Vector3<f64>> = self.sites.iter().map(SiteFreedom::reference_point).collect();
        self.factor = stiffness::factor(&cell, &points, &self.atoms, &self.sites, &self.strains);
        self
    }

    /// Number of coordinates; zero if symmetry and options leave nothing free.
    pub fn len(&self) -> usize {
        self.sites.iter().map(|site| site.n_free).sum::<usize>() + self.strains.len()
    }

    /// Atoms of the evaluated cell.
    pub fn n_atoms(&self) -> usize {
        self.atoms.len()
    }

    /// Sites that the potential sees.
    pub fn n_sites(&self) -> usize {
        self.sites.len()
    }

    /// Displacements and strain w of z.
    fn unscaled(&self, z: &DVector<f64>) -> DVector<f64> {
        self.factor
            .tr_solve_lower_triangular(z)
            .expect("the factor of a positive definite matrix has no zero on its diagonal")
    }

    fn strain_of(&self, w: &DVector<f64>) -> Matrix3<f64> {
        let n_positions = w.len() - self.strains.len();
        self.strains.iter().zip(w.iter().skip(n_positions)).map(|(strain, amount)| strain * *amount).sum()
    }

    /// The crystal at z.
    ///
    /// # Errors
    /// [`RelaxError::Crystal`] if the cell has no volume or a coordinate is not finite.
    pub fn placement(&self, z: &DVector<f64>) -> Result<Placement, RelaxError> {
        let w = self.unscaled(z);
        let strain = LogStrain::new(&self.strain_of(&w));
        let points = self.sites.iter().map(|site| site.point(&w)).collect();
        self.frame.place(&self.reference, strain, points)
    }

    /// The gradient by z of the enthalpy `E + pV` of the evaluated cell (pressure in eV/Å³).
    pub fn gradient(&self, placement: &Placement, evaluation: &Evaluation, pressure: f64) -> DVector<f64> {
        let mut gradient = DVector::zeros(self.len());
        let deformation = placement.strain.deformation();
        for (site, force) in self.sites.iter().zip(&evaluation.forces) {
            // x = u·F for a point u of the reference frame (a row), so ∂E/∂u = −F·f; m_i images, each moved by
            // w_i/√m_i.
            site.add_gradient(&mut gradient, &(deformation * (placement.rotation * force)));
        }
        let stress = placement.rotation * evaluation.stress * placement.rotation.transpose();
        let virial = (stress + Matrix3::from_diagonal_element(pressure)) * placement.volume;
        let by_strain = placement.strain.gradient(&virial);
        let n_positions = gradient.len() - self.strains.len();
        for (k, strain) in self.strains.iter().enumerate() {
            gradient[n_positions + k] = by_strain.dot(strain);
        }
        self.factor
            .solve_lower_triangular(&gradient)
            .expect("the factor of a positive definite matrix has no zero on its diagonal")
    }

    /// The part of a step in z, at most 1, that moves no atom and strains the cell no farther than one step may.
    pub fn allowed_part(&self, step: &DVector<f64>) -> f64 {
        let w = self.unscaled(step);
        let farthest = self.sites.iter().map(|site| site.displacement(&w).norm()).fold(0.0, f64::max);
        let strain = self.strain_of(&w).amax();
        1.0_f64.min(MAX_DISPLACEMENT / farthest.max(f64::MIN_POSITIVE)).min(MAX_STRAIN / strain.max(f64::MIN_POSITIVE))
    }

    /// The stress that must vanish, GPa, largest component: less the target pressure where the volume may change,
    /// without the hydrostatic part where it may not, zero for a fixed cell.
    pub fn residual_stress_gpa(&self, evaluation: &Evaluation, cell: CellFreedom, pressure: f64) -> f64 {
        let residual = match cell {
            CellFreedom::Free => evaluation.stress + Matrix3::from_diagonal_element(pressure),
            CellFreedom::ConstantVolume => {
                evaluation.stress - Matrix3::from_diagonal_element(evaluation.stress.trace() / 3.0)
            }
            CellFreedom::Fixed => Matrix3::zeros(),
        };
        residual.amax() * GPA_PER_EV_PER_CUBIC_ANGSTROM
    }

    /// Fractional coordinates of all atoms in the evaluated cell.
    pub fn atom_positions(&self, placement: &Placement) -> Vec<Vector3<f64>> {
        self.atoms.iter().map(|atom| atom.position(&placement.points[atom.site])).collect()
    }

    /// Displacements of all atoms from the start, Å, in the cell of the placement, less their mean; and the cell they
    /// start from.
    pub fn displacements(&self, placement: &Placement) -> (Vec<Vector3<f64>>, &Lattice) {
        let moved = |atom: &Atom| atom.displacement(&(placement.points[atom.site] - self.start[atom.site]));
        let mut displacements: Vec<Vector3<f64>> = self.atoms.iter().map(moved).collect();
        let mean = displacements.iter().sum::<Vector3<f64>>() / count(displacements.len());
        for displacement in &mut displacements {
            *displacement = placement.lattice.to_cartesian(&(*displacement - mean));
        }
        (displacements, &self.start_lattice)
    }
}

fn strains(rotations: &[Matrix3<f64>], cell: CellFreedom) -> Vec<Matrix3<f64>> {
    match cell {
        CellFreedom::Free => invariant_strains(rotations, false),
        CellFreedom::ConstantVolume => invariant_strains(rotations, true),
        CellFreedom::Fixed => Vec::new(),
    }
}
