//! What is asked: formulas with all their structures.

use std::collections::BTreeMap;

use anyhow::Result;
use crystal_core::{Composition, Structure};
use datasets::Record;
use wyckoff_assignment::{WyckoffAssignment, formula_units};
use wyckoff_model::MOST_ATOMS;

use super::Given;
use crate::statistics::choose;

/// Stream of the seed for the choice of the formulas.
const FORMULA_STREAM: u64 = 1 << 36;

/// A structure that is to be found.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub structure: Structure,
    /// Elements on Wyckoff positions at the standard origin, where the structure has a reduced form.
    pub assignment: Option<WyckoffAssignment>,
    /// Which of the formulas.
    pub formula: usize,
}

/// What is told at once, with the entries for which it is true: as many structures are handed out.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Which of the formulas.
    pub formula: usize,
    /// Atoms of the primitive cells that may be.
    pub cells: Vec<Composition>,
    /// Places of the entries.
    pub entries: Vec<usize>,
}

/// All that is asked.
#[derive(Debug)]
pub(super) struct Task {
    pub entries: Vec<Entry>,
    pub questions: Vec<Question>,
    pub n_formulas: usize,
}

impl Task {
    /// Random reduced formulas of a split, each with all its structures.
    pub(super) fn new(records: &[Record], given: Given, n_formulas: usize, seed: u64) -> Result<Self> {
        let mut by_formula: BTreeMap<String, Vec<&Record>> = BTreeMap::new();
        for record in records {
            let formula = Composition::of(&record.structure).reduced().formula();
            by_formula.entry(formula).or_default().push(record);
        }
        let formulas: Vec<Vec<&Record>> = by_formula.into_values().collect();
        let n = if n_formulas == 0 { formulas.len() } else { n_formulas.min(formulas.len()) };
        let (mut entries, mut questions) = (vec![], vec![]);
        for (formula, chosen) in choose(formulas.len(), n, seed, FORMULA_STREAM).into_iter().enumerate() {
            let mut of_cell: BTreeMap<String, Question> = BTreeMap::new();
            for record in &formulas[chosen] {
                let assignment = record.unit.as_ref().ok().and_then(|unit| WyckoffAssignment::of(unit).ok());
                let whole = Composition::of(&record.structure);
                let cell = assignment.as_ref().map_or(whole.clone(), WyckoffAssignment::primitive_composition);
                let (key, cells) = match given {
                    Given::Cell => (format!("{:05} {}", cell.total(), cell.formula()), vec![cell]),
                    Given::Formula => (String::new(), cells_of(&whole)?),
                };
                let question = of_cell.entry(key).or_insert_with(|| Question { formula, cells, entries: vec![] });
                question.entries.push(entries.len());
                let assignment = assignment.map(|assignment| assignment.standard_origin());
                entries.push(Entry { structure: record.structure.clone(), assignment, formula });
            }
            questions.extend(of_cell.into_values());
        }
        Ok(Self { entries, questions, n_formulas: n })
    }

    /// Places of all entries of each formula.
    pub(super) fn entries_of_formulas(&self) -> Vec<Vec<usize>> {
        let mut places = vec![vec![]; self.n_formulas];
        for (place, entry) in self.entries.iter().enumerate() {
            places[entry.formula].push(place);
        }
        places
    }
}

/// Every cell of a formula that the proposer knows; one formula unit where that is larger.
fn cells_of(formula: &Composition) -> Result<Vec<Composition>> {
    let most = MOST_ATOMS.max(formula.reduced().total());
    let units = formula_units(formula, 1..=most)?;
    Ok(units.into_iter().map(|units| formula.reduced().times(units)).collect())
}
