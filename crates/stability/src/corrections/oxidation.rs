//! Oxidation states guessed from a formula.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use crystal_core::{Composition, Species};
use serde::Deserialize;

use crate::elements::{rows, species};

/// Formula units with more atoms get no guess: the number of combinations grows too fast.
const MAX_ATOMS: u32 = 20;

#[derive(Deserialize)]
struct Row {
    symbol: String,
    states: String,
    occurrence: String,
}

/// The states that are tried for an element, and how often each was seen in crystals.
#[derive(Default)]
struct States {
    tried: Vec<i32>,
    occurrence: HashMap<i32, u64>,
}

static STATES: LazyLock<HashMap<Species, States>> = LazyLock::new(|| {
    let number = |text: &str| text.parse::<i32>().expect("the embedded table holds whole numbers");
    let states = |row: Row| {
        let pair = |text: &str| {
            let (state, n) = text.split_once(':').expect("the embedded table pairs states and counts");
            (number(state), n.parse().expect("the embedded table holds counts"))
        };
        let tried = row.states.split_whitespace().map(number).collect();
        (species(&row.symbol), States { tried, occurrence: row.occurrence.split_whitespace().map(pair).collect() })
    };
    rows::<Row>(include_str!("../../assets/tables/oxidation_states.csv")).into_iter().map(states).collect()
});

/// The sum of an element's states in a formula unit, and the best score of a combination with that sum.
struct Sums(Vec<(i32, u64)>);

impl Sums {
    /// All sums of `n_atoms` states, in the order in which combinations with repetition of the tried states meet them.
    fn of(element: Species, n_atoms: u32) -> Self {
        let mut sums = Self(Vec::new());
        if let Some(states) = STATES.get(&element) {
            sums.combine(states, 0, n_atoms, (0, 0));
        }
        sums
    }

    fn combine(&mut self, states: &States, first: usize, n_atoms: u32, (sum, score): (i32, u64)) {
        if n_atoms == 0 {
            match self.0.iter_mut().find(|(known, _)| *known == sum) {
                Some((_, best)) => *best = score.max(*best),
                None => self.0.push((sum, score)),
            }
            return;
        }
        for (index, state) in states.tried.iter().enumerate().skip(first) {
            let seen = states.occurrence.get(state).copied().unwrap_or(0);
            self.combine(states, index, n_atoms - 1, (sum + state, score + seen));
        }
    }
}

/// The mean oxidation state of each element of a compound, guessed from its formula; `None` if no combination is
/// neutral or the formula unit has more than 20 atoms.
///
/// Every atom takes one of the states that its element has in crystals (one state each, so that an element may be
/// mixed); among the neutral combinations we keep the one whose states were seen most often, summed over atoms
/// (`assets/tables/oxidation_states.csv`).
pub fn guess_oxidation_states(composition: &Composition) -> Option<BTreeMap<Species, f64>> {
    let reduced = composition.reduced();
    if reduced.total() > MAX_ATOMS {
        return None;
    }
    let mut counts: Vec<(Species, u32)> = reduced.iter().collect();
    // The order decides among combinations with equal scores.
    counts.sort_by(|(a, _), (b, _)| {
        let key = |element: Species| element.electronegativity().unwrap_or(f64::INFINITY);
        key(*a).total_cmp(&key(*b)).then_with(|| a.symbol().cmp(b.symbol()))
    });
    let sums: Vec<Sums> = counts.iter().map(|(element, n_atoms)| Sums::of(*element, *n_atoms)).collect();
    let best = neutral(&sums)?;
    let mean = |((element, n_atoms), sum): (&(Species, u32), &i32)| (*element, f64::from(*sum) / f64::from(*n_atoms));
    Some(counts.iter().zip(&best).map(mean).collect())
}

/// One sum per element with the total 0 and the highest score; the first of equals.
fn neutral(sums: &[Sums]) -> Option<Vec<i32>> {
    fn search(sums: &[Sums], chosen: &mut Vec<i32>, total: i32, score: u64, best: &mut Option<(u64, Vec<i32>)>) {
        match sums {
            [] => {}
            // The last sum follows from the others.
            [last] => {
                if let Some((sum, own)) = last.0.iter().find(|(sum, _)| total + sum == 0) {
                    let score = score + own;
                    if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                        *best = Some((score, chosen.iter().copied().chain([*sum]).collect()));
                    }
                }
            }
            [first, rest @ ..] => {
                for (sum, own) in &first.0 {
                    chosen.push(*sum);
                    search(rest, chosen, total + sum, score + own, best);
                    chosen.pop();
                }
            }
        }
    }
    let mut best = None;
    search(sums, &mut Vec::new(), 0, 0, &mut best);
    best.map(|(_, chosen)| chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(formula: &str) -> Option<Vec<(String, f64)>> {
        let states = guess_oxidation_states(&Composition::from_formula(formula).expect("a formula"))?;
        Some(states.into_iter().map(|(element, state)| (element.to_string(), state)).collect())
    }

    #[test]
    fn known_compounds() {
        let states =
            |pairs: &[(&str, f64)]| Some(pairs.iter().map(|(symbol, state)| ((*symbol).to_owned(), *state)).collect());
        assert_eq!(guess("Al2O3"), states(&[("O", -2.0), ("Al", 3.0)]));
        assert_eq!(guess("Fe3O4"), states(&[("O", -2.0), ("Fe", 8.0 / 3.0)]));
        assert_eq!(guess("NaCl3"), guess("Na2Cl6"));
        assert_eq!(guess("Cu3Au"), None);
        assert_eq!(guess("Al20O31"), None, "more than 20 atoms");
    }
}
