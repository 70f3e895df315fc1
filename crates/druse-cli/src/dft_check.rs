//! `druse dft-check`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use crystal_core::{Composition, Species, Structure};
use dft_input::{Calculation, PseudopotentialTable, PwOptions, PwResult, pw_input, run_pw};
use druse::output::writable_folder;
use potential::Potential;
use serde::Serialize;
use stability::{Fractions, Hull, Phase};

use super::inputs::{self, Input, ReadArgs, Row};
use super::potentials::{PotentialArgs, PotentialName};
use super::{Completion, terminal, values};

/// Energy of what is not there, eV/atom: nothing is made of it where there is a choice.
const ABSENT: f64 = 1e3;
/// Shares below this are rounding.
const LEAST_SHARE: f64 = 1e-9;

/// Computes by density functional theory whether candidates are lower than what they decompose into, and puts the
/// potential's answer beside it.
///
/// Runs pw.x of Quantum ESPRESSO on each structure as it is given (relax it first by `druse relax`). A candidate is
/// compared with the mixture of the products that has its composition and the lowest energy of the potential; both
/// differences are of plain energies, without corrections. Runs that are finished in the folder are not done again.
#[derive(Args)]
#[command(
    after_help = "Example:\n  druse dft-check found/candidates/001_SiC_216.cif --products silicon.cif diamond.cif \\\n    \
                  --pseudo-dir pseudo --out check"
)]
pub(super) struct DftCheckArgs {
    /// Candidates: files, folders or .jsonl
    #[arg(required = true, value_name = "PATH")]
    candidates: Vec<PathBuf>,
    /// Structures that candidates may decompose into; `druse hull` names the phases
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    products: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// The program
    #[arg(long, value_enum, default_value = "qe")]
    code: Code,
    /// pw.x by name or path
    #[arg(long, value_name = "FILE", default_value = "pw.x")]
    program: PathBuf,
    /// Folder of the pseudopotentials that the table names
    #[arg(long, value_name = "DIR", default_value = "pseudo")]
    pseudo_dir: PathBuf,
    /// Table of pseudopotentials and cut-offs (RON) [default: SSSP 1.3.0 PBE efficiency]
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// k-points per Å⁻³ of the reciprocal cell [default: 125]
    #[arg(long, value_name = "N", value_parser = values::positive, allow_negative_numbers = true)]
    k_density: Option<f64>,
    /// Folder for inputs and outputs
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    potential: PotentialArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// Programs of density functional theory.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Code {
    /// pw.x of Quantum ESPRESSO
    Qe,
}

#[derive(Serialize)]
struct Document {
    candidates: Vec<Row<Checked>>,
    code: &'static str,
    version: Option<String>,
    pseudopotentials: String,
    potential: PotentialName,
    device: String,
}

/// Energies in eV/atom.
#[derive(Serialize)]
struct Checked {
    formula: String,
    dft_energy_per_atom: f64,
    potential_energy_per_atom: f64,
    /// Minus that of the products.
    dft_difference: f64,
    potential_difference: f64,
    products: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    id: String,
    formula: String,
    /// Of the atoms.
    fraction: f64,
}

/// A structure with both energies, eV/atom.
struct Computed {
    id: String,
    composition: Composition,
    by_dft: f64,
    by_potential: f64,
}

/// How structures are computed.
struct Computer<'a> {
    args: &'a DftCheckArgs,
    table: PseudopotentialTable,
    options: PwOptions,
    potential: &'a dyn Potential,
}

pub(super) fn run(args: &DftCheckArgs) -> Result<Completion> {
    let Code::Qe = args.code;
    // All that can be refused is refused before the first run, which may take hours.
    let program = found(&args.program)?;
    let table = match &args.table {
        Some(path) => PseudopotentialTable::read(path)?,
        None => PseudopotentialTable::sssp(),
    };
    let [candidates, products] = [&args.candidates, &args.products].map(|paths| inputs::read(paths, &args.read));
    if let Some(error) = products.iter().find_map(|product| product.structure.as_ref().err()) {
        bail!("a product cannot be used: {error}");
    }
    let pseudo_dir = std::path::absolute(&args.pseudo_dir).context("--pseudo-dir")?;
    check_files(&table, &pseudo_dir, candidates.iter().chain(&products))?;
    let defaults = PwOptions::default();
    let options = PwOptions {
        calculation: Calculation::Scf,
        k_density: args.k_density.unwrap_or(defaults.k_density),
        pseudo_dir: pseudo_dir.display().to_string(),
        ..defaults
    };
    let potential = args.potential.open()?;
    writable_folder(&args.out)?;
    let computer = Computer { args, table, options, potential: &potential };
    let bar = terminal::bar((candidates.len() + products.len()) as u64, "pw.x");
    let mut version = None;
    let mut compute = |part: &str, index: usize, input: &Input| -> Result<Computed, String> {
        let structure = input.structure.as_ref().map_err(Clone::clone)?;
        let name = format!("{part}-{}-{}", index + 1, plain(&input.id));
        let computed = computer.compute(&program, &name, &input.id, structure, &mut version);
        bar.inc(1);
        computed.map_err(|error| format!("{}: {error:#}", input.place()))
    };
    let products: Vec<Computed> = products
        .iter()
        .enumerate()
        .map(|(index, input)| compute("product", index, input).map_err(anyhow::Error::msg))
        .collect::<Result<_>>()?;
    let rows: Vec<Row<Checked>> = candidates
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let checked = compute("candidate", index, input).and_then(|computed| {
                checked(&computed, &products).map_err(|error| format!("{}: {error:#}", input.place()))
            });
            Row::of(input.id.clone(), checked)
        })
        .collect();
    terminal::finish(&bar);
    let completion = inputs::completion_of_rows(&rows)?;
    let document = Document {
        candidates: rows,
        code: "pw.x",
        version,
        pseudopotentials: computer.table.name.clone(),
        potential: PotentialName::of(&potential),
        device: args.potential.device.to_string(),
    };
    if args.json {
        terminal::print_json(&document)?;
    } else {
        print(&document)?;
    }
    Ok(completion)
}

/// The program, if it can be found: by its path, or by its name in the folders of PATH.
fn found(program: &Path) -> Result<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_name = program.components().count() == 1;
    let found = match is_name {
        true => std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file()),
        false => Some(std::path::absolute(program)?).filter(|path| path.is_file()),
    };
    found.with_context(|| {
        format!(
            "{}: there is no such program; install Quantum ESPRESSO (the package quantum-espresso of Debian), or name its \
             pw.x with --program",
            program.display()
        )
    })
}

/// Refuses where the table lacks an element, or the folder lacks a file.
fn check_files<'a>(table: &PseudopotentialTable, folder: &Path, inputs: impl Iterator<Item = &'a Input>) -> Result<()> {
    let elements: BTreeSet<Species> = inputs
        .filter_map(|input| input.structure.as_ref().ok())
        .flat_map(|structure| Composition::of(structure).iter().map(|(species, _)| species).collect::<Vec<_>>())
        .collect();
    let mut missing = vec![];
    for element in elements {
        let Some(entry) = table.elements.get(&element) else {
            bail!(
                "the table '{}' has no pseudopotential of {element}; add a line for it and name the table with --table",
                table.name
            );
        };
        if !folder.join(&entry.file).is_file() {
            missing.push(entry.file.clone());
        }
    }
    ensure!(
        missing.is_empty(),
        "{}: {} missing there; put the files of the table '{}' into that folder, or name another table with --table",
        folder.display(),
        missing.join(", ") + if missing.len() == 1 { " is" } else { " are" },
        table.name
    );
    Ok(())
}

/// An id as part of a folder's name.
fn plain(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}

impl Computer<'_> {
    fn compute(
        &self,
        program: &Path,
        name: &str,
        id: &str,
        structure: &Structure,
        version: &mut Option<String>,
    ) -> Result<Computed> {
        let n_atoms = structure.n_sites() as f64;
        let by_potential = self.potential.energies(std::slice::from_ref(structure))?.pop().context("an energy")??;
        let input = pw_input(structure, &self.table, &self.options)?;
        let PwResult { energy, version: found } = run_pw(program, &self.args.out.join(name), &input)?;
        *version = found.or(version.take());
        Ok(Computed {
            id: id.to_owned(),
            composition: Composition::of(structure),
            by_dft: energy / n_atoms,
            by_potential: by_potential / n_atoms,
        })
    }
}

/// A candidate against the products that the potential prefers.
fn checked(candidate: &Computed, products: &[Computed]) -> Result<Checked> {
    let elements: BTreeSet<Species> = candidate.composition.iter().map(|(species, _)| species).collect();
    let index = |id: &str| id.parse::<usize>().ok();
    let mut phases = vec![];
    for (place, product) in products.iter().enumerate() {
        phases.push(Arc::new(Phase::new(place.to_string(), &product.composition, product.by_potential)?));
    }
    // The hull needs an end member of each element. One that is not among the products is never cheap.
    for &element in &elements {
        let alone: Composition = [(element, 1)].into_iter().collect();
        phases.push(Arc::new(Phase::new(format!("no {element}"), &alone, ABSENT)?));
    }
    let hull = Hull::new(elements, phases);
    let decomposition = hull.decompose(&Fractions::of(&candidate.composition)?)?;
    let parts = || decomposition.parts.iter().filter(|part| part.fraction > LEAST_SHARE);
    let absent: Vec<&str> =
        parts().filter(|part| index(part.phase.id()).is_none()).map(|part| &part.phase.id()[3..]).collect();
    ensure!(
        absent.is_empty(),
        "the products cannot make {}: there is too little {}; name more products",
        candidate.composition.reduced().formula(),
        absent.join(", ")
    );
    let mut mixture = [0.0, 0.0];
    let mut told = vec![];
    for part in parts() {
        let product = &products[index(part.phase.id()).context("a product")?];
        mixture[0] += part.fraction * product.by_dft;
        mixture[1] += part.fraction * product.by_potential;
        let formula = product.composition.reduced().formula();
        told.push(Part { id: product.id.clone(), formula, fraction: part.fraction });
    }
    Ok(Checked {
        formula: candidate.composition.reduced().formula(),
        dft_energy_per_atom: candidate.by_dft,
        potential_energy_per_atom: candidate.by_potential,
        dft_difference: candidate.by_dft - mixture[0],
        potential_difference: candidate.by_potential - mixture[1],
        products: told,
    })
}

fn print(document: &Document) -> Result<()> {
    let mut table = terminal::table(&[
        "candidate",
        "formula",
        "against",
        "by pw.x, meV/atom",
        "by the potential, meV/atom",
        "apart, meV/atom",
    ]);
    for Row { id, numbers, .. } in &document.candidates {
        let Some(found) = numbers else { continue };
        let parts = found.products.iter().map(|part| format!("{:.3} {} ({})", part.fraction, part.formula, part.id));
        let milli = |energy: f64| format!("{:+.1}", 1e3 * energy);
        table.add_row([
            id.clone(),
            found.formula.clone(),
            parts.collect::<Vec<_>>().join(" + "),
            milli(found.dft_difference),
            milli(found.potential_difference),
            milli(found.potential_difference - found.dft_difference),
        ]);
    }
    terminal::print_table(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computed(formula: &str, by_dft: f64, by_potential: f64) -> Computed {
        let composition = Composition::from_formula(formula).expect("a formula");
        Computed { id: formula.to_owned(), composition, by_dft, by_potential }
    }

    #[test]
    fn the_potential_chooses_the_products_and_both_are_compared() {
        let products = [
            computed("Si", -100.0, -5.0),
            computed("C", -150.0, -9.0),
            // Dearer than silicon and carbon apart.
            computed("SiC2", -120.0, -1.0),
        ];
        let found = checked(&computed("SiC", -125.4, -7.3), &products).expect("a comparison");
        assert!((found.dft_difference + 0.4).abs() < 1e-9 && (found.potential_difference + 0.3).abs() < 1e-9);
        assert_eq!(found.products.len(), 2);
        // No elementary phase is needed where compounds do.
        let compounds = [computed("SiC2", -120.0, -8.0), computed("Si2C", -110.0, -7.0)];
        let found = checked(&computed("SiC", -116.0, -7.6), &compounds).expect("a comparison");
        assert!((found.dft_difference + 1.0).abs() < 1e-6, "{}", found.dft_difference);
        let error = checked(&computed("SiC", 0.0, 0.0), &products[..1]).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("too little C")));
    }
}
