//! A periodic structure: a lattice and all sites of its cell.

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::distances::Distances;
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

/// A lattice and all atoms of one cell: at least one, at finite coordinates.
///
/// [`Self::new`] and `serde` refuse atoms at the same place as well; [`Self::allowing_overlap`] does not.
///
/// ```
/// use crystal_core::{CrystalError, Lattice, Site, Structure};
///
/// let lattice = Lattice::from_rows([[4.1, 0.0, 0.0], [0.0, 4.1, 0.0], [0.0, 0.0, 4.1]])?;
/// let site = |symbol: &str, x: f64| {
///     symbol.parse().map(|species| Site { species, frac_coords: [x; 3].into() })
/// };
/// let salt = Structure::new(lattice, vec![site("Cs", 0.0)?, site("Cl", 0.5)?])?;
/// assert_eq!(salt.n_sites(), 2);
///
/// let error = Structure::new(lattice, vec![site("Cs", 0.0)?, site("Cl", 1.0)?]).unwrap_err();
/// assert!(matches!(error, CrystalError::SitesTooClose { i: 0, j: 1, .. }));
/// # Ok::<(), CrystalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Structure {
    lattice: Lattice,
    sites: Vec<Site>,
}

/// A structure as it stands in a file, unchecked.
#[derive(Deserialize)]
#[serde(rename = "Structure", deny_unknown_fields)]
struct Fields {
    lattice: Lattice,
    sites: Vec<Site>,
}

impl TryFrom<Fields> for Structure {
    type Error = CrystalError;

    fn try_from(Fields { lattice, sites }: Fields) -> Result<Self, CrystalError> {
        Self::new(lattice, sites)
    }
}

impl Structure {
    /// A structure as the readers accept it: with sites, finite coordinates, and no two sites at the same place (0.01
    /// Å, periodic images included).
    ///
    /// # Errors
    /// [`CrystalError::NoSites`], [`CrystalError::Coordinate`], [`CrystalError::SitesTooClose`], and
    /// [`CrystalError::Lattice`] for a cell so thin that each atom stands on its own images.
    pub fn new(lattice: Lattice, sites: Vec<Site>) -> Result<Self, CrystalError> {
        Self::with_distances(lattice, sites).map(|(structure, _)| structure)
    }

    /// As [`Self::new`], with the short distances that were looked at.
    pub(crate) fn with_distances(lattice: Lattice, sites: Vec<Site>) -> Result<(Self, Distances), CrystalError> {
        let structure = Self::allowing_overlap(lattice, sites)?;
        let distances = Distances::new(structure.in_reduced_cell())?;
        match distances.overlap() {
            Some((i, j, distance)) => Err(CrystalError::SitesTooClose { i, j, distance }),
            None => Ok((structure, distances)),
        }
    }

    /// A structure whose atoms may stand at the same place: for samplers and relaxations, whose atoms may meet on the
    /// way, and for sets in which such structures are counted as invalid. Nothing is looked for among the distances.
    ///
    /// # Errors
    /// [`CrystalError::NoSites`], [`CrystalError::Coordinate`].
    pub fn allowing_overlap(lattice: Lattice, sites: Vec<Site>) -> Result<Self, CrystalError> {
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

    /// All atoms of the cell, by value.
    pub fn into_sites(self) -> Vec<Site> {
        self.sites
    }

    /// Number of atoms in the cell.
    pub fn n_sites(&self) -> usize {
        self.sites.len()
    }

    /// The Niggli-reduced lattice and the sites' coordinates in it: there the nearest image is a few translations away
    /// at most, while in a skewed cell the search over them is long. The lattice itself where it cannot be reduced.
    pub(crate) fn in_reduced_cell(&self) -> (Lattice, Vec<Vector3<f64>>) {
        let frac_coords = self.sites.iter().map(|site| site.frac_coords);
        match self.lattice.reduced_coordinates() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cube(edge: f64) -> Lattice {
        Lattice::from_rows([[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]]).expect("a cell")
    }

    fn carbon(x: f64) -> Site {
        Site { species: "C".parse().expect("an element"), frac_coords: Vector3::repeat(x) }
    }

    #[test]
    fn what_is_not_a_structure_is_refused_with_its_own_error() {
        let new = |sites| Structure::new(cube(4.0), sites);
        assert!(matches!(new(vec![]), Err(CrystalError::NoSites)));
        assert!(matches!(new(vec![carbon(0.0), carbon(f64::NAN)]), Err(CrystalError::Coordinate { site: 1 })));
        assert!(matches!(new(vec![carbon(f64::INFINITY)]), Err(CrystalError::Coordinate { site: 0 })));
        // Across the border of the cell, 0.007 Å apart.
        let found = new(vec![carbon(0.5), carbon(0.0), carbon(0.999)]);
        assert!(matches!(found, Err(CrystalError::SitesTooClose { i: 1, j: 2, distance }) if distance < 0.01));
        assert!(matches!(Structure::new(cube(1e-3), vec![carbon(0.0)]), Err(CrystalError::Lattice { .. })));
        assert!(new(vec![carbon(0.0), carbon(0.002)]).is_ok(), "0.014 Å apart");
    }

    #[test]
    fn overlaps_are_kept_where_they_are_asked_for() {
        let fused = Structure::allowing_overlap(cube(4.0), vec![carbon(0.5), carbon(0.5)]).expect("two atoms");
        assert_eq!(fused.n_sites(), 2);
        let nowhere = Structure::allowing_overlap(cube(4.0), vec![carbon(f64::NAN)]);
        assert!(matches!(nowhere, Err(CrystalError::Coordinate { site: 0 })));
        assert!(matches!(Structure::allowing_overlap(cube(4.0), vec![]), Err(CrystalError::NoSites)));
    }

    #[test]
    fn json_goes_through_the_constructor() {
        let good = Structure::new(cube(4.0), vec![carbon(0.0), carbon(0.5)]).expect("a structure");
        let text = serde_json::to_string(&good).expect("JSON");
        assert_eq!(serde_json::from_str::<Structure>(&text).expect("the same"), good);
        let refused = |from: &str, to: &str, says: &str| {
            assert!(text.contains(from), "{text}");
            let error = serde_json::from_str::<Structure>(&text.replace(from, to)).expect_err(to).to_string();
            assert!(error.contains(says), "{error}");
        };
        refused("0.5,0.5,0.5", "0.0,0.0,1.0", "sites 0 and 1 are 0.0000 Å apart");
        refused("[0.0,0.0,4.0]", "[4.0,4.0,0.0]", "zero volume");
        refused("[0.0,0.0,4.0]", "[0.0,0.0,0.0001]", "thin");
        refused("0.5,0.5,0.5", "0.5,null,0.5", "null");
        refused("0.5,0.5,0.5", "0.5,1e999,0.5", "number out of range");
        refused("\"lattice\"", "\"cell\":1,\"lattice\"", "unknown field `cell`");
        let empty = serde_json::from_str::<Structure>(r#"{"lattice":[[4,0,0],[0,4,0],[0,0,4]],"sites":[]}"#);
        assert!(empty.expect_err("no sites").to_string().contains("no sites"));
    }
}
