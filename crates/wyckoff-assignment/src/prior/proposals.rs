//! The most likely groups and positions of a formula, by both priors together.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use crystal_core::{Composition, SpaceGroupNumber};

use super::Priors;
use crate::{AssignmentError, AssignmentSpace, CellChoice, Demand, WyckoffAssignment};

impl Priors {
    /// The most likely assignments of a formula with this many atoms in the PRIMITIVE cell, in one space group if it is
    /// given, the most likely first: at their standard origins, with their probabilities, none twice.
    ///
    /// # Errors
    /// Those of [`super::FormulaPrior::cells`]; [`AssignmentError::TooLarge`].
    pub fn most_likely(
        &self,
        formula: &Composition,
        atoms: RangeInclusive<u32>,
        space_group: Option<SpaceGroupNumber>,
        most: usize,
    ) -> Result<Vec<(WyckoffAssignment, f64)>, AssignmentError> {
        let mut choices = self.formulas.cells(formula, atoms)?;
        choices.retain(|choice| space_group.is_none_or(|number| choice.space_group.number() == number));
        let total: f64 = choices.iter().map(|choice| choice.probability).sum();
        let mut found: HashMap<WyckoffAssignment, f64> = HashMap::new();
        for CellChoice { space_group, formula_units, probability } in choices {
            let probability = probability / total;
            // Cells come the likeliest first, and no assignment of one is likelier than the cell.
            let mut shares: Vec<f64> = found.values().copied().collect();
            shares.sort_by(|a, b| b.total_cmp(a));
            if most == 0 || shares.get(most - 1).is_some_and(|least| *least >= probability) {
                break;
            }
            let space = AssignmentSpace::new(space_group, Demand::of_formula(formula, formula_units))?;
            let distribution = self.assignments.distribution(&space);
            // Each may come at several origins.
            for (assignment, log_probability) in distribution.most_likely().take(most.saturating_mul(8)) {
                *found.entry(assignment.standard_origin()).or_default() += probability * log_probability.exp();
            }
        }
        let mut found: Vec<(WyckoffAssignment, f64)> = found.into_iter().collect();
        let text = |assignment: &WyckoffAssignment| (assignment.space_group().number(), assignment.to_string());
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| text(&a.0).cmp(&text(&b.0))));
        found.truncate(most);
        Ok(found)
    }
}
