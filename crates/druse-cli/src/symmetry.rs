//! `druse symmetry`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use crystal_core::{CrystalError, Finder, Species, Structure, SymmetryReport, find_symmetry};
use serde::Serialize;

use super::inputs::{self, ReadArgs, Row};
use super::{Completion, terminal, values};

/// Finds space group, Wyckoff letters, site symmetries and orbits.
#[derive(Args)]
#[command(
    after_help = "Example:\n  druse symmetry NaCl.cif --symprec 0.1\n  druse symmetry structures/ --json > symmetry.json"
)]
pub(super) struct SymmetryArgs {
    /// Structures: files, folders or .jsonl
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Tolerance in Å
    #[arg(long, default_value = "0.01", value_parser = values::tolerance, allow_negative_numbers = true)]
    symprec: f64,
    /// Symmetry finder: moyo, or spglib in a build with that feature
    #[arg(long, default_value = "moyo", value_parser = values::finder)]
    finder: Finder,
    #[command(flatten)]
    read: ReadArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    structures: Vec<Row<Symmetry>>,
}

#[derive(Serialize)]
struct Symmetry {
    #[serde(flatten)]
    report: SymmetryReport,
    sites_per_element: BTreeMap<&'static str, usize>,
    #[serde(skip)]
    species: Vec<Species>,
}

impl Symmetry {
    fn new(structure: &Structure, report: SymmetryReport) -> Self {
        let species: Vec<Species> = structure.sites().iter().map(|site| site.species).collect();
        let mut sites_per_element = BTreeMap::new();
        // A site whose orbit is its own index is the first of its orbit, the one that represents it.
        for (site, _) in report.orbits.iter().enumerate().filter(|(site, orbit)| site == *orbit) {
            *sites_per_element.entry(species[site].symbol()).or_insert(0) += 1;
        }
        Self { report, sites_per_element, species }
    }

    /// One line per orbit: element, letter, site symmetry, number of atoms in the given cell.
    fn orbit_lines(&self) -> String {
        let SymmetryReport { wyckoff_letters, site_symmetries, orbits, .. } = &self.report;
        let orbit = |first: usize| {
            let atoms = orbits.iter().filter(|orbit| **orbit == first).count();
            format!("{} {} ({}) × {atoms}", self.species[first], wyckoff_letters[first], site_symmetries[first])
        };
        let firsts = (0..orbits.len()).filter(|site| orbits[*site] == *site);
        firsts.map(orbit).collect::<Vec<_>>().join("\n")
    }
}

pub(super) fn run(args: &SymmetryArgs) -> Result<Completion> {
    let inputs = inputs::read(&args.paths, &args.read);
    let structures = inputs::rows(&inputs, "symmetry", |structure| {
        let report = find_symmetry(structure, args.symprec, args.finder)?;
        Ok::<_, CrystalError>(Symmetry::new(structure, report))
    });
    for Row { id, numbers, .. } in &structures {
        if let Some(report) = numbers.as_ref().map(|found| &found.report).filter(|report| report.symprec < args.symprec)
        {
            terminal::warning(&format!(
                "{id}: {} Å is too much for this structure; its symmetry is that at {:.2e} Å",
                args.symprec, report.symprec
            ));
        }
    }
    let completion = inputs::completion_of_rows(&structures)?;
    let document = Document { structures };
    if args.json {
        terminal::print_json(&document)?;
    } else {
        let mut table = terminal::table(&[
            "id",
            "space group",
            "symbol",
            "Hall number",
            "orbits: element, letter (site symmetry) × atoms",
        ]);
        for Row { id, numbers, .. } in &document.structures {
            if let Some(found) = numbers {
                let SymmetryReport { number, international, hall_number, .. } = &found.report;
                let (number, hall_number) = (number.to_string(), hall_number.get().to_string());
                table.add_row([id, &number, international, &hall_number, &found.orbit_lines()]);
            }
        }
        terminal::print_table(&table)?;
    }
    Ok(completion)
}
