//! From a formula to space groups, cells and Wyckoff positions, drawn from the priors.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

use crystal_core::{Composition, SpaceGroup};
use langevin::{OrderedSites, SamplingOrder};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use random_keys::{Purpose, RandomKey};
use wyckoff_assignment::{AssignmentDistribution, AssignmentSpace, CellChoice, Demand, Priors, formula_units};

use super::Request;
use crate::DruseError;

/// Atoms in the primitive cell when none are asked for: what the network was trained on.
const USUAL_ATOMS: RangeInclusive<u32> = 1..=20;
/// Most atoms in the primitive cell: the number of ways to fill a cell grows fast.
const MOST_ATOMS: u32 = 200;
/// Most structures of one request: each is drawn on its own.
const MOST_STRUCTURES: usize = 1_000_000;

impl Request {
    /// One order for every structure: a draw of group and cell, and of positions for every candidate.
    ///
    /// Structure n depends on the seed and on n alone: its cell on draw 0 of its random numbers, the positions of
    /// candidate c on draw c + 1.
    pub(super) fn orders_of_formula(&self, formula: &Composition) -> Result<Vec<SamplingOrder>, DruseError> {
        if self.count > MOST_STRUCTURES {
            let reason =
                format!("{} structures are too many for one request; ask for at most {MOST_STRUCTURES}", self.count);
            return Err(DruseError::Request(format!("{reason}, or split it, each part with its own seed")));
        }
        let candidates = self.selection.as_ref().map_or(1, |selection| selection.candidates).max(1);
        let choices = self.cells(formula)?;
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
        let candidates = u32::try_from(candidates).unwrap_or(u32::MAX - 1);
        let order = |(choice, index): (&usize, u64)| {
            let draw = |candidate: u32| distributions[choice].sample(&mut key.generator(index, candidate + 1));
            let sites = OrderedSites::of_candidates((0..candidates).map(draw).collect());
            SamplingOrder { space_group: choices[*choice].space_group.number(), sites, count: 1 }
        };
        Ok(chosen.iter().zip(0..).map(order).collect())
    }

    /// Groups and sizes that can hold the formula, with their probabilities.
    fn cells(&self, formula: &Composition) -> Result<Vec<CellChoice>, DruseError> {
        let unit = formula.reduced().total();
        let atoms = match (self.formula_units, &self.atoms) {
            (Some(units), _) => {
                let atoms = units.saturating_mul(unit);
                atoms..=atoms
            }
            (None, Some(atoms)) => atoms.clone(),
            // A formula unit larger than what is usual is its own cell.
            (None, None) => *USUAL_ATOMS.start()..=(*USUAL_ATOMS.end()).max(unit),
        };
        if *atoms.end() > MOST_ATOMS {
            let reason =
                format!("{} atoms in the primitive cell are too many; ask for at most {MOST_ATOMS}", atoms.end());
            return Err(DruseError::Request(reason));
        }
        let mut choices = Priors::shipped().formulas.cells(formula, atoms.clone())?;
        if let Some(space_group) = self.space_group {
            choices.retain(|choice| choice.space_group.number() == space_group);
            if choices.is_empty() {
                // The smallest cell asked for says best why not, and what else would do.
                let units = formula_units(formula, atoms)?;
                let smallest = units.first().copied().unwrap_or(1);
                AssignmentSpace::new(SpaceGroup::get(space_group), Demand::of_formula(formula, smallest))?;
            }
        }
        Ok(choices)
    }
}
