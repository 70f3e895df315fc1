//! Figures beside those of the table: coverage is saturated in this field, so a set is described by more than that.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use crystal_core::{AsymmetricUnit, Finder, SpaceGroupNumber, Structure};
use metrics::{Fingerprints, wasserstein_distance};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::generated::Generated;
use crate::sameness::Sameness;

/// Tolerances (Å) at which the space group is looked for.
const SYMPRECS: [f64; 2] = [0.01, 0.1];
/// Figures of a set, its name included.
const N_COLUMNS: usize = 12;
pub(crate) const HEADERS: [&str; N_COLUMNS] = [
    "set",
    "structures",
    "valid structure",
    "valid composition",
    "space group kept, 0.01 Å",
    "space group kept, 0.1 Å",
    "drawn again",
    "unique",
    "novel",
    "not comparable",
    "Wasserstein, density (g/cm³)",
    "Wasserstein, elements",
];

/// Further figures of one set. Shares are of all its structures, valid or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Further {
    /// Name of the row.
    pub name: String,
    /// Structures.
    pub n_structures: usize,
    /// Share with a volume and with no two sites closer than 0.5 Å.
    pub structure_validity: f64,
    /// Share that passes SMACT's test of charges.
    pub composition_validity: f64,
    /// Share whose space group, found at 0.01 Å and at 0.1 Å, is the one asked for; none where none was.
    pub space_group_kept: Option<[f64; 2]>,
    /// Share that diverged and was drawn again; none for real structures.
    pub redrawn: Option<f64>,
    /// Share of structures that equal none before them ([`metrics::StructureMatcher`]); none where the structures are
    /// not at hand.
    pub uniqueness: Option<f64>,
    /// Share that equals no structure of the training split; none where that was not at hand.
    pub novelty: Option<f64>,
    /// Structures with a collapsed cell, which cannot be compared with others: they count as neither unique nor novel.
    pub n_not_comparable: Option<usize>,
    /// Distance of the densities from the reference's, g/cm³.
    pub wasserstein_density: Option<f64>,
    /// Distance of the numbers of elements from the reference's.
    pub wasserstein_n_elements: Option<f64>,
}

impl Further {
    /// Of generated structures.
    ///
    /// # Errors
    /// If a set is empty.
    pub(crate) fn of(
        name: &str,
        generated: &Generated,
        sameness: &Sameness,
        fingerprints: &[Fingerprints],
        reference: &[Fingerprints],
    ) -> Result<Self> {
        let kept = SYMPRECS.map(|symprec| share_kept(&generated.structures, &generated.space_groups, symprec));
        let redrawn =
            generated.redraws.iter().filter(|redraws| **redraws > 0).count() as f64 / generated.redraws.len() as f64;
        let densities = |set: &[Fingerprints]| set.iter().filter_map(|one| one.density).collect::<Vec<_>>();
        let n_elements =
            |set: &[Fingerprints]| set.iter().map(|one| one.composition.n_elements() as f64).collect::<Vec<_>>();
        Ok(Self {
            space_group_kept: Some(kept),
            redrawn: Some(redrawn),
            wasserstein_density: Some(wasserstein_distance(&densities(fingerprints), &densities(reference))?),
            wasserstein_n_elements: Some(wasserstein_distance(&n_elements(fingerprints), &n_elements(reference))?),
            ..Self::of_reference(name, Some(sameness), fingerprints)
        })
    }

    /// Of real structures; `sameness` where the structures themselves are at hand.
    pub(crate) fn of_reference(name: &str, sameness: Option<&Sameness>, fingerprints: &[Fingerprints]) -> Self {
        let share = |passes: fn(&Fingerprints) -> bool| {
            fingerprints.iter().filter(|one| passes(one)).count() as f64 / fingerprints.len() as f64
        };
        Self {
            name: name.to_owned(),
            n_structures: fingerprints.len(),
            structure_validity: share(|one| one.structure_valid),
            composition_validity: share(|one| one.composition_valid),
            space_group_kept: None,
            redrawn: None,
            uniqueness: sameness.map(Sameness::uniqueness),
            novelty: sameness.and_then(Sameness::novelty),
            n_not_comparable: sameness.map(Sameness::n_not_comparable),
            wasserstein_density: None,
            wasserstein_n_elements: None,
        }
    }

    pub(crate) fn cells(&self) -> [String; N_COLUMNS] {
        let dash = || "–".to_owned();
        let figure = |value: Option<f64>| value.map_or_else(dash, |value| format!("{value:.3}"));
        let [fine, coarse] = self.space_group_kept.map_or([None; 2], |kept| kept.map(Some));
        [
            self.name.clone(),
            self.n_structures.to_string(),
            figure(Some(self.structure_validity)),
            figure(Some(self.composition_validity)),
            figure(fine),
            figure(coarse),
            figure(self.redrawn),
            figure(self.uniqueness),
            figure(self.novelty),
            self.n_not_comparable.map_or_else(dash, |n| n.to_string()),
            figure(self.wasserstein_density),
            figure(self.wasserstein_n_elements),
        ]
    }
}

/// Share of the structures in which the symmetry finder sees the group that was asked for, no lower and no higher one.
fn share_kept(structures: &[Structure], asked_for: &[SpaceGroupNumber], symprec: f64) -> f64 {
    let found = |structure: &Structure| AsymmetricUnit::from_structure(structure, symprec, Finder::default());
    let kept = |(structure, group): (&Structure, &SpaceGroupNumber)| {
        found(structure).is_ok_and(|unit| unit.space_group().number() == *group)
    };
    structures.par_iter().zip(asked_for).filter(|pair| kept(*pair)).count() as f64 / structures.len() as f64
}

/// As a table for the terminal.
pub(crate) fn text(sets: &[Further]) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(HEADERS);
    for set in sets {
        table.add_row(set.cells());
    }
    format!("{table}\n")
}

/// As Markdown.
pub(crate) fn markdown(sets: &[Further]) -> String {
    let rows: String = sets.iter().map(|set| format!("| {} |\n", set.cells().join(" | "))).collect();
    format!("| {} |\n|{}\n{rows}", HEADERS.join(" | "), " --- |".repeat(HEADERS.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site};

    #[test]
    fn the_group_is_kept_at_some_tolerance() {
        let group = |number| SpaceGroupNumber::new(number).expect("a group");
        // Caesium chloride whose one corner atom is 0.05 Å off: cubic to 0.1 Å only.
        let lattice = Lattice::from_rows([[4.1, 0.0, 0.0], [0.0, 4.1, 0.0], [0.0, 0.0, 4.1]]).expect("a cell");
        let site = |symbol: &str, x: f64, z: f64| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: [x, x, z].into(),
        };
        let structure =
            Structure::new(lattice, vec![site("Cs", 0.0, 0.05 / 4.1), site("Cl", 0.5, 0.5)]).expect("a structure");
        let share = |number, symprec| share_kept(std::slice::from_ref(&structure), &[group(number)], symprec);
        assert_eq!((share(221, 0.1), share(221, 0.01), share(99, 0.01)), (1.0, 0.0, 1.0));
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let lattice = Lattice::from_rows([[4.1, 0.0, 0.0], [0.0, 4.1, 0.0], [0.0, 0.0, 4.1]]).expect("a cell");
        let site =
            |symbol: &str, x: f64| Site { species: symbol.parse().expect("an element"), frac_coords: [x; 3].into() };
        let structure = Structure::new(lattice, vec![site("Cs", 0.0), site("Cl", 0.5)]).expect("a structure");
        let fingerprints = [Fingerprints::of(&structure)];
        let set = Further::of_reference("test", None, &fingerprints);
        assert_eq!(set.cells(), ["test", "1", "1.000", "1.000", "–", "–", "–", "–", "–", "–", "–", "–"]);
        let generated = Generated {
            ids: vec!["one".to_owned()],
            structures: vec![structure],
            space_groups: vec![],
            redraws: vec![2],
            given_up: 0,
        };
        let sameness = Sameness { first: vec![Some(0)], novel: None };
        let set = Further::of("ours", &generated, &sameness, &fingerprints, &fingerprints).expect("figures");
        assert_eq!(set.cells()[7..10], ["1.000", "–", "0"]);
        assert_eq!(
            (set.redrawn, set.wasserstein_density, set.wasserstein_n_elements),
            (Some(1.0), Some(0.0), Some(0.0))
        );
        assert!(text(std::slice::from_ref(&set)).contains("drawn again") && markdown(&[set]).starts_with("| set |"));
    }
}
