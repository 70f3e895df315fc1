//! A periodic structure: a lattice and all sites of its cell.

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::grid::SiteGrid;
use crate::{CrystalError, Lattice, Species};

/// One atom of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its element.
    pub species: Species,
    /// Fractional coordinates.
    pub frac_coords: Vector3<f64>,
}

/// From this number of atoms on, closest pairs are looked for among neighbours alone.
const MANY_SITES: usize = 64;

/// The closest pair of different atoms, if one is about as close as atoms of this density must be.
fn closest_in_grid(lattice: &Lattice, frac_coords: &[Vector3<f64>]) -> Option<(usize, usize, f64)> {
    // No packing of points has a larger distance between nearest ones than ∛(√2·V/N).
    let radius = 1.13 * (lattice.volume() / frac_coords.len() as f64).cbrt();
    let grid = SiteGrid::new(lattice, frac_coords.iter().copied());
    let mut best: Option<(usize, usize, f64)> = None;
    for (i, point) in frac_coords.iter().enumerate() {
        let radius = best.map_or(radius, |(.., distance)| distance);
        if let Some((distance, j)) = grid.nearest(point, radius, |j| j > i)
            && best.is_none_or(|(.., shortest)| distance < shortest)
        {
            best = Some((i, j, distance));
        }
    }
    best
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

    /// The cell.
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// All atoms of the cell.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Number of atoms in the cell.
    pub fn n_sites(&self) -> usize {
        self.sites.len()
    }

    /// The Niggli-reduced lattice and the sites' coordinates in it: there the nearest image is a few translations away
    /// at most, while in a skewed cell the search over them is long. The lattice itself where it cannot be reduced.
    pub(crate) fn in_reduced_cell(&self) -> (Lattice, Vec<Vector3<f64>>) {
        let frac_coords = self.sites.iter().map(|site| site.frac_coords);
        let reduced = self.lattice.niggli().ok().and_then(|(reduced, transformation)| {
            // Rows: reduced = T·lattice, so x_reduced = T⁻ᵀ·x on columns.
            Some((reduced, transformation.map(f64::from).transpose().try_inverse()?))
        });
        match reduced {
            Some((lattice, to_reduced)) => (lattice, frac_coords.map(|x| to_reduced * x).collect()),
            None => (self.lattice, frac_coords.collect()),
        }
    }

    /// The two closest different atoms, periodic images included: `(i, j, distance in Å)`. A site's distance to its own
    /// images is not looked at. `None` for one atom.
    pub fn closest_pair(&self) -> Option<(usize, usize, f64)> {
        let (lattice, frac_coords) = self.in_reduced_cell();
        if frac_coords.len() >= MANY_SITES
            && let Some(pair) = closest_in_grid(&lattice, &frac_coords)
        {
            return Some(pair);
        }
        let mut best: Option<(usize, usize, f64)> = None;
        for i in 0..frac_coords.len() {
            for j in i + 1..frac_coords.len() {
                let distance = lattice.min_image_distance(&frac_coords[i], &frac_coords[j]);
                if best.is_none_or(|(_, _, shortest)| distance < shortest) {
                    best = Some((i, j, distance));
                }
            }
        }
        best
    }
}
