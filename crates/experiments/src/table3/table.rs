//! The table: our best compounds of each system beside the paper's.

use std::collections::BTreeSet;

use comfy_table::{ContentArrangement, Table, presets};
use crystal_core::{Composition, Species};
use search::{Candidate, Counts, Found, KJ_PER_MOL, Kind};
use serde::Serialize;

use super::published::{Family, PUBLISHED, Published};

/// Lines of a system in the table.
const SHOWN: usize = 5;

/// A system with what was found in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemRow {
    /// The system as it was asked for.
    pub system: String,
    /// The paper's compound, where it has one.
    pub published: Option<Published>,
    /// Our best, the lowest above the hull first, dynamically stable ones before the others.
    pub best: Vec<Compound>,
    /// Whether the paper's compound is among all different structures, and its lowest in the paper's family and in any.
    pub of_the_paper: Option<OfThePaper>,
    /// What became of the samples.
    pub counts: Counts,
    /// Rounds that were done.
    pub rounds: u64,
    /// Candidates without phonons.
    pub unfinished: usize,
}

/// One of our compounds. Energies in kJ/mol of atoms, frequencies in THz.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compound {
    /// Reduced formula.
    pub formula: String,
    /// Its crystal family.
    pub family: Option<Family>,
    /// Its space group.
    pub space_group: Option<u8>,
    /// Against the elementary phases.
    pub heat_of_formation: f64,
    /// Above the hull.
    pub energy_above_hull: f64,
    /// Lowest on the mesh, where phonons were computed.
    pub min_frequency_thz: Option<f64>,
    /// Whether it is dynamically stable, where phonons were computed.
    pub dynamically_stable: Option<bool>,
    /// Whether it is none of the known ones.
    pub novel: bool,
}

/// What we have of the paper's formula.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfThePaper {
    /// Different structures of its formula.
    pub n_structures: usize,
    /// The lowest of its formula and its crystal family.
    pub in_the_family: Option<Compound>,
    /// The lowest of its formula.
    pub lowest: Option<Compound>,
}

impl Compound {
    fn of(candidate: &Candidate) -> Self {
        Self {
            formula: candidate.formula.clone(),
            family: candidate.space_group.and_then(Family::of),
            space_group: candidate.space_group,
            heat_of_formation: candidate.formation_energy_kj_per_mol(),
            energy_above_hull: candidate.energy_above_hull_kj_per_mol(),
            min_frequency_thz: candidate.min_frequency_thz(),
            dynamically_stable: candidate.dynamically_stable(),
            novel: candidate.novelty.novel,
        }
    }

    fn of_kind(kind: &Kind) -> Self {
        Self {
            formula: kind.formula.clone(),
            family: kind.space_group.and_then(Family::of),
            space_group: kind.space_group,
            heat_of_formation: kind.formation_energy_per_atom * KJ_PER_MOL,
            energy_above_hull: kind.energy_above_hull * KJ_PER_MOL,
            min_frequency_thz: None,
            dynamically_stable: None,
            novel: kind.novel,
        }
    }
}

impl OfThePaper {
    fn of(published: &Published, kinds: &[Kind]) -> Self {
        // Sorted by energy above the hull: the first is the lowest.
        let same: Vec<Compound> =
            kinds.iter().filter(|kind| is_formula(kind, published.formula)).map(Compound::of_kind).collect();
        Self {
            n_structures: same.len(),
            in_the_family: same.iter().find(|compound| compound.family == Some(published.family)).cloned(),
            lowest: same.into_iter().next(),
        }
    }
}

fn is_formula(kind: &Kind, formula: &str) -> bool {
    let composition = |text: &str| Composition::from_formula(text).ok().map(|composition| composition.reduced());
    composition(&kind.formula).is_some_and(|found| Some(found) == composition(formula))
}

impl SystemRow {
    /// Of a finished search.
    pub fn of(system: &str, found: &Found) -> Self {
        let elements = |name: &str| -> Option<BTreeSet<Species>> {
            name.split('-').map(|symbol| symbol.trim().parse().ok()).collect()
        };
        let published = PUBLISHED.iter().find(|published| elements(published.system) == elements(system)).copied();
        Self {
            system: system.to_owned(),
            best: found.candidates.iter().map(Compound::of).collect(),
            of_the_paper: published.map(|published| OfThePaper::of(&published, &found.kinds)),
            published,
            counts: found.counts,
            rounds: found.rounds,
            unfinished: found.unfinished,
        }
    }
}

const HEADERS: [&str; 8] = [
    "system",
    "source",
    "formula",
    "family, group",
    "heat of formation, kJ/mol",
    "above the hull, kJ/mol (meV/atom)",
    "lowest frequency, THz",
    "new",
];

fn energy(kj_per_mol: f64) -> String {
    format!("{kj_per_mol:+.2} ({:+.1})", 1e3 * kj_per_mol / KJ_PER_MOL)
}

fn line(system: &str, source: &str, compound: &Compound) -> [String; 8] {
    let dash = || "–".to_owned();
    let group = compound.space_group.map_or_else(dash, |group| group.to_string());
    let family = compound.family.map_or("–", Family::name);
    [
        system.to_owned(),
        source.to_owned(),
        compound.formula.clone(),
        format!("{family}, {group}"),
        format!("{:.2}", compound.heat_of_formation),
        energy(compound.energy_above_hull),
        compound.min_frequency_thz.map_or_else(dash, |frequency| format!("{frequency:.2}")),
        if compound.novel { "yes".to_owned() } else { "no".to_owned() },
    ]
}

fn lines(rows: &[SystemRow]) -> Vec<[String; 8]> {
    let mut lines = Vec::new();
    for row in rows {
        if let Some(published) = &row.published {
            lines.push([
                row.system.clone(),
                "paper, DFT".to_owned(),
                published.formula.to_owned(),
                published.family.name().to_owned(),
                format!("{:.2}", published.heat_of_formation),
                energy(published.energy_above_hull),
                "–".to_owned(),
                "yes".to_owned(),
            ]);
        }
        if let Some(compound) = row.of_the_paper.as_ref().and_then(|paper| paper.in_the_family.as_ref()) {
            lines.push(line(&row.system, "this work, the paper's formula and family", compound));
        }
        if let Some(compound) = row.of_the_paper.as_ref().and_then(|paper| paper.lowest.as_ref()) {
            lines.push(line(&row.system, "this work, the paper's formula", compound));
        }
        lines.extend(row.best.iter().take(SHOWN).map(|compound| line(&row.system, "this work", compound)));
    }
    lines
}

fn notes(rows: &[SystemRow]) -> String {
    let note = |row: &SystemRow| {
        let counts = &row.counts;
        let paper = match &row.of_the_paper {
            Some(paper) if paper.n_structures == 0 => "; the paper's formula did not occur".to_owned(),
            Some(paper) => format!("; {} structures of the paper's formula", paper.n_structures),
            None => String::new(),
        };
        let unfinished = if row.unfinished > 0 {
            format!("; {} candidates without phonons, the time ended", row.unfinished)
        } else {
            String::new()
        };
        format!(
            "{}: {} sampled, {} relaxed, {} different, {} of them new, {} at most 0.1 eV/atom above the hull{paper}{unfinished}\n",
            row.system, counts.sampled, counts.relaxed, counts.unique, counts.novel, counts.below_limit
        )
    };
    rows.iter().map(note).collect()
}

/// The table for a terminal.
pub fn text(rows: &[SystemRow]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(HEADERS);
    for line in lines(rows) {
        table.add_row(line);
    }
    format!("{}\n\n{}", table.trim_fmt(), notes(rows))
}

/// The table in Markdown.
pub fn markdown(rows: &[SystemRow]) -> String {
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let header = row(&HEADERS.map(str::to_owned));
    let body: String = lines(rows).iter().map(|line| row(line)).collect();
    let notes: String = notes(rows).lines().map(|line| format!("- {line}\n")).collect();
    format!("{header}|{}\n{body}\n{notes}", " --- |".repeat(HEADERS.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(formula: &str, space_group: u8, energy_above_hull: f64) -> Kind {
        Kind {
            formula: formula.to_owned(),
            space_group: Some(space_group),
            formation_energy_per_atom: -0.05,
            energy_above_hull,
            novel: true,
            times: 1,
            sample: 0,
        }
    }

    #[test]
    fn the_papers_compound_is_looked_for_by_formula_and_family() {
        let kinds = [kind("KSi2Cu", 62, 0.01), kind("KCu2Si", 194, 0.02), kind("KCu2Si", 62, 0.03)];
        let found = OfThePaper::of(&PUBLISHED[0], &kinds);
        assert_eq!(found.n_structures, 2);
        assert_eq!(found.lowest.and_then(|compound| compound.space_group), Some(194));
        assert_eq!(found.in_the_family.and_then(|compound| compound.space_group), Some(62));
        assert_eq!(OfThePaper::of(&PUBLISHED[1], &kinds).n_structures, 0);
    }

    #[test]
    fn rows_stand_beside_the_papers() {
        let row = SystemRow {
            system: "Cu-Si-K".to_owned(),
            published: Some(PUBLISHED[0]),
            best: vec![Compound::of_kind(&kind("KCu2Si", 62, 0.01))],
            of_the_paper: None,
            counts: Counts::default(),
            rounds: 1,
            unfinished: 2,
        };
        let lines = lines(std::slice::from_ref(&row));
        assert_eq!(lines[0][5], "+0.61 (+6.3)");
        assert_eq!(lines[1][3..6], ["orthorhombic, 62", "-4.82", "+0.96 (+10.0)"].map(str::to_owned));
        let markdown = markdown(&[row]);
        assert!(markdown.contains("2 candidates without phonons") && markdown.contains("| Cu-Si-K | paper, DFT |"));
    }

    #[test]
    fn families_of_groups() {
        assert_eq!(Family::of(62), Some(Family::Orthorhombic));
        assert_eq!((Family::of(166), Family::of(194)), (Some(Family::Hexagonal), Some(Family::Hexagonal)));
        assert_eq!(Family::of(0), None);
    }
}
