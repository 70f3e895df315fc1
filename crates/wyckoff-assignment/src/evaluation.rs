//! How well a prior foretells structures that it was not learned from.

use crystal_core::AsymmetricUnit;
use rayon::prelude::*;

use crate::{AssignmentDistribution, AssignmentPrior, AssignmentSpace, Demand, FormulaPrior, WyckoffAssignment};

/// How likely a prior finds the true assignments of structures, given group and counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Number of structures.
    pub n_structures: usize,
    /// Mean of the natural logarithms of the probabilities of the true assignments.
    pub log_probability: f64,
    /// The same if all admissible assignments were alike.
    pub uniform_log_probability: f64,
    /// Share of structures whose true assignment is the most likely one.
    pub top_1: f64,
    /// Share of structures whose true assignment is among the five most likely ones.
    pub top_5: f64,
}

impl Evaluation {
    /// Looks at each structure, which need not be reduced by the same program. `demand` says what is given of it. Units whose sites are no
    /// assignment are left out.
    pub fn of(prior: &AssignmentPrior, units: &[&AsymmetricUnit], demand: impl Fn(&WyckoffAssignment) -> Demand + Sync) -> Self {
        let found: Vec<(f64, f64, usize)> = units
            .par_iter()
            .filter_map(|unit| {
                let truth = WyckoffAssignment::of(unit).ok()?;
                let space = AssignmentSpace::new(truth.space_group(), demand(&truth)).ok()?;
                let distribution = prior.distribution(&space);
                let log_probability = distribution.log_probability(&truth)?;
                let uniform = AssignmentDistribution::uniform(&space).log_probability(&truth)?;
                let rank = distribution.most_likely().take(5).position(|(assignment, _)| assignment == truth).unwrap_or(5);
                Some((log_probability, uniform, rank))
            })
            .collect();
        let mean = |value: &dyn Fn(&(f64, f64, usize)) -> f64| found.iter().map(value).sum::<f64>() / found.len() as f64;
        Self {
            n_structures: found.len(),
            log_probability: mean(&|found| found.0),
            uniform_log_probability: mean(&|found| found.1),
            top_1: mean(&|found| f64::from(u8::from(found.2 < 1))),
            top_5: mean(&|found| f64::from(u8::from(found.2 < 5))),
        }
    }

    /// Given the group and the atoms of each element in the primitive cell.
    pub fn given_atoms(prior: &AssignmentPrior, units: &[&AsymmetricUnit]) -> Self {
        Self::of(prior, units, |truth| Demand::Atoms(truth.primitive_composition()))
    }

    /// Given the group and the sites of each element.
    pub fn given_sites(prior: &AssignmentPrior, units: &[&AsymmetricUnit]) -> Self {
        Self::of(prior, units, |truth| Demand::Sites(truth.sites_per_element()))
    }
}

/// How likely a prior finds the true space groups and cell sizes of structures, given their formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupEvaluation {
    /// Number of structures.
    pub n_structures: usize,
    /// Mean of the natural logarithms of the probabilities of the true groups.
    pub log_probability: f64,
    /// Mean of the natural logarithms of the probabilities of the true groups and numbers of formula units together.
    pub cell_log_probability: f64,
    /// Mean of the natural logarithms of the groups' probabilities if all groups that can hold the formula were alike.
    pub uniform_log_probability: f64,
    /// Share of structures whose group is the most likely one.
    pub top_1: f64,
    /// Share of structures whose group is among the five most likely ones.
    pub top_5: f64,
}

impl GroupEvaluation {
    /// Looks at each structure: cells of 1 to `most_atoms` atoms. Larger ones, and units whose sites are no assignment, are left out.
    pub fn of(prior: &FormulaPrior, units: &[&AsymmetricUnit], most_atoms: u32) -> Self {
        let found: Vec<(f64, f64, f64, usize)> = units
            .par_iter()
            .filter_map(|unit| {
                let truth = WyckoffAssignment::of(unit).ok()?;
                let atoms = truth.primitive_composition();
                let formula_units = atoms.total() / atoms.reduced().total();
                let number = truth.space_group().number();
                let mut groups = vec![0.0; 231];
                let mut cell = None;
                for choice in prior.cells(&atoms, 1..=most_atoms).ok()? {
                    groups[usize::from(choice.space_group.number().get())] += choice.probability;
                    if choice.space_group.number() == number && choice.formula_units == formula_units {
                        cell = Some(choice.probability);
                    }
                }
                let probability = groups[usize::from(number.get())];
                let rank = groups.iter().filter(|other| **other > probability).count();
                let n_groups = groups.iter().filter(|probability| **probability > 0.0).count();
                Some((probability.ln(), cell?.ln(), -(n_groups as f64).ln(), rank))
            })
            .collect();
        let mean = |value: &dyn Fn(&(f64, f64, f64, usize)) -> f64| found.iter().map(value).sum::<f64>() / found.len() as f64;
        Self {
            n_structures: found.len(),
            log_probability: mean(&|found| found.0),
            cell_log_probability: mean(&|found| found.1),
            uniform_log_probability: mean(&|found| found.2),
            top_1: mean(&|found| f64::from(u8::from(found.3 < 1))),
            top_5: mean(&|found| f64::from(u8::from(found.3 < 5))),
        }
    }
}
