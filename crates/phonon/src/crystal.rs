//! A primitive cell and what its space group does to the atoms.

use crystal_core::{AsymmetricUnit, Finder, Lattice, Reduction, Site, SpaceGroup, Structure, SymmetryOperation};
use nalgebra::{Matrix3, Vector3};

use crate::PhononError;
use crate::masses::mass;

/// Images of an atom closer than this (Å) are the atom.
const COINCIDENCE: f64 = 1e-2;

/// Largest deviation of `R·Rᵀ` from the identity for an operation of the lattice.
const ISOMETRY: f64 = 1e-6;

/// Where an operation sends an atom of the primitive cell at the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteImage {
    /// Index of the site it lands on.
    pub site: usize,
    /// The primitive cell it lands in.
    pub translation: [i32; 3],
}

/// A crystal as its primitive cell and space group, with the map that each operation is on the atoms.
#[derive(Debug, Clone)]
pub struct Crystal {
    space_group: &'static SpaceGroup,
    conventional: Lattice,
    primitive: Structure,
    masses: Vec<f64>,
    operations: Vec<SymmetryOperation>,
    rotations: Vec<Matrix3<f64>>,
    images: Vec<Vec<SiteImage>>,
    from_input: Matrix3<f64>,
}

impl Crystal {
    /// Finds the space group at `symprec` (Å) and makes the structure symmetric: the primitive cell is that of the
    /// standard setting.
    ///
    /// # Errors
    /// [`PhononError::Crystal`] if no space group is found; those of [`Self::from_unit`].
    pub fn from_structure(structure: &Structure, symprec: f64) -> Result<Self, PhononError> {
        let reduction = Reduction::new(structure, symprec, Finder::Moyo)?;
        let mut crystal = Self::from_unit(&reduction.unit)?;
        // Phases are the same in every basis: q_in·x_in = q_conv·x_conv with x_conv = linear·x_in, and q_prim =
        // M·q_conv.
        let inverse = reduction.linear.try_inverse().expect("a reduction is invertible");
        crystal.from_input = reduction.unit.space_group().centring().to_primitive() * inverse.transpose();
        Ok(crystal)
    }

    /// The crystal of an asymmetric unit, in its primitive cell `P = M·C`.
    ///
    /// # Errors
    /// [`PhononError::Crystal`] if the unit cannot be expanded; [`PhononError::Symmetry`] and
    /// [`PhononError::LatticeSymmetry`] if it does not have the symmetry of its group; [`PhononError::Mass`].
    pub fn from_unit(unit: &AsymmetricUnit) -> Result<Self, PhononError> {
        let space_group = unit.space_group();
        let number = space_group.number().get();
        let primitive = unit.expand()?;
        let masses = primitive.sites().iter().map(|site| mass(site.species)).collect::<Result<Vec<_>, _>>()?;
        let operations = space_group.primitive_operations().to_vec();
        let lattice = primitive.lattice();
        let rotations: Vec<Matrix3<f64>> =
            operations.iter().map(|operation| operation.cartesian_rotation(lattice)).collect();
        let isometric =
            |rotation: &Matrix3<f64>| (rotation * rotation.transpose() - Matrix3::identity()).amax() < ISOMETRY;
        if !rotations.iter().all(isometric) {
            return Err(PhononError::LatticeSymmetry { space_group: number });
        }
        let images = operations
            .iter()
            .enumerate()
            .map(|(index, operation)| {
                images_under(&primitive, operation).map_err(|site| PhononError::Symmetry {
                    space_group: number,
                    operation: index,
                    site,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            space_group,
            conventional: *unit.lattice(),
            primitive,
            masses,
            operations,
            rotations,
            images,
            from_input: space_group.centring().to_primitive(),
        })
    }

    /// The space group.
    pub fn space_group(&self) -> &'static SpaceGroup {
        self.space_group
    }

    /// The conventional lattice of the standard setting.
    pub fn conventional_lattice(&self) -> &Lattice {
        &self.conventional
    }

    /// The primitive cell, the images of each non-equivalent site together.
    pub fn primitive(&self) -> &Structure {
        &self.primitive
    }

    /// The primitive lattice.
    pub fn lattice(&self) -> &Lattice {
        self.primitive.lattice()
    }

    /// Number of atoms in the primitive cell.
    pub fn n_sites(&self) -> usize {
        self.primitive.n_sites()
    }

    /// Masses of the sites, unified atomic mass units.
    pub fn masses(&self) -> &[f64] {
        &self.masses
    }

    /// Operations in the primitive basis modulo lattice translations, the identity first.
    pub fn operations(&self) -> &[SymmetryOperation] {
        &self.operations
    }

    /// Rotations of the operations on Cartesian columns.
    pub fn rotations(&self) -> &[Matrix3<f64>] {
        &self.rotations
    }

    /// Where operation `operation` sends each site.
    pub fn images(&self, operation: usize) -> &[SiteImage] {
        &self.images[operation]
    }

    /// A wave vector given in reduced coordinates of the cell that was read (for [`Self::from_unit`]: of the
    /// conventional cell), in reduced coordinates of the primitive cell.
    pub fn qpoint_of_input(&self, qpoint: &Vector3<f64>) -> Vector3<f64> {
        self.from_input * qpoint
    }
}

/// Images of all sites of a primitive cell; the error is the site whose image is missing or taken twice.
fn images_under(primitive: &Structure, operation: &SymmetryOperation) -> Result<Vec<SiteImage>, usize> {
    let mut taken = vec![false; primitive.n_sites()];
    let image = |(index, site): (usize, &Site)| {
        let point = operation.apply(&site.frac_coords);
        let lands_on = primitive.sites().iter().position(|other| {
            let difference = (point - other.frac_coords).map(|x| x - x.round());
            other.species == site.species && primitive.lattice().to_cartesian(&difference).norm() < COINCIDENCE
        });
        let target = lands_on.filter(|target| !std::mem::replace(&mut taken[*target], true)).ok_or(index)?;
        let shift = (point - primitive.sites()[target].frac_coords).map(f64::round);
        Ok(SiteImage { site: target, translation: to_integers(&shift) })
    };
    primitive.sites().iter().enumerate().map(image).collect()
}

/// Whole numbers in a vector of floats, as integers.
#[expect(clippy::cast_possible_truncation, reason = "rounded lattice translations are small whole numbers")]
pub(crate) fn to_integers(vector: &Vector3<f64>) -> [i32; 3] {
    [vector.x as i32, vector.y as i32, vector.z as i32]
}
