//! The state of a structure on which noise and Langevin steps act (the paper's §3).

use nalgebra::{Matrix3, Vector3};

use crate::periodic::{COINCIDENCE, wrap};
use crate::{CrystalError, Lattice, LatticeCoordinates, Orbit, Site, SpaceGroup, Structure};

/// A space group, the free coordinates of its conventional lattice, and the non-equivalent sites in the primitive basis.
#[derive(Debug, Clone)]
pub struct CrystalState {
    /// The space group, whose operations make all other atoms.
    pub space_group: &'static SpaceGroup,
    /// Free lattice coordinates `y` ([`LatticeCoordinates`]).
    pub lattice_coords: Vec<f64>,
    /// Non-equivalent sites, fractional coordinates in the PRIMITIVE basis.
    pub sites: Vec<Site>,
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

    /// The images of every site in the primitive cell, one per coset of its stabiliser; images of a site closer than `tolerance` (Å)
    /// are one.
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

    /// Moves every site by a Cartesian vector (Å) and wraps it into the PRIMITIVE cell, the cell whose translations are the lattice.
    pub fn displace(&mut self, lattice: &Lattice, displacements: &[Vector3<f64>]) {
        for (site, displacement) in self.sites.iter_mut().zip(displacements) {
            let moved = site.frac_coords + lattice.to_fractional(displacement);
            site.frac_coords = moved.map(wrap);
        }
    }

    /// All atoms of the primitive cell. Images of one site that coincide (site on a special position) are one atom.
    ///
    /// # Errors
    /// As [`LatticeCoordinates::decode`], and [`CrystalError::NoSites`].
    pub fn expand(&self) -> Result<Structure, CrystalError> {
        let lattice = self.primitive_lattice()?;
        let orbit = |site: &Site| Orbit::in_primitive_cell(self.space_group, &site.frac_coords, &lattice, COINCIDENCE);
        let images = |site: &Site| {
            let species = site.species;
            orbit(site).images().iter().map(|image| Site { species, frac_coords: image.frac_coords }).collect::<Vec<_>>()
        };
        let sites = self.sites.iter().flat_map(images).collect();
        Structure::new(lattice, sites)
    }
}
