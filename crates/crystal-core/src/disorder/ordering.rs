//! Ordered supercells of a disordered structure, by exact enumeration.
//!
//! Every superlattice of `n` primitive cells is a matrix in Hermite normal form; two that an operation of the structure
//! maps onto each other are one. On each, every distribution of the elements over the sites that the occupancies allow
//! is looked at, and of those that the operations and translations map onto each other one is kept; one that has a
//! smaller cell belongs to that cell. G. L. W. Hart, R. W. Forcade, Phys. Rev. B 77 (2008) 224115.

mod decorator;
mod superlattice;

use std::collections::BTreeSet;
use std::fmt;

use nalgebra::Vector3;

use self::decorator::{Decorator, multinomial};
use self::superlattice::distinct_superlattices;
use super::{DisorderedSite, DisorderedStructure, same_occupants};
use crate::finder::{find_operations, primitive_basis};
use crate::whole::saturated;
use crate::{CrystalError, Site, Species, Structure, SymmetryOperation};

/// Beyond this number of primitive cells no size is proposed.
const MOST_CELLS: usize = 1000;

/// An occupancy may be off by this from its rounding in the file.
const OCCUPANCY_ROUNDING: f64 = 5e-3;

/// Images of a site are found within this, Å.
const SAME_SITE: f64 = 0.1;

/// Two sites are equivalent, to the symmetry finder, within this (Å).
const SYMPREC: f64 = 0.01;

/// What is asked of an ordering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderingOptions {
    /// How many ordered structures are wanted.
    pub count: usize,
    /// Number of atoms of the largest supercell.
    pub max_atoms: usize,
    /// Distributions looked at on all superlattices of one size together, at most.
    pub max_decorations: u64,
}

impl OrderingOptions {
    /// Atoms of the largest supercell if nothing else is asked for.
    pub const MAX_ATOMS: usize = 64;
}

impl Default for OrderingOptions {
    /// One structure, of up to 64 atoms and two million distributions of each size.
    fn default() -> Self {
        Self { count: 1, max_atoms: Self::MAX_ATOMS, max_decorations: 2_000_000 }
    }
}

impl OrderingOptions {
    /// With another number of structures.
    pub fn with_count(self, count: usize) -> Self {
        Self { count, ..self }
    }

    /// With another largest supercell.
    pub fn with_max_atoms(self, max_atoms: usize) -> Self {
        Self { max_atoms, ..self }
    }
}

/// An ordered supercell.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderedSupercell {
    /// All atoms, in a reduced cell.
    pub structure: Structure,
    /// How many primitive cells of the disordered structure it is.
    pub n_cells: usize,
    /// How many operations of the disordered structure (modulo its translations) it keeps: the order of its point
    /// group.
    pub n_operations: usize,
}

/// What an enumeration found.
#[derive(Debug, Clone, PartialEq)]
pub struct Orderings {
    /// At most as many as were asked for, the most ordered first.
    pub supercells: Vec<OrderedSupercell>,
    /// Why there are fewer.
    pub shortfall: Option<Shortfall>,
}

/// Why an enumeration ended before there were enough structures.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Shortfall {
    /// Everything up to the largest size was found.
    Size {
        /// Atoms of the largest supercell allowed.
        max_atoms: usize,
    },
    /// The next size has too many distributions.
    Decorations {
        /// Its number of atoms.
        n_atoms: usize,
        /// How many distributions there are.
        decorations: f64,
    },
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { max_atoms } => {
                write!(f, "there are no more with up to {max_atoms} atoms; allow larger ones with --max-atoms")
            }
            Self::Decorations { n_atoms, decorations } => {
                write!(f, "the next size, {n_atoms} atoms, has {decorations:.1e} distributions, too many to look at")
            }
        }
    }
}

impl DisorderedStructure {
    /// The most ordered supercells: the smallest first; of one size those that keep the most operations of the
    /// disordered structure first; where these are equal too, in the order of the enumeration. No two of them are
    /// images of each other under the structure's group. Sizes are looked at until there are enough structures; all of
    /// the last size are compared before any is left out.
    ///
    /// Each orbit of equivalent sites gets the numbers of atoms that its occupancies ask for; an occupancy may be off
    /// by 0.005. The group is that of the positions with their occupants, whatever symmetry the file stated.
    ///
    /// # Errors
    /// [`CrystalError::Ordering`] if no supercell of up to `max_atoms` holds whole numbers of atoms, or has more
    /// distributions than `max_decorations`; those of [`Structure::new`].
    pub fn orderings(&self, options: &OrderingOptions) -> Result<Orderings, CrystalError> {
        let primitive = self.with_all_operations().primitive()?;
        let orbits = primitive.orbits();
        let rotations: Vec<_> = primitive.operations.iter().map(|operation| operation.rotation).collect();
        let mut supercells: Vec<OrderedSupercell> = Vec::new();
        let mut shortfall = Shortfall::Size { max_atoms: options.max_atoms };
        // Every cell holds at least one atom, or the occupancies ask for a larger one.
        for n_cells in 1..=options.max_atoms {
            if supercells.len() >= options.count {
                break;
            }
            let Some(counts) = primitive.whole_numbers(&orbits, n_cells) else { continue };
            let n_atoms = primitive.n_atoms(&counts, n_cells);
            if n_atoms > options.max_atoms {
                break;
            }
            let on_one = counts.iter().map(|counts| multinomial(counts)).fold(1.0, |product, n| product * n);
            // Superlattices are many themselves where the distributions on one are too many already.
            let superlattices = match on_one <= options.max_decorations as f64 {
                true => distinct_superlattices(n_cells, &rotations),
                false => Vec::new(),
            };
            let decorations = on_one * superlattices.len().max(1) as f64;
            if decorations > options.max_decorations as f64 {
                if supercells.is_empty() {
                    let reason = format!(
                        "the smallest supercell that may hold it, of {n_atoms} atoms, has {decorations:.1e} distributions, more than {:.0e}; order some of its sites by hand, or round the occupancies",
                        options.max_decorations as f64
                    );
                    return Err(CrystalError::Ordering { reason });
                }
                shortfall = Shortfall::Decorations { n_atoms, decorations };
                break;
            }
            let mut of_size: Vec<(usize, Structure)> = Vec::new();
            for superlattice in superlattices {
                Decorator::new(&primitive, &orbits, &counts, superlattice).run(&mut of_size)?;
            }
            // Stable: equal ones stay in the order of the enumeration.
            of_size.sort_by_key(|(n_operations, _)| std::cmp::Reverse(*n_operations));
            supercells.extend(of_size.into_iter().map(|(n_operations, structure)| OrderedSupercell {
                structure,
                n_cells,
                n_operations,
            }));
            if orbits.is_empty() {
                // Nothing is disordered: larger cells are the same crystal.
                break;
            }
        }
        if supercells.is_empty() {
            let needed = (1..=MOST_CELLS)
                .filter_map(|n| Some(primitive.n_atoms(&primitive.whole_numbers(&orbits, n)?, n)))
                .find(|n_atoms| *n_atoms > options.max_atoms);
            let cure = match needed {
                Some(needed) => format!("{needed} are needed: allow that many (--max-atoms {needed}), or round them"),
                None => "round them".to_owned(),
            };
            let reason = format!(
                "the occupancies give no whole numbers of atoms in any supercell of up to {} atoms; {cure}",
                options.max_atoms
            );
            return Err(CrystalError::Ordering { reason });
        }
        let is_short = supercells.len() < options.count;
        supercells.truncate(options.count);
        Ok(Orderings { supercells, shortfall: is_short.then_some(shortfall) })
    }

    /// The same structure with all operations that map it onto itself, if a finder has more of them than the file.
    fn with_all_operations(&self) -> Self {
        // Kinds of sites as elements: a finder does not care which.
        let mut kinds: Vec<&DisorderedSite> = Vec::new();
        let mut sites = Vec::with_capacity(self.sites.len());
        for site in &self.sites {
            let kind = kinds.iter().position(|known| same_occupants(known, site)).unwrap_or_else(|| {
                kinds.push(site);
                kinds.len() - 1
            });
            let Ok(species) = Species::from_atomic_number(kind as i64 + 1) else { return self.clone() };
            sites.push(Site { species, frac_coords: site.frac_coords });
        }
        let found =
            Structure::allowing_overlap(self.lattice, sites).and_then(|structure| find_operations(&structure, SYMPREC));
        match found {
            Ok(operations) if operations.len() > self.operations.len() => Self { operations, ..self.clone() },
            _ => self.clone(),
        }
    }

    /// Atoms in `n_cells` cells, of which the orbits hold these numbers, vacancies last.
    fn n_atoms(&self, counts: &[Vec<usize>], n_cells: usize) -> usize {
        let n_full = self.sites.iter().filter(|site| site.is_full()).count();
        let of_orbit = |counts: &Vec<usize>| counts.iter().rev().skip(1).sum::<usize>();
        n_cells * n_full + counts.iter().map(of_orbit).sum::<usize>()
    }

    /// The same structure in a primitive cell: its only lattice translation among the operations is the identity.
    fn primitive(&self) -> Result<Self, CrystalError> {
        let Some(to_primitive) = primitive_basis(&self.operations) else { return Ok(self.clone()) };
        let lattice = self.lattice.transformed(&to_primitive)?;
        let to_old = to_primitive
            .try_inverse()
            .ok_or_else(|| CrystalError::Ordering { reason: "its cell is singular".to_owned() })?;
        let near = |a: &Vector3<f64>, b: &Vector3<f64>| {
            lattice.to_cartesian(&(a - b).map(|x| x - x.round())).norm() < SAME_SITE
        };
        let mut sites: Vec<DisorderedSite> = Vec::new();
        for site in &self.sites {
            // Row vectors: x_old·C = x_new·M·C, so x_new = M⁻ᵀ·x_old on columns.
            let frac_coords = to_old.transpose() * site.frac_coords;
            if !sites.iter().any(|known| near(&known.frac_coords, &frac_coords)) {
                sites.push(DisorderedSite { frac_coords, occupants: site.occupants.clone() });
            }
        }
        let mut operations: Vec<SymmetryOperation> = Vec::new();
        for operation in &self.operations {
            let operation = operation.in_basis(&to_primitive, &to_old);
            if !operations.iter().any(|known| known.rotation == operation.rotation) {
                operations.push(operation);
            }
        }
        Ok(Self { lattice, sites, operations })
    }

    /// Where an operation takes a site: the site it lands on and the lattice translation beyond that one's own place.
    pub(super) fn image(&self, operation: &SymmetryOperation, site: usize) -> Option<(usize, Vector3<i32>)> {
        let image = operation.apply(&self.sites[site].frac_coords);
        self.sites.iter().enumerate().find_map(|(index, other)| {
            let difference = image - other.frac_coords;
            let translation = difference.map(f64::round);
            let is_there = self.lattice.to_cartesian(&(difference - translation)).norm() < 2.0 * SAME_SITE;
            is_there.then(|| (index, translation.map(saturated)))
        })
    }

    /// Equivalent disordered sites; full ones are in no orbit.
    fn orbits(&self) -> Vec<Vec<usize>> {
        let mut orbits: Vec<Vec<usize>> = Vec::new();
        for (index, site) in self.sites.iter().enumerate() {
            if site.is_full() || orbits.iter().any(|orbit| orbit.contains(&index)) {
                continue;
            }
            let images =
                self.operations.iter().filter_map(|operation| self.image(operation, index)).map(|(image, _)| image);
            let orbit: BTreeSet<usize> = images.chain([index]).collect();
            orbits.push(orbit.into_iter().collect());
        }
        orbits
    }

    /// For each orbit, how many sites of `n_cells` cells each occupant gets, vacancies last; `None` if these are no
    /// whole numbers.
    fn whole_numbers(&self, orbits: &[Vec<usize>], n_cells: usize) -> Option<Vec<Vec<usize>>> {
        let of_orbit = |orbit: &Vec<usize>| {
            let n_sites = n_cells * orbit.len();
            let mut counts = Vec::new();
            for (_, occupancy) in &self.sites[orbit[0]].occupants {
                let exact = occupancy * n_sites as f64;
                let whole = exact.round();
                // An occupant that rounds to none would be lost, and a large cell would take any occupancy.
                let allowed = (OCCUPANCY_ROUNDING * n_sites as f64).min(0.1) + 1e-9;
                if (exact - whole).abs() > allowed || whole < 1.0 {
                    return None;
                }
                counts.push((0..=n_sites).find(|n| *n as f64 == whole)?);
            }
            let vacancies = n_sites.checked_sub(counts.iter().sum())?;
            let stated: f64 = self.sites[orbit[0]].occupants.iter().map(|(_, occupancy)| occupancy).sum();
            let is_full = stated > 1.0 - 2.0 * OCCUPANCY_ROUNDING;
            if is_full && vacancies > 0 {
                return None;
            }
            counts.push(vacancies);
            Some(counts)
        };
        orbits.iter().map(of_orbit).collect()
    }
}
