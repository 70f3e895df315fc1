//! A periodic structure: a lattice and all sites of its cell.

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::{CrystalError, Lattice, Species};

/// One atom of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its element.
    pub species: Species,
    /// Fractional coordinates.
    pub frac_coords: Vector3<f64>,
}

/// A lattice and all atoms of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// The cell.
    pub lattice: Lattice,
    /// All atoms of the cell.
    pub sites: Vec<Site>,
}

impl Structure {
    /// A structure with at least one site and finite coordinates.
    ///
    /// # Errors
    /// [`CrystalError::NoSites`], [`CrystalError::Coordinate`].
    pub fn new(lattice: Lattice, sites: Vec<Site>) -> Result<Self, CrystalError> {
        if sites.is_empty() {
            return Err(CrystalError::NoSites);
        }
        if let Some(site) = sites.iter().position(|site| site.frac_coords.iter().any(|x| !x.is_finite())) {
            return Err(CrystalError::Coordinate { site });
        }
        Ok(Self { lattice, sites })
    }

    /// Number of atoms in the cell.
    pub fn n_sites(&self) -> usize {
        self.sites.len()
    }

    /// The two closest different atoms, periodic images included: `(i, j, distance in Å)`. A site's distance to its own images is not
    /// looked at. `None` for one atom.
    pub fn closest_pair(&self) -> Option<(usize, usize, f64)> {
        let mut best: Option<(usize, usize, f64)> = None;
        for i in 0..self.sites.len() {
            for j in i + 1..self.sites.len() {
                let distance = self.lattice.min_image_distance(&self.sites[i].frac_coords, &self.sites[j].frac_coords);
                if best.is_none_or(|(_, _, shortest)| distance < shortest) {
                    best = Some((i, j, distance));
                }
            }
        }
        best
    }
}
