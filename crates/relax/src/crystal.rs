//! The crystals that are relaxed, and their atoms.

use crystal_core::{AsymmetricUnit, CrystalError, Finder, Orbit, Reduction, SpaceGroup, Structure, WyckoffPosition};
use nalgebra::{Matrix3, Vector3};

use crate::RelaxError;

/// Images of a site closer than this, Å, are one atom; as in [`AsymmetricUnit::expand`].
const COINCIDENCE: f64 = 1e-3;

/// A crystal in either form.
#[derive(Debug, Clone)]
pub enum Crystal {
    /// All atoms of a cell.
    Structure(Structure),
    /// A space group and non-equivalent sites.
    Unit(AsymmetricUnit),
}

impl From<Structure> for Crystal {
    fn from(structure: Structure) -> Self {
        Self::Structure(structure)
    }
}

impl From<AsymmetricUnit> for Crystal {
    fn from(unit: AsymmetricUnit) -> Self {
        Self::Unit(unit)
    }
}

impl Crystal {
    /// Sites stored: at least as many as the relaxation evaluates in the symmetric mode.
    pub(crate) fn n_sites(&self) -> usize {
        match self {
            Self::Structure(structure) => structure.n_sites(),
            Self::Unit(unit) => unit.sites().len(),
        }
    }

    /// The asymmetric unit; that of a structure is found at `symprec`, Å.
    pub(crate) fn into_unit(self, symprec: f64) -> Result<AsymmetricUnit, CrystalError> {
        match self {
            Self::Structure(structure) => Ok(Reduction::new(&structure, symprec, Finder::default())?.unit),
            Self::Unit(unit) => Ok(unit),
        }
    }

    /// All atoms: the cell as given, or the primitive one of an asymmetric unit.
    pub(crate) fn into_structure(self) -> Result<Structure, CrystalError> {
        match self {
            Self::Structure(structure) => Ok(structure),
            Self::Unit(unit) => unit.expand(),
        }
    }
}

/// An atom of the evaluated cell as the image of a site: `x = W·x_site + w`, fractional.
#[derive(Debug, Clone)]
pub(crate) struct Atom {
    pub site: usize,
    rotation: Matrix3<f64>,
    translation: Vector3<f64>,
    /// The Cartesian form of W in the reference frame.
    pub cartesian: Matrix3<f64>,
}

impl Atom {
    /// An atom that is a site itself.
    pub fn of_site(site: usize) -> Self {
        Self { site, rotation: Matrix3::identity(), translation: Vector3::zeros(), cartesian: Matrix3::identity() }
    }

    /// Where the atom is if its site is at `site`, fractional.
    pub fn position(&self, site: &Vector3<f64>) -> Vector3<f64> {
        self.rotation * site + self.translation
    }

    /// How the atom moves if its site moves by `displacement`, fractional.
    pub fn displacement(&self, displacement: &Vector3<f64>) -> Vector3<f64> {
        self.rotation * displacement
    }
}

/// The atoms of the primitive cell, the images of each site together, the site itself first.
pub(crate) fn atoms_of(unit: &AsymmetricUnit) -> Result<Vec<Atom>, RelaxError> {
    let group: &'static SpaceGroup = unit.space_group();
    let lattice = unit.primitive_lattice()?;
    let to_conventional = group.centring().to_conventional();
    let mut atoms = Vec::new();
    for (index, site) in unit.sites().iter().enumerate() {
        let frac_coords = to_conventional.tr_mul(&site.frac_coords());
        let orbit = Orbit::in_primitive_cell(group, &frac_coords, &lattice, COINCIDENCE);
        let images = orbit.multiplicity() * group.centring().order();
        let position = group.wyckoff_position(site.wyckoff_letter());
        if position.is_none_or(|position| position.multiplicity() != images) {
            return Err(RelaxError::Site {
                site: index,
                letter: site.wyckoff_letter(),
                images,
                multiplicity: position.map_or(0, WyckoffPosition::multiplicity),
            });
        }
        for image in orbit.images() {
            let operation = &group.primitive_operations()[image.operation];
            atoms.push(Atom {
                site: index,
                rotation: operation.rotation.map(f64::from),
                translation: operation.translation + image.translation,
                cartesian: operation.cartesian_rotation(&lattice),
            });
        }
    }
    Ok(atoms)
}
