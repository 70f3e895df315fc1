//! Structures with partly occupied sites.

mod ordering;

use nalgebra::Vector3;

pub use ordering::{OrderedSupercell, OrderingOptions, Orderings, Shortfall};

use crate::grid::SiteGrid;
use crate::{CrystalError, Lattice, Species, SymmetryOperation};

/// Occupants of one position stand within this of each other, Å.
const SHARED: f64 = 0.1;

/// Positions closer than this (Å) are the places of one split atom, which cannot all be occupied.
const SPLIT: f64 = 0.5;

/// Occupancies carry rounding: they may add up to this.
const FULL: f64 = 1.0 + 5e-3;

/// More positions than this in a cell have no small ordered supercells, and comparing all of them takes long.
const MOST_POSITIONS: usize = 2000;

/// Elements and their occupancies.
type Occupants = Vec<(Species, f64)>;

/// One position and what may stand on it.
#[derive(Debug, Clone, PartialEq)]
pub struct DisorderedSite {
    frac_coords: Vector3<f64>,
    occupants: Occupants,
}

impl DisorderedSite {
    /// Fractional coordinates.
    pub fn frac_coords(&self) -> &Vector3<f64> {
        &self.frac_coords
    }

    /// Elements and their occupancies (each above 0, together at most 1; what is missing to 1 is vacancies), by atomic
    /// number.
    pub fn occupants(&self) -> &[(Species, f64)] {
        &self.occupants
    }

    /// Whether one element alone always stands there.
    pub fn is_full(&self) -> bool {
        matches!(self.occupants[..], [(_, occupancy)] if occupancy > 2.0 - FULL)
    }
}

/// A cell some of whose sites are shared by elements or partly empty, with the operations that map it onto itself.
#[derive(Debug, Clone, PartialEq)]
pub struct DisorderedStructure {
    lattice: Lattice,
    sites: Vec<DisorderedSite>,
    operations: Vec<SymmetryOperation>,
}

impl DisorderedStructure {
    /// A structure whose operations (modulo lattice translations of the cell, the identity first) map every position
    /// onto one with the same occupants; operations that do not are left out.
    ///
    /// # Errors
    /// [`CrystalError::NoSites`], [`CrystalError::Coordinate`]; [`CrystalError::Ordering`] for occupancies outside 0 …
    /// 1 or for positions too close to each other.
    pub fn new(
        lattice: Lattice,
        sites: impl IntoIterator<Item = (Vector3<f64>, Vec<(Species, f64)>)>,
        operations: Vec<SymmetryOperation>,
    ) -> Result<Self, CrystalError> {
        let sites: Vec<(Vector3<f64>, Occupants)> = sites.into_iter().collect();
        if sites.is_empty() {
            return Err(CrystalError::NoSites);
        }
        if let Some(site) = sites.iter().position(|(frac_coords, _)| frac_coords.iter().any(|x| !x.is_finite())) {
            return Err(CrystalError::Coordinate { site });
        }
        let names: Vec<String> = (0..sites.len()).map(|index| format!("number {}", index + 1)).collect();
        let all = sites.iter().zip(&names).flat_map(|((frac_coords, occupants), name)| {
            occupants.iter().map(move |(species, occupancy)| (name.as_str(), *species, *frac_coords, *occupancy))
        });
        Self::from_occupants(lattice, all, operations).map_err(|reason| CrystalError::Ordering { reason })
    }

    /// From single occupants with the name of their site; those at one place share it.
    pub(crate) fn from_occupants<'a>(
        lattice: Lattice,
        occupants: impl IntoIterator<Item = (&'a str, Species, Vector3<f64>, f64)>,
        operations: Vec<SymmetryOperation>,
    ) -> Result<Self, String> {
        let occupants: Vec<(&str, Species, Vector3<f64>, f64)> = occupants.into_iter().collect();
        if occupants.len() > MOST_POSITIONS {
            return Err(format!(
                "{} atoms with partly occupied sites are too many to order, the most are {MOST_POSITIONS}; choose which atoms are there, and give them occupancy 1",
                occupants.len()
            ));
        }
        let mut sites: Vec<(&str, DisorderedSite)> = Vec::new();
        let distance = |a: &Vector3<f64>, b: &Vector3<f64>| {
            let difference = (a - b).map(|x| x - x.round());
            lattice.to_cartesian(&difference).norm()
        };
        for (name, species, frac_coords, occupancy) in occupants {
            if !(occupancy > 0.0 && occupancy <= FULL) {
                return Err(format!("site '{name}' has occupancy {occupancy}; give a number above 0 and up to 1"));
            }
            let near = sites.iter_mut().find_map(|(known, site)| {
                let distance = distance(&site.frac_coords, &frac_coords);
                (distance < SPLIT).then_some((known, site, distance))
            });
            match near {
                Some((_, site, distance)) if distance < SHARED => {
                    match site.occupants.iter_mut().find(|(known, _)| *known == species) {
                        Some((_, sum)) => *sum += occupancy,
                        None => site.occupants.push((species, occupancy)),
                    }
                    let sum: f64 = site.occupants.iter().map(|(_, occupancy)| occupancy).sum();
                    if sum > FULL {
                        return Err(format!(
                            "the occupancies of '{name}' and of what shares its place add up to {sum:.3}; correct them, they must not exceed 1"
                        ));
                    }
                }
                Some((known, _, distance)) => {
                    return Err(format!(
                        "'{known}' and '{name}' are {distance:.2} Å apart: the places of a split atom, which are not ordered; keep one of them, with occupancy 1"
                    ));
                }
                None => sites.push((name, DisorderedSite { frac_coords, occupants: vec![(species, occupancy)] })),
            }
        }
        let mut sites: Vec<DisorderedSite> = sites.into_iter().map(|(_, site)| site).collect();
        for site in &mut sites {
            site.occupants.sort_by_key(|(species, _)| *species);
        }
        let thinnest = lattice.reciprocal_lengths().into_iter().fold(0.0, f64::max).recip();
        if thinnest < 0.1 * SHARED {
            return Err(format!("the cell is only {thinnest:.1e} Å thin; give lengths in Å"));
        }
        let grid = SiteGrid::new(&lattice, sites.iter().map(|site| site.frac_coords));
        let maps = |operation: &SymmetryOperation| {
            sites.iter().all(|site| {
                let image = operation.apply(&site.frac_coords);
                grid.any_within(&image, SHARED, |other| same_occupants(site, &sites[other]))
            })
        };
        let operations = operations.into_iter().filter(maps).collect();
        Ok(Self { lattice, sites, operations })
    }

    /// The cell.
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// All positions of the cell.
    pub fn sites(&self) -> &[DisorderedSite] {
        &self.sites
    }

    /// The operations that map the structure onto itself, modulo lattice translations of the cell, the identity first.
    pub fn operations(&self) -> &[SymmetryOperation] {
        &self.operations
    }
}

/// Whether the same elements stand on both, with the same occupancies.
fn same_occupants(a: &DisorderedSite, b: &DisorderedSite) -> bool {
    a.occupants.len() == b.occupants.len()
        && a.occupants.iter().zip(&b.occupants).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-3)
}
