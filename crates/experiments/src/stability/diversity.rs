//! How many kinds of crystals there are among samples, beside as many of the training data: a model that keeps to a few
//! families is seen here.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use crystal_core::{Composition, Finder, Structure, find_symmetry};
use rayon::prelude::*;
use serde::Serialize;
use wyckoff_assignment::anonymous_formula;

use crate::statistics::choose;

/// Tolerance at which space groups are looked for, Å; that of the training data.
const SYMPREC: f64 = 0.1;
/// Stream of the seed for the training structures to compare with.
const COMPARED_STREAM: u64 = 1 << 35;
/// Commonest prototypes that are named.
const NAMED: usize = 5;

/// Kinds among the structures of a set that are there.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Diversity {
    pub name: String,
    /// Structures that are there.
    pub n: usize,
    /// Distinct sets of elements.
    pub systems: usize,
    /// Distinct reduced formulas.
    pub formulas: usize,
    /// Distinct anonymous formulas with their space groups.
    pub prototypes: usize,
    /// exp of the entropy of the prototypes: as many equally common ones are as hard to foretell.
    pub effective_prototypes: f64,
    /// Distinct space groups.
    pub groups: usize,
    /// exp of their entropy.
    pub effective_groups: f64,
    /// Elements that occur.
    pub elements: usize,
    /// The commonest prototypes, such as `ABC3 221`, with their shares.
    pub commonest: Vec<(String, f64)>,
    /// Half the sum of the differences of the shares of space groups from those of the set that it is compared with.
    pub distance_groups: Option<f64>,
    /// The same for elements, each counted once a structure.
    pub distance_elements: Option<f64>,
}

/// Samples, and as many random training structures.
pub(super) fn compared(name: &str, samples: &[Option<Structure>], training: &[Structure], seed: u64) -> [Diversity; 2] {
    let samples: Vec<&Structure> = samples.iter().flatten().collect();
    let chosen = choose(training.len(), samples.len().min(training.len()), seed, COMPARED_STREAM);
    let known: Vec<&Structure> = chosen.into_iter().map(|index| &training[index]).collect();
    let (ours, theirs) = (Kinds::of(&samples), Kinds::of(&known));
    let distances = (theirs.n > 0 && ours.n > 0)
        .then(|| (distance(&ours.groups, &theirs.groups), distance(&ours.elements, &theirs.elements)));
    let mut first = ours.summary(name);
    first.distance_groups = distances.map(|(groups, _)| groups);
    first.distance_elements = distances.map(|(_, elements)| elements);
    [first, theirs.summary("random structures of the training split")]
}

#[derive(Debug, Default)]
struct Kinds {
    n: usize,
    systems: BTreeMap<String, usize>,
    formulas: BTreeMap<String, usize>,
    prototypes: BTreeMap<String, usize>,
    groups: BTreeMap<String, usize>,
    elements: BTreeMap<String, usize>,
}

impl Kinds {
    fn of(structures: &[&Structure]) -> Self {
        let kind = |structure: &&Structure| {
            let group = find_symmetry(structure, SYMPREC, Finder::default()).map_or(0, |found| found.number.get());
            (Composition::of(structure).reduced(), group)
        };
        let found: Vec<(Composition, u8)> = structures.par_iter().map(kind).collect();
        let mut kinds = Self { n: found.len(), ..Self::default() };
        for (formula, group) in found {
            let symbols: Vec<String> = formula.iter().map(|(species, _)| species.to_string()).collect();
            let add = |of: &mut BTreeMap<String, usize>, key: String| *of.entry(key).or_default() += 1;
            add(&mut kinds.systems, symbols.join("-"));
            add(&mut kinds.formulas, formula.formula());
            add(&mut kinds.prototypes, format!("{} {group}", anonymous_formula(&formula)));
            add(&mut kinds.groups, group.to_string());
            symbols.into_iter().for_each(|symbol| add(&mut kinds.elements, symbol));
        }
        kinds
    }

    fn summary(self, name: &str) -> Diversity {
        let mut commonest: Vec<(String, f64)> =
            self.prototypes.iter().map(|(kind, n)| (kind.clone(), *n as f64 / self.n as f64)).collect();
        commonest.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        commonest.truncate(NAMED);
        Diversity {
            name: name.to_owned(),
            n: self.n,
            systems: self.systems.len(),
            formulas: self.formulas.len(),
            prototypes: self.prototypes.len(),
            effective_prototypes: effective(&self.prototypes),
            groups: self.groups.len(),
            effective_groups: effective(&self.groups),
            elements: self.elements.len(),
            commonest,
            distance_groups: None,
            distance_elements: None,
        }
    }
}

fn effective(kinds: &BTreeMap<String, usize>) -> f64 {
    let total: usize = kinds.values().sum();
    let term = |n: &usize| {
        let share = *n as f64 / total as f64;
        -share * share.ln()
    };
    kinds.values().map(term).sum::<f64>().exp()
}

/// Total variation of two sets of shares.
fn distance(a: &BTreeMap<String, usize>, b: &BTreeMap<String, usize>) -> f64 {
    let share = |of: &BTreeMap<String, usize>, key: &String| {
        of.get(key).copied().unwrap_or(0) as f64 / of.values().sum::<usize>().max(1) as f64
    };
    let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    keys.into_iter().map(|key| (share(a, key) - share(b, key)).abs()).sum::<f64>() / 2.0
}

pub(super) fn markdown(rows: &[Diversity]) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "diversity",
        "structures",
        "sets of elements",
        "formulas",
        "prototypes (effective)",
        "space groups (effective)",
        "elements",
        "distance of groups",
        "distance of elements",
        "commonest prototypes",
    ]);
    for row in rows {
        let distance = |distance: Option<f64>| distance.map_or_else(|| "–".to_owned(), |d| format!("{d:.3}"));
        let named = row.commonest.iter().map(|(kind, share)| format!("{kind} {:.1} %", 100.0 * share));
        table.add_row([
            row.name.clone(),
            row.n.to_string(),
            row.systems.to_string(),
            row.formulas.to_string(),
            format!("{} ({:.0})", row.prototypes, row.effective_prototypes),
            format!("{} ({:.0})", row.groups, row.effective_groups),
            row.elements.to_string(),
            distance(row.distance_groups),
            distance(row.distance_elements),
            named.collect::<Vec<_>>().join(", "),
        ]);
    }
    format!(
        "{table}\nAfter relaxation, space groups at 0.1 Å; a prototype is an anonymous formula with a space group. In brackets: exp \
         of the entropy. Distances: half the sum of the differences of shares from those of the training structures below."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site};

    fn cube(sites: &[(&str, [f64; 3])]) -> Structure {
        let lattice = Lattice::from_rows([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]).expect("a cell");
        let site = |(symbol, frac_coords): &(&str, [f64; 3])| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: (*frac_coords).into(),
        };
        Structure::new(lattice, sites.iter().map(site).collect()).expect("a structure")
    }

    #[test]
    fn kinds_are_counted() {
        let chloride = |cation| cube(&[(cation, [0.0; 3]), ("Cl", [0.5; 3])]);
        let iron = cube(&[("Fe", [0.0; 3])]);
        let samples = [Some(chloride("Cs")), None, Some(chloride("Tl")), Some(iron.clone()), Some(iron.clone())];
        let [ours, known] = compared("samples", &samples, &[iron.clone(), iron], 0);
        assert_eq!((ours.n, ours.systems, ours.formulas, ours.prototypes, ours.groups), (4, 3, 3, 2, 1));
        assert_eq!(ours.commonest, [("A 221".to_owned(), 0.5), ("AB 221".to_owned(), 0.5)]);
        assert!((ours.effective_prototypes - 2.0).abs() < 1e-12 && ours.elements == 4);
        assert_eq!(ours.distance_groups, Some(0.0));
        // A third of what is counted is iron, and all of what is known.
        assert!((ours.distance_elements.expect("a distance") - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!((known.n, known.prototypes, known.distance_groups), (2, 1, None));
        assert!(markdown(&[ours, known]).contains("A 221 50.0 %"));
    }
}
