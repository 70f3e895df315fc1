//! Match rate, METRe and cRMSE.

use crystal_core::Structure;
use metrics::StructureMatcher;
use rayon::prelude::*;
use serde::Serialize;

use super::{Planned, Task, Try};
use crate::csp::{BINS, bin_of};

/// Distance taken for 'no match' in cRMSE: the matcher's own limit.
const UNMATCHED: f64 = 0.5;
/// After how many tries it is looked whether one matches.
pub(super) const AMONG: [usize; 3] = [3, 5, 20];

/// For every try the entries of its formula that it matches, with their distances.
#[derive(Debug)]
pub(super) struct Distances(Vec<Vec<(usize, f64)>>);

impl Distances {
    /// Compares every try with every entry of its reduced formula.
    pub(super) fn of<'a>(
        task: &Task,
        tries: &[Option<Try>],
        structure: impl Fn(usize) -> Option<&'a Structure> + Sync,
    ) -> Self {
        let matcher = StructureMatcher::default();
        let entries = task.entries_of_formulas();
        // The formula of a try is that of its structure's question; tries lie question by question.
        let of_formula: std::collections::HashMap<String, &Vec<usize>> = entries
            .iter()
            .filter_map(|places| {
                let first = places.first()?;
                Some((formula_of(&task.entries[*first].structure), places))
            })
            .collect();
        let of_try = |index: usize| {
            let Some(structure) = structure(index) else { return vec![] };
            let Some(places) = of_formula.get(&formula_of(structure)) else { return vec![] };
            let distance = |place: &usize| {
                // What cannot be reduced to a primitive cell matches nothing.
                let found = matcher.rms(structure, &task.entries[*place].structure).ok().flatten()?;
                Some((*place, found.rms))
            };
            places.iter().filter_map(distance).collect()
        };
        Self((0..tries.len()).into_par_iter().map(of_try).collect())
    }
}

fn formula_of(structure: &Structure) -> String {
    crystal_core::Composition::of(structure).reduced().formula()
}

/// A way to choose, and how often it is right.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub name: String,
    /// Share of entries that the first structure of their question matches.
    pub match_rate: f64,
    /// Mean distance of those.
    pub rmse: Option<f64>,
    /// Share of entries that one of as many structures as the formula has entries matches.
    pub metre: f64,
    /// Mean over all entries of the smallest distance, 0.5 for those without a match.
    pub crmse: f64,
    /// Shares of entries that one of the first 3, 5, 20 structures of their question matches.
    pub among: [f64; 3],
    /// By free parameters of the true positions: name, entries, match rate, share among 20.
    pub by_free_parameters: Vec<(String, usize, f64, f64)>,
}

impl Row {
    /// `rankings`: for each question the places of its tries, the best first.
    pub(super) fn of(name: &str, task: &Task, distances: &Distances, rankings: &[Vec<usize>]) -> Self {
        let n = task.entries.len();
        let best = |places: &[usize], entry: usize| {
            let of_entry = places.iter().flat_map(|place| &distances.0[*place]).filter(|(of, _)| *of == entry);
            of_entry.map(|(_, rms)| *rms).min_by(f64::total_cmp)
        };
        let (mut first, mut among) = (vec![None; n], vec![[false; 3]; n]);
        let mut handed_out: Vec<Vec<usize>> = vec![vec![]; task.n_formulas];
        for (question, ranking) in task.questions.iter().zip(rankings) {
            let up_to = |k: usize| &ranking[..k.min(ranking.len())];
            for &entry in &question.entries {
                first[entry] = best(up_to(1), entry);
                among[entry] = AMONG.map(|k| best(up_to(k), entry).is_some());
            }
            handed_out[question.formula].extend(up_to(question.entries.len()));
        }
        let of_formula: Vec<Option<f64>> =
            (0..n).map(|entry| best(&handed_out[task.entries[entry].formula], entry)).collect();
        let share = |count: usize, of: usize| if of == 0 { 0.0 } else { count as f64 / of as f64 };
        let matched: Vec<f64> = first.iter().copied().flatten().collect();
        let bins = BINS.iter().enumerate().map(|(bin, (_, name))| {
            let free = |entry: usize| task.entries[entry].assignment.as_ref().map(|of| bin_of(of.n_free()));
            let of_bin: Vec<usize> = (0..n).filter(|entry| free(*entry) == Some(bin)).collect();
            let count = |holds: &dyn Fn(usize) -> bool| of_bin.iter().filter(|entry| holds(**entry)).count();
            let [one, twenty] = [count(&|entry| first[entry].is_some()), count(&|entry| among[entry][2])];
            ((*name).to_owned(), of_bin.len(), share(one, of_bin.len()), share(twenty, of_bin.len()))
        });
        Self {
            name: name.to_owned(),
            match_rate: share(matched.len(), n),
            rmse: (!matched.is_empty()).then(|| matched.iter().sum::<f64>() / matched.len() as f64),
            metre: share(of_formula.iter().flatten().count(), n),
            crmse: of_formula.iter().map(|found| found.unwrap_or(UNMATCHED)).sum::<f64>() / n.max(1) as f64,
            among: [0, 1, 2].map(|k| share(among.iter().filter(|found| found[k]).count(), n)),
            by_free_parameters: bins.collect(),
        }
    }
}

/// Share of entries whose true group and positions are among those that are tried.
pub(super) fn proposed(task: &Task, planned: &[Vec<Planned>]) -> f64 {
    let mut found = 0;
    for (question, planned) in task.questions.iter().zip(planned) {
        let texts: Vec<(u8, &str)> = planned.iter().map(|one| (one.space_group, one.wyckoff.as_str())).collect();
        let is_there = |entry: &&usize| {
            task.entries[**entry].assignment.as_ref().is_some_and(|truth| {
                let (group, text) = (truth.space_group().number().get(), truth.to_string());
                texts.contains(&(group, text.as_str()))
            })
        };
        found += question.entries.iter().filter(is_there).count();
    }
    found as f64 / task.entries.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::questions::{Entry, Question};
    use super::*;
    use crystal_core::{Composition, Lattice, Site};

    #[test]
    fn entries_of_a_formula_share_their_structures() {
        let lattice = Lattice::from_rows([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]]).expect("a cell");
        let site = Site { species: "Fe".parse().expect("an element"), frac_coords: [0.0; 3].into() };
        let structure = Structure::new(lattice, vec![site]).expect("a structure");
        let entry = |formula| Entry { structure: structure.clone(), assignment: None, formula };
        let question = |formula, entries: &[usize]| Question {
            formula,
            cells: vec![Composition::of(&structure)],
            entries: entries.to_vec(),
        };
        // Two cells of formula 0, with two entries and one; formula 1 with one.
        let task = Task {
            entries: vec![entry(0), entry(0), entry(0), entry(1)],
            questions: vec![question(0, &[0, 1]), question(0, &[2]), question(1, &[3])],
            n_formulas: 2,
        };
        // Tries 0 to 2 of the first question, 3 of the second, 4 and 5 of the third.
        let distances =
            Distances(vec![vec![(0, 0.1)], vec![(0, 0.2), (2, 0.3)], vec![(1, 0.1)], vec![], vec![], vec![(3, 0.4)]]);
        let row = Row::of("all", &task, &distances, &[vec![0, 1, 2], vec![3], vec![4, 5]]);
        // Entry 0 by the first try of its question; entry 2 by a structure of the other cell, which METRe counts.
        assert_eq!((row.match_rate, row.rmse, row.metre), (0.25, Some(0.1), 0.5));
        assert!((row.crmse - (0.1 + 0.5 + 0.3 + 0.5) / 4.0).abs() < 1e-12, "{}", row.crmse);
        assert_eq!(row.among, [0.75, 0.75, 0.75]);
    }
}
