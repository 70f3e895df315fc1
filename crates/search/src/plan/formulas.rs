//! Which formulas of a system are tried, and how often.

use std::collections::BTreeSet;

use crystal_core::{Composition, Species};
use metrics::composition_valid;
use wyckoff_assignment::FormulaPrior;

/// Weight of a formula that no choice of oxidation states makes neutral: rare among known compounds, and not
/// impossible.
const UNBALANCED: f64 = 0.2;

/// All formulas of exactly these elements whose counts, elements aside, occur in the training data and whose formula
/// unit has at most `most_atoms` atoms, with their weights: how often the counts occur, shared among the ways to give
/// them to the elements, less for formulas that are not balanced.
pub(super) fn weighted(prior: &FormulaPrior, elements: &BTreeSet<Species>, most_atoms: u32) -> Vec<(Composition, f64)> {
    let mut found = Vec::new();
    for (counts, times) in prior.anonymous_counts(elements.len()) {
        if counts.iter().map(|count| u32::from(*count)).sum::<u32>() > most_atoms {
            continue;
        }
        let ways = permutations(&counts);
        let share = f64::from(times) / ways.len() as f64;
        for counts in ways {
            let formula: Composition = elements.iter().copied().zip(counts.into_iter().map(u32::from)).collect();
            let weight = if composition_valid(&formula) { share } else { UNBALANCED * share };
            found.push((formula, weight));
        }
    }
    found
}

/// The distinct orders of some numbers, ascending.
fn permutations(numbers: &[u16]) -> BTreeSet<Vec<u16>> {
    let mut found = BTreeSet::from([Vec::new()]);
    for number in numbers {
        let placed = |shorter: &Vec<u16>| {
            (0..=shorter.len())
                .map(|place| [&shorter[..place], &[*number], &shorter[place..]].concat())
                .collect::<Vec<_>>()
        };
        found = found.iter().flat_map(placed).collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use wyckoff_assignment::Priors;

    #[test]
    fn numbers_are_permuted_once() {
        assert_eq!(permutations(&[1, 1, 2]).len(), 3);
        assert_eq!(permutations(&[1, 2, 3]).len(), 6);
        assert_eq!(permutations(&[1, 1]), BTreeSet::from([vec![1, 1]]));
    }

    #[test]
    fn formulas_of_salt() {
        let elements = ["Na", "Cl"].map(|symbol| symbol.parse().expect("an element")).into();
        let formulas = weighted(&Priors::shipped().formulas, &elements, 20);
        let weight = |text: &str| {
            let formula = Composition::from_formula(text).expect("a formula");
            formulas.iter().find(|(other, _)| *other == formula).map(|(_, weight)| *weight)
        };
        let (balanced, other) = (weight("NaCl").expect("listed"), weight("Na2Cl").expect("listed"));
        assert!(balanced > other && other > 0.0);
        assert!(formulas.iter().all(|(formula, _)| formula.n_elements() == 2 && formula.total() <= 20));
    }
}
