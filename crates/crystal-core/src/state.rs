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
    species: Species,
    frac_coords: Vector3<f64>,
    position: usize,
}

/// Farthest that a site may be from its position, in fractional coordinates: a state has no lattice to measure in.
const ON_POSITION: f64 = 1e-6;

impl StateSite {
    /// Index of the general position of every group.
    pub const GENERAL: usize = 0;

    /// A site on a Wyckoff position of `space_group` (an index into [`SpaceGroup::wyckoff_positions`]).
    ///
    /// # Errors
    /// [`CrystalError::WyckoffPosition`] if the group has no such position or the point (fractional in the PRIMITIVE
    /// basis) is not on its representative, [`CrystalError::Coordinate`] for a coordinate that is not finite.
    pub fn new(
        space_group: &SpaceGroup,
        species: Species,
        frac_coords: Vector3<f64>,
        position: usize,
    ) -> Result<Self, CrystalError> {
        let bad = |reason: &str| CrystalError::WyckoffPosition {
            space_group: space_group.number().get(),
            position: space_group
                .wyckoff_positions()
                .get(position)
                .map_or_else(|| position.to_string(), |position| position.letter().to_string()),
            reason: reason.to_owned(),
        };
        if frac_coords.iter().any(|x| !x.is_finite()) {
            return Err(CrystalError::Coordinate { site: 0 });
        }
        let known = space_group.wyckoff_positions().get(position);
        let free = known.ok_or_else(|| bad("the group has no such position"))?.free_coordinates();
        let away = (free.point(&free.parameters(&frac_coords)) - frac_coords).map(|x| x - x.round());
        if away.amax() > ON_POSITION {
            return Err(bad("the site is not on it"));
        }
        Ok(Self::unchecked(species, frac_coords, position))
    }

    /// The point of a Wyckoff position with these parameters ([`FreeCoordinates::point`]).
    ///
    /// # Panics
    /// If the group has no such position.
    pub fn on_position(space_group: &SpaceGroup, species: Species, position: usize, parameters: &Vector3<f64>) -> Self {
        let free = space_group.wyckoff_positions()[position].free_coordinates();
        Self::unchecked(species, free.point(parameters), position)
    }

    /// A site without a look at its group: for batches of states that are filled in later, and for those from a device,
    /// where millions of sites are known to be on their positions.
    pub fn unchecked(species: Species, frac_coords: Vector3<f64>, position: usize) -> Self {
        Self { species, frac_coords, position }
    }

    /// A site that may go anywhere.
    pub fn general(species: Species, frac_coords: Vector3<f64>) -> Self {
        Self { species, frac_coords, position: Self::GENERAL }
    }

    /// Its element.
    pub fn species(&self) -> Species {
        self.species
    }

    /// Fractional coordinates in the PRIMITIVE basis, on the representative of its position.
    pub fn frac_coords(&self) -> Vector3<f64> {
        self.frac_coords
    }

    /// The Wyckoff position that it is bound to, an index into [`SpaceGroup::wyckoff_positions`];
    /// [`StateSite::GENERAL`] is bound to nothing.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Moves it, as noise and Langevin steps do with sites by the thousand. Nothing is checked: the caller stays on the
    /// position.
    pub fn move_to(&mut self, frac_coords: Vector3<f64>) {
        self.frac_coords = frac_coords;
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
        Structure::allowing_overlap(lattice, sites)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_of_states_are_checked() {
        let group = SpaceGroup::from_number(225).expect("a group");
        let carbon: Species = "C".parse().expect("an element");
        let fixed = group.wyckoff_index('a').expect("a position");
        let origin = *group.wyckoff_positions()[fixed].free_coordinates().origin();
        let new = |point, position| StateSite::new(group, carbon, point, position);
        let site = new(origin + Vector3::new(1.0, 0.0, -2.0), fixed).expect("the origin in another cell");
        assert_eq!((site.position(), site.species()), (fixed, carbon));
        let off = new(origin + Vector3::repeat(0.1), fixed).expect_err("off its position");
        assert_eq!(off.to_string(), "Wyckoff position a of space group 225: the site is not on it");
        let n = group.wyckoff_positions().len();
        assert!(matches!(new(origin, n), Err(CrystalError::WyckoffPosition { space_group: 225, .. })));
        assert!(matches!(
            new(Vector3::new(0.0, f64::NAN, 0.0), StateSite::GENERAL),
            Err(CrystalError::Coordinate { site: 0 })
        ));
        assert!(new(Vector3::new(0.3, -7.0, 0.2), StateSite::GENERAL).is_ok());
    }
}
