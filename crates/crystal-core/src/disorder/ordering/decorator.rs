//! All distributions of elements over the sites of one superlattice.

use std::collections::BTreeMap;

use nalgebra::Vector3;

use super::superlattice::Superlattice;
use crate::disorder::DisorderedStructure;
use crate::{CrystalError, Site, Species, Structure};

/// Number of distributions of these counts over their sum.
pub(super) fn multinomial(counts: &[usize]) -> f64 {
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
pub(super) struct Decorator<'a> {
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
    pub(super) fn new(
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
        let index: BTreeMap<(usize, usize), usize> =
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

    pub(super) fn run(&self, found: &mut Vec<(usize, Structure)>) -> Result<(), CrystalError> {
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
        Structure::allowing_overlap(reduced, sites)
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
