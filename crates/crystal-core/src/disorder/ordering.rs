//! Ordered supercells of a disordered structure, by exact enumeration.
//!
//! Every superlattice of `n` primitive cells is a matrix in Hermite normal form; two that an operation of the structure
//! maps onto each other are one. On each, every distribution of the elements over the sites that the occupancies allow
//! is looked at, and of those that the operations and translations map onto each other one is kept; one that has a
//! smaller cell belongs to that cell. G. L. W. Hart, R. W. Forcade, Phys. Rev. B 77 (2008) 224115.

mod superlattice;

use std::collections::BTreeSet;

use nalgebra::Vector3;

use self::superlattice::{Superlattice, distinct_superlattices};
use super::{DisorderedSite, DisorderedStructure};
use crate::finder::primitive_basis;
use crate::{CrystalError, Site, Species, Structure, SymmetryOperation};

/// An occupancy may be off by this from its rounding in the file.
const OCCUPANCY_ROUNDING: f64 = 5e-3;

/// Images of a site are found within this, Å.
const SAME_SITE: f64 = 0.1;

/// What is asked of an ordering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderingOptions {
    /// How many ordered structures are wanted.
    pub count: usize,
    /// Number of primitive cells of the largest supercell.
    pub max_cells: usize,
    /// Distributions looked at on one superlattice, at most.
    pub max_decorations: u64,
}

impl Default for OrderingOptions {
    /// One structure, of up to 8 primitive cells and a million distributions on each superlattice.
    fn default() -> Self {
        Self { count: 1, max_cells: 8, max_decorations: 1_000_000 }
    }
}

impl OrderingOptions {
    /// With another number of structures.
    pub fn with_count(self, count: usize) -> Self {
        Self { count, ..self }
    }

    /// With another largest supercell.
    pub fn with_max_cells(self, max_cells: usize) -> Self {
        Self { max_cells, ..self }
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

impl DisorderedStructure {
    /// The most ordered supercells: the smallest first; of one size those that keep the most operations of the
    /// disordered structure first; where these are equal too, in the order of the enumeration. No two of them are
    /// images of each other under the structure's group. Sizes are looked at until there are enough structures; all of
    /// the last size are compared before any is left out.
    ///
    /// Each orbit of equivalent sites gets the numbers of atoms that its occupancies ask for; an occupancy may be off
    /// by 0.005.
    ///
    /// # Errors
    /// [`CrystalError::Ordering`] if no supercell of up to `max_cells` holds whole numbers of atoms, or has more
    /// distributions than `max_decorations`; those of [`Structure::new`].
    pub fn orderings(&self, options: &OrderingOptions) -> Result<Vec<OrderedSupercell>, CrystalError> {
        let primitive = self.primitive()?;
        let orbits = primitive.orbits();
        let rotations: Vec<_> = primitive.operations.iter().map(|operation| operation.rotation).collect();
        let mut found: Vec<OrderedSupercell> = Vec::new();
        for n_cells in 1..=options.max_cells {
            if found.len() >= options.count {
                break;
            }
            let Some(counts) = primitive.whole_numbers(&orbits, n_cells) else { continue };
            let decorations = counts.iter().map(|counts| multinomial(counts)).fold(1.0, |product, n| product * n);
            if decorations > options.max_decorations as f64 {
                if found.is_empty() {
                    let reason = format!(
                        "the smallest supercell that may hold it, of {n_cells} primitive cells, has {decorations:.3e} distributions, more than {}; order some of its sites by hand",
                        options.max_decorations
                    );
                    return Err(CrystalError::Ordering { reason });
                }
                break;
            }
            let mut of_size: Vec<(usize, Structure)> = Vec::new();
            for superlattice in distinct_superlattices(n_cells, &rotations) {
                Decorator::new(&primitive, &orbits, &counts, superlattice).run(&mut of_size)?;
            }
            // Stable: equal ones stay in the order of the enumeration.
            of_size.sort_by_key(|(n_operations, _)| std::cmp::Reverse(*n_operations));
            found.extend(of_size.into_iter().map(|(n_operations, structure)| OrderedSupercell {
                structure,
                n_cells,
                n_operations,
            }));
        }
        if found.is_empty() {
            let needed = (options.max_cells + 1..=1000).find(|n| primitive.whole_numbers(&orbits, *n).is_some());
            let cure = match needed {
                Some(needed) => format!("{needed} would be needed: allow that many, or round the occupancies"),
                None => "round the occupancies".to_owned(),
            };
            let reason = format!(
                "no supercell of up to {} primitive cells holds whole numbers of atoms; {cure}",
                options.max_cells
            );
            return Err(CrystalError::Ordering { reason });
        }
        found.truncate(options.count);
        Ok(found)
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
    fn image(&self, operation: &SymmetryOperation, site: usize) -> Option<(usize, Vector3<i32>)> {
        let image = operation.apply(&self.sites[site].frac_coords);
        self.sites.iter().enumerate().find_map(|(index, other)| {
            let difference = image - other.frac_coords;
            let translation = difference.map(f64::round);
            let is_there = self.lattice.to_cartesian(&(difference - translation)).norm() < 2.0 * SAME_SITE;
            is_there.then(|| (index, translation.map(|x| x as i32)))
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

/// Number of distributions of these counts over their sum.
fn multinomial(counts: &[usize]) -> f64 {
    let mut result = 1.0;
    let mut placed = 0;
    for count in counts {
        for step in 1..=*count {
            placed += 1;
            result *= placed as f64 / step as f64;
        }
    }
    result
}

/// All distributions on one superlattice.
struct Decorator<'a> {
    parent: &'a DisorderedStructure,
    superlattice: Superlattice,
    /// Disordered sites, orbit after orbit: `(site, coset)`.
    places: Vec<(usize, usize)>,
    /// The range of `places` of each orbit.
    ranges: Vec<std::ops::Range<usize>>,
    /// The first distribution: symbols (index of the occupant) in ascending order within each orbit.
    first: Vec<u8>,
    /// For each element of the group, where the symbol of each place comes from, and whether it is a translation.
    permutations: Vec<(Vec<usize>, bool)>,
}

impl<'a> Decorator<'a> {
    fn new(
        parent: &'a DisorderedStructure,
        orbits: &[Vec<usize>],
        counts: &[Vec<usize>],
        superlattice: Superlattice,
    ) -> Self {
        let n_cells = superlattice.n_cosets();
        let (mut places, mut ranges, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for (orbit, counts) in orbits.iter().zip(counts) {
            let start = places.len();
            places.extend((0..n_cells).flat_map(|coset| orbit.iter().map(move |site| (*site, coset))));
            ranges.push(start..places.len());
            for (symbol, count) in (0_u8..).zip(counts) {
                first.extend(std::iter::repeat_n(symbol, *count));
            }
        }
        let index: std::collections::BTreeMap<(usize, usize), usize> =
            places.iter().enumerate().map(|(index, place)| (*place, index)).collect();
        let mut permutations = Vec::new();
        for operation in parent.operations.iter().filter(|operation| superlattice.is_kept_by(&operation.rotation)) {
            let images: Option<Vec<(usize, Vector3<i32>)>> =
                places.iter().map(|(site, _)| parent.image(operation, *site)).collect();
            let Some(images) = images else { continue };
            for translation in 0..n_cells {
                let shift = superlattice.representative(translation);
                let to = places.iter().zip(&images).map(|((_, coset), (site, beyond))| {
                    let vector = operation.rotation * superlattice.representative(*coset) + beyond + shift;
                    index[&(*site, superlattice.coset(&vector))]
                });
                permutations.push((to.collect(), operation.is_translation() && translation > 0));
            }
        }
        Self { parent, superlattice, places, ranges, first, permutations }
    }

    fn run(&self, found: &mut Vec<(usize, Structure)>) -> Result<(), CrystalError> {
        let mut symbols = self.first.clone();
        loop {
            if let Some(n_operations) = self.symmetry_of_smallest(&symbols) {
                found.push((n_operations, self.structure(&symbols)?));
            }
            // The next one: the last orbit that has a further distribution, those behind it from their first again.
            let advanced = self.ranges.iter().rev().any(|range| {
                let has_next = next_permutation(&mut symbols[range.clone()]);
                if !has_next {
                    symbols[range.clone()].copy_from_slice(&self.first[range.clone()]);
                }
                has_next
            });
            if !advanced {
                return Ok(());
            }
        }
    }

    /// The order of the distribution's point group, if it is the smallest of its images and has no smaller cell.
    fn symmetry_of_smallest(&self, symbols: &[u8]) -> Option<usize> {
        let mut n_same = 0;
        for (from, is_translation) in &self.permutations {
            match from.iter().map(|from| symbols[*from]).cmp(symbols.iter().copied()) {
                std::cmp::Ordering::Less => return None,
                std::cmp::Ordering::Equal if *is_translation => return None,
                std::cmp::Ordering::Equal => n_same += 1,
                std::cmp::Ordering::Greater => {}
            }
        }
        Some(n_same)
    }

    fn structure(&self, symbols: &[u8]) -> Result<Structure, CrystalError> {
        let lattice = self.superlattice.lattice(&self.parent.lattice)?;
        let mut sites: Vec<Site> = Vec::new();
        let mut add = |species: Species, site: usize, coset: usize| {
            let point = self.parent.sites[site].frac_coords + self.superlattice.representative(coset).map(f64::from);
            sites.push(Site { species, frac_coords: self.superlattice.to_supercell(&point) });
        };
        for (site, disordered) in self.parent.sites.iter().enumerate() {
            if disordered.is_full() {
                (0..self.superlattice.n_cosets()).for_each(|coset| add(disordered.occupants[0].0, site, coset));
            }
        }
        for ((site, coset), symbol) in self.places.iter().zip(symbols) {
            // The symbol behind the occupants is a vacancy.
            if let Some((species, _)) = self.parent.sites[*site].occupants.get(usize::from(*symbol)) {
                add(*species, *site, *coset);
            }
        }
        sites.sort_by_key(|site| site.species);
        let (reduced, transformation) = lattice.niggli()?;
        // Rows: reduced = T·lattice, so x_reduced = T⁻ᵀ·x on columns.
        let to_reduced = transformation.map(f64::from).transpose().try_inverse();
        let to_reduced =
            to_reduced.ok_or_else(|| CrystalError::Lattice { reason: "its reduction is singular".to_owned() })?;
        for site in &mut sites {
            site.frac_coords = (to_reduced * site.frac_coords).map(crate::periodic::wrap);
        }
        Structure::new(reduced, sites)
    }
}

/// The next arrangement in lexicographic order; `false` from the last one.
fn next_permutation(symbols: &mut [u8]) -> bool {
    let Some(pivot) = (1..symbols.len()).rev().find(|at| symbols[at - 1] < symbols[*at]).map(|at| at - 1) else {
        return false;
    };
    let swap = (pivot + 1..symbols.len()).rev().find(|at| symbols[*at] > symbols[pivot]).unwrap_or(pivot);
    symbols.swap(pivot, swap);
    symbols[pivot + 1..].reverse();
    true
}
