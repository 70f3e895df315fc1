//! How well a prior foretells structures that it was not learned from.

use std::collections::BTreeMap;

use crystal_core::{AsymmetricUnit, Composition, SpaceGroupNumber};
use rayon::prelude::*;

use crate::{
    AssignmentDistribution, AssignmentPrior, AssignmentSpace, CellChoice, Demand, FormulaPrior, WyckoffAssignment,
    anonymous_formula,
};

/// How likely a prior finds what is true of structures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Number of structures.
    pub n_structures: usize,
    /// Mean of the natural logarithms of the probabilities of what is true.
    pub log_probability: f64,
    /// The same if all that is possible were alike.
    pub uniform_log_probability: f64,
    /// Share of structures of which the most likely is true.
    pub top_1: f64,
    /// Share of structures of which one of the five most likely is true.
    pub top_5: f64,
}

/// What a prior says of the truth of one structure.
#[derive(Debug, Clone, Copy)]
struct Foretold {
    log_probability: f64,
    uniform_log_probability: f64,
    /// How many possibilities are more likely than the truth; from 5 on any such number may stand here.
    rank: usize,
}

impl Evaluation {
    /// Assignments at their standard origin, given the group and the atoms of each element in the primitive cell. Units
    /// whose sites are no assignment are left out.
    pub fn given_atoms(prior: &AssignmentPrior, units: &[&AsymmetricUnit]) -> Self {
        Self::of_assignments(prior, units, |truth| Demand::Atoms(truth.primitive_composition()))
    }

    /// Assignments at their standard origin, given the group and the sites of each element. Units whose sites are no
    /// assignment are left out.
    pub fn given_sites(prior: &AssignmentPrior, units: &[&AsymmetricUnit]) -> Self {
        Self::of_assignments(prior, units, |truth| Demand::Sites(truth.sites_per_element()))
    }

    fn of_assignments(
        prior: &AssignmentPrior,
        units: &[&AsymmetricUnit],
        demand: impl Fn(&WyckoffAssignment) -> Demand + Sync,
    ) -> Self {
        let foretold = |unit: &&AsymmetricUnit| {
            let truth = WyckoffAssignment::of(unit).ok()?.standard_origin();
            let space = AssignmentSpace::new(truth.space_group(), demand(&truth)).ok()?;
            let distribution = prior.distribution(&space);
            Some(Foretold {
                log_probability: distribution.log_probability(&truth)?,
                uniform_log_probability: AssignmentDistribution::uniform(&space).log_probability(&truth)?,
                rank: distribution.most_likely().take(5).position(|(assignment, _)| assignment == truth).unwrap_or(5),
            })
        };
        Self::of(&units.par_iter().filter_map(foretold).collect::<Vec<_>>())
    }

    fn of(foretold: &[Foretold]) -> Self {
        let mean = |value: fn(&Foretold) -> f64| foretold.iter().map(value).sum::<f64>() / foretold.len() as f64;
        Self {
            n_structures: foretold.len(),
            log_probability: mean(|foretold| foretold.log_probability),
            uniform_log_probability: mean(|foretold| foretold.uniform_log_probability),
            top_1: mean(|foretold| f64::from(u8::from(foretold.rank < 1))),
            top_5: mean(|foretold| f64::from(u8::from(foretold.rank < 5))),
        }
    }
}

/// How likely a prior finds the true space groups and cell sizes of structures, given their formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FormulaEvaluation {
    /// Of the groups alone.
    pub space_groups: Evaluation,
    /// Of groups and numbers of formula units together.
    pub cells: Evaluation,
}

impl FormulaEvaluation {
    /// Looks at each structure: cells of 1 to `most_atoms` atoms. Larger ones, and units whose sites are no assignment,
    /// are left out.
    pub fn of(prior: &FormulaPrior, units: &[&AsymmetricUnit], most_atoms: u32) -> Self {
        // Elements do not matter to the prior, so structures with like formulas share its answer.
        let mut alike: BTreeMap<String, (Composition, Vec<(SpaceGroupNumber, u32)>)> = BTreeMap::new();
        for truth in units.iter().filter_map(|unit| WyckoffAssignment::of(unit).ok()) {
            let atoms = truth.primitive_composition();
            let formula_units = atoms.total() / atoms.reduced().total();
            let entry = alike.entry(anonymous_formula(&atoms)).or_insert_with(|| (atoms, vec![]));
            entry.1.push((truth.space_group().number(), formula_units));
        }
        let foretold: Vec<Vec<(Foretold, Foretold)>> = alike
            .into_values()
            .par_bridge()
            .filter_map(|(formula, truths)| {
                let choices = prior.cells(&formula, 1..=most_atoms).ok()?;
                Some(truths.into_iter().filter_map(|(group, units)| foretold_of(&choices, group, units)).collect())
            })
            .collect();
        let (of_groups, of_cells): (Vec<Foretold>, Vec<Foretold>) = foretold.into_iter().flatten().unzip();
        Self { space_groups: Evaluation::of(&of_groups), cells: Evaluation::of(&of_cells) }
    }
}

/// What the choices for a formula say of a group and of its number of formula units.
fn foretold_of(choices: &[CellChoice], number: SpaceGroupNumber, formula_units: u32) -> Option<(Foretold, Foretold)> {
    let is_truth = |choice: &CellChoice| choice.space_group.number() == number && choice.formula_units == formula_units;
    let cell = choices.iter().position(is_truth)?;
    let mut groups: BTreeMap<SpaceGroupNumber, f64> = BTreeMap::new();
    for choice in choices {
        *groups.entry(choice.space_group.number()).or_default() += choice.probability;
    }
    let of_group = groups[&number];
    let space_group = Foretold {
        log_probability: of_group.ln(),
        uniform_log_probability: -(groups.len() as f64).ln(),
        rank: groups.values().filter(|other| **other > of_group).count(),
    };
    let cell = Foretold {
        log_probability: choices[cell].probability.ln(),
        uniform_log_probability: -(choices.len() as f64).ln(),
        rank: cell,
    };
    Some((space_group, cell))
}
