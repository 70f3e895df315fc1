//! Which structures of a set equal others, and which equal no training structure.

use anyhow::Result;
use crystal_core::Structure;
use metrics::StructureMatcher;

/// What comparing a set with itself and with the training split gave, with CDVAE's tolerances.
pub(crate) struct Sameness {
    /// For each structure the first that it equals, itself where it is the first of its kind; none where it cannot be
    /// compared.
    pub(crate) first: Vec<Option<usize>>,
    /// For each structure whether it equals no training structure, none where it cannot be compared; none at all
    /// without a training split.
    pub(crate) novel: Option<Vec<Option<bool>>>,
}

impl Sameness {
    /// Compares.
    ///
    /// # Errors
    /// None with these tolerances.
    pub(crate) fn of(structures: &[Structure], training: Option<&[Structure]>) -> Result<Self> {
        let matcher = StructureMatcher::default();
        let novel = training.map(|training| matcher.novel(structures, training)).transpose()?;
        Ok(Self { first: matcher.unique(structures)?, novel })
    }

    /// Share of all structures that are the first of their kind.
    pub(crate) fn uniqueness(&self) -> f64 {
        self.share(self.first.iter().enumerate().filter(|(index, first)| **first == Some(*index)).count())
    }

    /// Share of all structures that equal no training structure.
    pub(crate) fn novelty(&self) -> Option<f64> {
        Some(self.share(self.novel.as_ref()?.iter().filter(|novel| **novel == Some(true)).count()))
    }

    /// Number of structures whose cell has collapsed. They count as neither unique nor novel.
    pub(crate) fn n_not_comparable(&self) -> usize {
        self.first.iter().filter(|first| first.is_none()).count()
    }

    fn share(&self, n: usize) -> f64 {
        n as f64 / self.first.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site};

    fn iron(rows: [[f64; 3]; 3]) -> Structure {
        let site = Site { species: "Fe".parse().expect("an element"), frac_coords: [0.0; 3].into() };
        Structure::new(Lattice::from_rows(rows).expect("a cell"), vec![site]).expect("a structure")
    }

    #[test]
    fn what_cannot_be_compared_is_neither_unique_nor_novel() {
        let cube = |edge: f64| iron([[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]]);
        let hexagonal = iron([[2.5, 0.0, 0.0], [-1.25, 2.165, 0.0], [0.0, 0.0, 6.0]]);
        let needle = iron([[0.01, 0.0, 0.0], [0.0, 0.01, 0.0], [0.0, 0.0, 1000.0]]);
        // Structures are compared at equal volume.
        let set = [cube(2.8), needle, cube(3.0), hexagonal];
        let found = Sameness::of(&set, Some(&[cube(5.0)])).expect("good tolerances");
        assert_eq!(found.first, [Some(0), None, Some(0), Some(3)]);
        assert_eq!(found.novel, Some(vec![Some(false), None, Some(false), Some(true)]));
        assert_eq!((found.uniqueness(), found.novelty(), found.n_not_comparable()), (0.5, Some(0.25), 1));
        assert_eq!(Sameness::of(&set, None).expect("good tolerances").novelty(), None);
    }
}
