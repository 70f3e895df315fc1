//! Reducing a structure to its non-equivalent sites and expanding it again.

use nalgebra::Vector3;

use crate::{CrystalError, CrystalState, Finder, Lattice, SpaceGroup, Species, Structure};

/// A non-equivalent site.
#[derive(Debug, Clone, PartialEq)]
pub struct AsymmetricSite {
    /// Its element.
    pub species: Species,
    /// Fractional coordinates in the CONVENTIONAL basis of the standard setting, exactly on its Wyckoff position.
    pub frac_coords: Vector3<f64>,
    /// Wyckoff letter.
    pub wyckoff_letter: char,
    /// Number of images in the conventional cell.
    pub multiplicity: usize,
}

/// A structure as space group, conventional lattice and non-equivalent sites.
#[derive(Debug, Clone)]
pub struct AsymmetricUnit {
    /// The space group.
    pub space_group: &'static SpaceGroup,
    /// The conventional lattice in the standard setting and orientation.
    pub lattice: Lattice,
    /// Non-equivalent sites.
    pub sites: Vec<AsymmetricSite>,
}

impl AsymmetricUnit {
    /// Finds the space group of a structure at `symprec` (Å) and reduces it.
    ///
    /// # Errors
    /// [`CrystalError::SymmetryNotFound`] if the finder fails, or if what it found does not rebuild the structure.
    pub fn from_structure(structure: &Structure, symprec: f64, finder: Finder) -> Result<Self, CrystalError> {
        let _ = (structure, finder);
        Err(CrystalError::SymmetryNotFound { symprec, reason: "not written yet".to_owned() })
    }

    /// All atoms of the primitive cell.
    ///
    /// # Errors
    /// Those of [`Structure::new`].
    pub fn expand(&self) -> Result<Structure, CrystalError> {
        Structure::new(self.lattice, vec![])
    }

    /// The state on which noise acts: lattice coordinates and sites in the primitive basis.
    pub fn to_state(&self) -> CrystalState {
        CrystalState { space_group: self.space_group, lattice_coords: vec![], sites: vec![] }
    }
}
