//! Equal structures within and between sets.

use std::collections::HashMap;

use crystal_core::{Species, Structure};
use rayon::prelude::*;

use super::reduced::ReducedCell;
use super::{Score, StructureMatcher};

/// Structures with the same atoms in the primitive cell; others are never equal.
type Buckets<'a> = HashMap<&'a [(Species, usize)], Vec<usize>>;

impl StructureMatcher {
    /// For each structure the index of the first that it equals ([`Self::fit`]); its own where it is the first of its kind. Each structure
    /// is compared with the first of each kind so far, as pymatgen groups structures, because being equal within a tolerance is not
    /// transitive. A structure that cannot be compared (a collapsed cell) equals none.
    ///
    /// Uniqueness is the share of structures that have their own index.
    pub fn unique(&self, structures: &[Structure]) -> Vec<usize> {
        let cells = reduce(structures);
        let groups: Vec<Vec<(usize, usize)>> =
            buckets(&cells).into_par_iter().map(|(_, members)| self.group(&cells, members)).collect();
        let mut first: Vec<usize> = (0..structures.len()).collect();
        for (index, equal) in groups.into_iter().flatten() {
            first[index] = equal;
        }
        first
    }

    /// For each structure whether none of the reference equals it ([`Self::fit`]). What cannot be compared (a collapsed cell) equals
    /// nothing and would count as novel, so leave out what is not valid first.
    ///
    /// Novelty is the share of structures for which this is true.
    pub fn novel(&self, structures: &[Structure], reference: &[Structure]) -> Vec<bool> {
        let known = reduce(reference);
        let buckets = buckets(&known);
        let is_novel = |structure: &Structure| {
            let Ok(cell) = ReducedCell::of(structure) else { return true };
            let Some(members) = buckets.get(cell.composition.as_slice()) else { return true };
            let equals = |member: &usize| known[*member].as_ref().is_some_and(|known| self.equal(known, &cell));
            !members.par_iter().any(equals)
        };
        structures.par_iter().map(is_novel).collect()
    }

    /// Members of one bucket with the first that each equals: the first left over is compared with all others, and takes those that equal it.
    fn group(&self, cells: &[Option<ReducedCell>], mut members: Vec<usize>) -> Vec<(usize, usize)> {
        let mut found = Vec::with_capacity(members.len());
        while let Some(first) = members.first().copied() {
            let equals = |member: &usize| match (&cells[first], &cells[*member]) {
                (Some(first), Some(other)) => self.equal(first, other),
                _ => false,
            };
            let (equal, rest): (Vec<usize>, Vec<usize>) = members[1..].par_iter().partition(|member| equals(member));
            found.push((first, first));
            found.extend(equal.into_iter().map(|member| (member, first)));
            members = rest;
        }
        found
    }

    fn equal(&self, a: &ReducedCell, b: &ReducedCell) -> bool {
        self.check().and_then(|()| self.compare(a, b, Score::AnyMax)).is_ok_and(|found| found.is_some())
    }
}

fn reduce(structures: &[Structure]) -> Vec<Option<ReducedCell>> {
    structures.par_iter().map(|structure| ReducedCell::of(structure).ok()).collect()
}

fn buckets(cells: &[Option<ReducedCell>]) -> Buckets<'_> {
    let mut buckets = Buckets::new();
    for (index, cell) in cells.iter().enumerate() {
        if let Some(cell) = cell {
            buckets.entry(&cell.composition).or_default().push(index);
        }
    }
    buckets
}
