//! The state of a structure on which noise and Langevin steps act (the paper's §3).

use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

use crate::periodic::COINCIDENCE;
use crate::{CrystalError, FreeCoordinates, Lattice, LatticeCoordinates, Orbit, Site, SpaceGroup, Species, Structure};

/// Whether sites may leave their Wyckoff positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SiteMode {
    /// The paper's: every site moves as if it were in general position.
    #[default]
    General,
    /// Sites move along the Wyckoff positions that they are on.
    Wyckoff,
}

/// A non-equivalent site of a [`CrystalState`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StateSite {
    /// Its element.
    pub species: Species,
    /// Fractional coordinates in the PRIMITIVE basis, on the representative of its position.
    pub frac_coords: Vector3<f64>,
    /// The Wyckoff position that it is bound to, an index into [`SpaceGroup::wyckoff_positions`];
    /// [`StateSite::GENERAL`] is bound to nothing.
    pub position: usize,
}

impl StateSite {
    /// Index of the general position of every group.
    pub const GENERAL: usize = 0;

    /// A site that may go anywhere.
    pub fn general(species: Species, frac_coords: Vector3<f64>) -> Self {
        Self { species, frac_coords, position: Self::GENERAL }
    }

    /// How it may move; `space_group` is its own.
    pub fn free_coordinates(&self, space_group: &'static SpaceGroup) -> &'static FreeCoordinates {
        space_group.wyckoff_positions()[self.position].free_coordinates()
    }
}

/// A space group, the free coordinates of its conventional lattice, and the non-equivalent sites in the primitive
/// basis.
#[derive(Debug, Clone)]
pub struct CrystalState {
    /// The space group, whose operations make all other atoms.
    pub space_group: &'static SpaceGroup,
    /// Free lattice coordinates `y` ([`LatticeCoordinates`]).
    pub lattice_coords: Vec<f64>,
    /// Non-equivalent sites.
    pub sites: Vec<StateSite>,
}

impl CrystalState {
    /// The map between lattice coordinates and lattices of this crystal system.
    pub fn coordinates(&self) -> LatticeCoordinates {
        LatticeCoordinates::new(self.space_group.system())
    }

    /// The conventional lattice C.
    ///
    /// # Errors
    /// As [`LatticeCoordinates::decode`].
    pub fn conventional_lattice(&self) -> Result<Lattice, CrystalError> {
        self.coordinates().decode(&self.lattice_coords)
    }

    /// The primitive lattice `P = M·C`.
    ///
    /// # Errors
    /// As [`LatticeCoordinates::decode`].
    pub fn primitive_lattice(&self) -> Result<Lattice, CrystalError> {
        self.conventional_lattice()?.transformed(&self.space_group.centring().to_primitive())
    }

    /// `∂P/∂y_a = M·∂C/∂y_a`, one matrix of rows per free lattice coordinate.
    ///
    /// # Errors
    /// As [`LatticeCoordinates::jacobian`].
    pub fn primitive_jacobian(&self) -> Result<Vec<Matrix3<f64>>, CrystalError> {
        let to_primitive = self.space_group.centring().to_primitive();
        Ok(self.coordinates().jacobian(&self.lattice_coords)?.into_iter().map(|matrix| to_primitive * matrix).collect())
    }

    /// The images of every site in the primitive cell, one per coset of its stabiliser; images of a site closer than
    /// `tolerance` (Å) are one.
    ///
    /// # Errors
    /// As [`LatticeCoordinates::decode`].
    pub fn orbits(&self, tolerance: f64) -> Result<Vec<Orbit>, CrystalError> {
        let lattice = self.primitive_lattice()?;
        Ok(self
            .sites
            .iter()
            .map(|site| Orbit::in_primitive_cell(self.space_group, &site.frac_coords, &lattice, tolerance))
            .collect())
    }

    /// Degrees of freedom of all sites.
    pub fn n_free_positions(&self) -> usize {
        self.sites.iter().map(|site| site.free_coordinates(self.space_group).n_free()).sum()
    }

    /// Atoms in the primitive cell if every site is on its position and on none that is more special.
    pub fn n_atoms(&self) -> usize {
        let positions = self.space_group.wyckoff_positions();
        let conventional: usize = self.sites.iter().map(|site| positions[site.position].multiplicity()).sum();
        conventional / self.space_group.centring().order()
    }

    /// Moves every site by the part of a Cartesian vector (Å) that its Wyckoff position leaves free. General positions
    /// are wrapped into the PRIMITIVE cell, the cell whose translations are the lattice; others along themselves.
    pub fn displace(&mut self, lattice: &Lattice, displacements: &[Vector3<f64>]) {
        for (site, displacement) in self.sites.iter_mut().zip(displacements) {
            let free = site.free_coordinates(self.space_group);
            site.frac_coords = free.displaced(&site.frac_coords, &lattice.to_fractional(displacement));
        }
    }

    /// All atoms of the primitive cell. Images of one site that coincide (site on a special position) are one atom.
    ///
    /// # Errors
    /// As [`LatticeCoordinates::decode`], and [`CrystalError::NoSites`].
    pub fn expand(&self) -> Result<Structure, CrystalError> {
        let lattice = self.primitive_lattice()?;
        let orbit =
            |site: &StateSite| Orbit::in_primitive_cell(self.space_group, &site.frac_coords, &lattice, COINCIDENCE);
        let images = |site: &StateSite| {
            let species = site.species;
            orbit(site)
                .images()
                .iter()
                .map(|image| Site { species, frac_coords: image.frac_coords })
                .collect::<Vec<_>>()
        };
        let sites = self.sites.iter().flat_map(images).collect();
        Structure::new(lattice, sites)
    }
}
