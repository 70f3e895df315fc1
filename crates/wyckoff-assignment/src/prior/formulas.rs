//! Which space groups and cell sizes a formula likely has.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crystal_core::{AsymmetricUnit, Composition, SpaceGroup, SpaceGroupNumber};
use serde::{Deserialize, Serialize};

use crate::{AssignmentError, AssignmentSpace, Demand, WyckoffAssignment, formula_units};

/// How much is borrowed from where data are few: each strength is the number of observations that the more general
/// level counts as.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FormulaSmoothing {
    /// Strength of 'all groups alike' in the frequencies of groups.
    pub uniform: f64,
    /// Strength of those in the frequencies among formulas with the same number of elements.
    pub n_elements: f64,
    /// Strength of those in the frequencies among formulas with the same counts, elements aside.
    pub anonymous: f64,
    /// Strength of 'all numbers of formula units alike' in their frequencies among formulas with the same counts.
    pub formula_units: f64,
    /// Strength of those in the frequencies among structures of the same group with the same counts.
    pub formula_units_in_group: f64,
}

impl Default for FormulaSmoothing {
    /// What foretold MP-20's validation split best.
    fn default() -> Self {
        Self { uniform: 100.0, n_elements: 100.0, anonymous: 20.0, formula_units: 5.0, formula_units_in_group: 1.0 }
    }
}

/// A space group and a number of formula units for a formula.
#[derive(Debug, Clone, Copy)]
pub struct CellChoice {
    /// The space group.
    pub space_group: &'static SpaceGroup,
    /// Formula units in the PRIMITIVE cell.
    pub formula_units: u32,
    /// Its probability among the choices that can hold the formula.
    pub probability: f64,
}

/// A prior over space groups and numbers of formula units, given a formula whose elements are not looked at.
///
/// The group: frequency among training structures with the same anonymous formula, which borrows from those with as
/// many elements, which borrow from all. The number of formula units in the PRIMITIVE cell: frequency among structures
/// of the same group and anonymous formula, which borrows from those of the same anonymous formula in all groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FormulaPrior {
    smoothing: FormulaSmoothing,
    /// Counts of a reduced formula in ascending order; group; formula units in the primitive cell; how often.
    seen: BTreeMap<Vec<u16>, BTreeMap<(SpaceGroupNumber, u16), u32>>,
}

impl FormulaPrior {
    /// Counts the groups and formulas of training structures. Units whose sites are no assignment are left out.
    pub fn learn<'a>(units: impl IntoIterator<Item = &'a AsymmetricUnit>, smoothing: FormulaSmoothing) -> Self {
        let mut prior = Self { smoothing, seen: BTreeMap::new() };
        for assignment in units.into_iter().filter_map(|unit| WyckoffAssignment::of(unit).ok()) {
            let atoms = assignment.primitive_composition();
            let key = (assignment.space_group().number(), saturated(units_in(&atoms)));
            *prior.seen.entry(anonymous_counts(&atoms)).or_default().entry(key).or_default() += 1;
        }
        prior
    }

    /// How much is borrowed from where.
    pub fn smoothing(&self) -> FormulaSmoothing {
        self.smoothing
    }

    /// The same counts, smoothed in another way.
    pub fn with_smoothing(mut self, smoothing: FormulaSmoothing) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// Probabilities of the 230 groups, group 1 first, given the formula but not whether they can hold it.
    pub fn space_groups(&self, formula: &Composition) -> Vec<f64> {
        let counts = anonymous_counts(formula);
        let mut all = vec![0.0; 230];
        let (mut alike, mut same) = (all.clone(), all.clone());
        for (key, cells) in &self.seen {
            for ((group, _), times) in cells {
                let index = usize::from(group.get()) - 1;
                let times = f64::from(*times);
                all[index] += times;
                alike[index] += if key.len() == counts.len() { times } else { 0.0 };
                same[index] += if *key == counts { times } else { 0.0 };
            }
        }
        let uniform = vec![1.0 / 230.0; 230];
        let all = mixed(&all, &uniform, self.smoothing.uniform);
        let alike = mixed(&alike, &all, self.smoothing.n_elements);
        mixed(&same, &alike, self.smoothing.anonymous)
    }

    /// The groups with the most training structures, the commonest first; at most `most`.
    pub fn commonest_groups(&self, most: usize) -> Vec<SpaceGroupNumber> {
        let mut times: BTreeMap<SpaceGroupNumber, u32> = BTreeMap::new();
        for (&(group, _), seen) in self.seen.values().flatten() {
            *times.entry(group).or_default() += seen;
        }
        let mut groups: Vec<(SpaceGroupNumber, u32)> = times.into_iter().collect();
        // Stable: among equals by number.
        groups.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        groups.into_iter().map(|(group, _)| group).take(most).collect()
    }

    /// The counts of reduced formulas of `n_elements` elements, ascending and without the elements, such as `[1, 1, 3]`
    /// of perovskites, each with its number of training structures; the commonest first, among equals the smallest.
    pub fn anonymous_counts(&self, n_elements: usize) -> Vec<(Vec<u16>, u32)> {
        let of_length = self.seen.iter().filter(|(counts, _)| counts.len() == n_elements);
        let mut found: Vec<_> = of_length.map(|(counts, cells)| (counts.clone(), cells.values().sum())).collect();
        found.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        found
    }

    /// Probabilities of the given numbers of formula units in the PRIMITIVE cell, given group and formula, but not
    /// whether the group can hold them.
    pub fn formula_units(&self, space_group: SpaceGroupNumber, formula: &Composition, units: &[u32]) -> Vec<f64> {
        let mut same = vec![0.0; units.len()];
        let mut in_group = same.clone();
        for ((group, seen), times) in self.seen.get(&anonymous_counts(formula)).into_iter().flatten() {
            let Some(index) = units.iter().position(|units| saturated(*units) == *seen) else { continue };
            same[index] += f64::from(*times);
            in_group[index] += if *group == space_group { f64::from(*times) } else { 0.0 };
        }
        let uniform = vec![1.0 / units.len().max(1) as f64; units.len()];
        let same = mixed(&same, &uniform, self.smoothing.formula_units);
        mixed(&in_group, &same, self.smoothing.formula_units_in_group)
    }

    /// The groups and numbers of formula units that can hold a formula with this many atoms per PRIMITIVE cell, the
    /// most likely first (among equals by group and size). The probabilities sum to 1.
    ///
    /// # Errors
    /// [`AssignmentError::NothingAsked`], [`AssignmentError::NoFormulaUnits`].
    pub fn cells(&self, formula: &Composition, atoms: RangeInclusive<u32>) -> Result<Vec<CellChoice>, AssignmentError> {
        let units = formula_units(formula, atoms)?;
        let mut choices = Vec::new();
        for (number, of_group) in SpaceGroupNumber::all().zip(self.space_groups(formula)) {
            let space_group = SpaceGroup::get(number);
            let of_units = self.formula_units(number, formula, &units);
            // The numbers that the group cannot hold leave their probability to the others of the group, not to other
            // groups.
            let held: Vec<(u32, f64)> = units
                .iter()
                .copied()
                .zip(of_units)
                .filter(|(units, _)| AssignmentSpace::is_possible(space_group, &Demand::of_formula(formula, *units)))
                .collect();
            let total: f64 = held.iter().map(|(_, share)| share).sum();
            choices.extend(held.into_iter().map(|(formula_units, share)| CellChoice {
                space_group,
                formula_units,
                probability: of_group * share / total,
            }));
        }
        let total: f64 = choices.iter().map(|choice| choice.probability).sum();
        choices.iter_mut().for_each(|choice| choice.probability /= total);
        choices.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Ok(choices)
    }
}

/// Shares of what was seen, together with `strength` observations that are distributed as `general`.
fn mixed(seen: &[f64], general: &[f64], strength: f64) -> Vec<f64> {
    let total: f64 = seen.iter().sum();
    seen.iter().zip(general).map(|(seen, general)| (seen + strength * general) / (total + strength)).collect()
}

fn saturated(count: u32) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn units_in(atoms: &Composition) -> u32 {
    atoms.total() / atoms.reduced().total().max(1)
}

/// Counts of the reduced formula in ascending order.
fn anonymous_counts(formula: &Composition) -> Vec<u16> {
    let mut counts: Vec<u16> = formula.reduced().iter().map(|(_, count)| saturated(count)).collect();
    counts.sort_unstable();
    counts
}

/// The reduced formula without its elements: letters in order of rising counts, such as `ABC3` for a perovskite.
pub fn anonymous_formula(formula: &Composition) -> String {
    let letters = ('A'..='Z').map(String::from).chain((27..).map(|index| format!("X{index}_")));
    let part = |(letter, count): (String, u16)| if count == 1 { letter } else { format!("{letter}{count}") };
    letters.zip(anonymous_counts(formula)).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_formulas() {
        let of = |text: &str| anonymous_formula(&text.parse::<Composition>().expect("a formula"));
        assert_eq!(of("Sr:2,Ti:2,O:6"), "ABC3");
        assert_eq!(of("Al:2,O:3"), "A2B3");
        assert_eq!(of("Fe:4"), "A");
    }
}
