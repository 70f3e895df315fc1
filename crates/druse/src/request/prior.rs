//! From a formula to space groups, cells and Wyckoff positions, drawn from the priors.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

use crystal_core::Composition;
use langevin::{OrderedSites, SamplingOrder};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use random_keys::{Purpose, RandomKey};
use sealed_file::sha256_hex;
use wyckoff_assignment::{AssignmentDistribution, AssignmentSpace, CellChoice, Demand, Priors};

use super::Request;
use crate::DruseError;

/// Name and SHA-256 of the priors that are compiled in.
pub(super) fn file() -> (String, String) {
    let bytes = include_bytes!("../../assets/priors/mp20.postcard.zst");
    ("assets/priors/mp20.postcard.zst".to_owned(), sha256_hex(bytes))
}

impl Request {
    /// One order for every structure: a draw of group and cell, and of positions for every candidate.
    ///
    /// Structure n depends on the seed and on n alone: its cell on draw 0 of its random numbers, the positions of
    /// candidate c on draw c + 1.
    pub(super) fn orders_by_prior(
        &self,
        formula: &Composition,
        atoms: RangeInclusive<u32>,
        candidates: u32,
    ) -> Result<Vec<SamplingOrder>, DruseError> {
        let mut choices = Priors::shipped().formulas.cells(formula, atoms)?;
        choices.retain(|choice| self.space_group.is_none_or(|number| choice.space_group.number() == number));
        let weights = WeightedIndex::new(choices.iter().map(|choice| choice.probability)).map_err(|_| {
            let formula = formula.formula();
            DruseError::Request(format!(
                "no space group can hold {formula} in a cell of that size; widen the range of atoms"
            ))
        })?;
        let key = RandomKey::new(self.seed, Purpose::Demand);
        let chosen: Vec<usize> =
            (0..self.count as u64).map(|index| weights.sample(&mut key.generator(index, 0))).collect();
        // Few of the cells are drawn at all, and most of those often.
        let mut spaces = BTreeMap::new();
        for &choice in &chosen {
            if let Entry::Vacant(place) = spaces.entry(choice) {
                let CellChoice { space_group, formula_units, .. } = &choices[choice];
                place.insert(AssignmentSpace::new(space_group, Demand::of_formula(formula, *formula_units))?);
            }
        }
        let priors = &Priors::shipped().assignments;
        let distributions: BTreeMap<usize, AssignmentDistribution<'_>> =
            spaces.iter().map(|(choice, space)| (*choice, priors.distribution(space))).collect();
        let order = |(choice, index): (&usize, u64)| {
            let draw = |candidate: u32| distributions[choice].sample(&mut key.generator(index, candidate + 1));
            let sites = OrderedSites::of_candidates((0..candidates).map(draw).collect());
            SamplingOrder { space_group: choices[*choice].space_group.number(), sites, count: 1 }
        };
        Ok(chosen.iter().zip(0..).map(order).collect())
    }
}
