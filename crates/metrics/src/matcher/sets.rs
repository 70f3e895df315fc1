//! Equal structures within and between sets.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

use crystal_core::{Composition, Species, Structure};
use rayon::prelude::*;

use super::mapping;
use super::reduced::ReducedCell;
use super::{Score, StructureMatcher};
use crate::MetricsError;

/// Structures with the same atoms in the primitive cell; others are never equal.
type Buckets<'a> = HashMap<&'a [(Species, usize)], Vec<usize>>;

impl StructureMatcher {
    /// For each structure the index of the first that it equals ([`Self::fit`]); its own where it is the first of its
    /// kind. Each structure is compared with the first of each kind so far, as pymatgen groups structures, because
    /// being equal within a tolerance is not transitive. `None` for a structure that cannot be compared, because its
    /// cell has collapsed.
    ///
    /// Uniqueness is the share of structures that have their own index.
    ///
    /// # Errors
    /// [`MetricsError::Tolerance`].
    pub fn unique(&self, structures: &[Structure]) -> Result<Vec<Option<usize>>, MetricsError> {
        self.check()?;
        let cells = self.reduce(structures);
        let groups: Vec<Vec<(usize, usize)>> =
            buckets(&cells).into_par_iter().map(|(_, members)| self.group(&cells, members)).collect();
        let mut first = vec![None; structures.len()];
        for (index, equal) in groups.into_iter().flatten() {
            first[index] = Some(equal);
        }
        Ok(first)
    }

    /// For each structure whether none of the reference equals it ([`Self::fit`]). `None` for a structure that cannot
    /// be compared, because its cell has collapsed; one of the reference equals nothing.
    ///
    /// Novelty is the share of structures for which this is true.
    ///
    /// # Errors
    /// [`MetricsError::Tolerance`].
    pub fn novel(&self, structures: &[Structure], reference: &[Structure]) -> Result<Vec<Option<bool>>, MetricsError> {
        self.check()?;
        // Reducing a large reference takes longer than comparing, and most of it has other formulas.
        let formulas: HashSet<Composition> = structures.par_iter().map(reduced_formula).collect();
        let known: Vec<&Structure> =
            reference.par_iter().filter(|structure| formulas.contains(&reduced_formula(structure))).collect();
        let known = self.reduce(&known);
        let buckets = buckets(&known);
        let is_novel = |structure: &Structure| {
            let cell = self.comparable(structure)?;
            let equals = |member: &usize| known[*member].as_ref().is_some_and(|known| self.equal(known, &cell));
            Some(!buckets.get(cell.composition.as_slice()).is_some_and(|members| members.par_iter().any(equals)))
        };
        Ok(structures.par_iter().map(is_novel).collect())
    }

    /// Members of one bucket with the first that each equals: the first left over is compared with all others, and
    /// takes those that equal it.
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
        self.compare(a, b, Score::AnyMax).is_ok_and(|found| found.is_some())
    }

    /// The reduced cell of a structure that can be compared, at least with itself.
    fn comparable(&self, structure: &Structure) -> Option<ReducedCell> {
        let cell = ReducedCell::of(structure).ok()?;
        mapping::has_few_enough_vectors(&cell, self).then_some(cell)
    }

    fn reduce<S: Borrow<Structure> + Sync>(&self, structures: &[S]) -> Vec<Option<ReducedCell>> {
        structures.par_iter().map(|structure| self.comparable(structure.borrow())).collect()
    }
}

fn reduced_formula(structure: &Structure) -> Composition {
    Composition::of(structure).reduced()
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
