//! `druse energy`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use crystal_core::Structure;
use potential::{Evaluation, Potential};
use serde::Serialize;

use super::inputs::{self, Input, ReadArgs, Row};
use super::potentials::{self, PotentialArgs, PotentialName};
use super::{Completion, terminal};

/// Computes energies of structures as they are, and with --forces forces and stress, by an interatomic potential.
///
/// Energies are those of the cell as given, in eV; forces in eV/Å, in the order of the sites; stress in eV/Å³, positive
/// under tension.
#[derive(Args)]
#[command(after_help = "Example:\n  druse energy grown/*.cif\n  druse energy structures.jsonl --forces --json")]
pub(super) struct EnergyArgs {
    /// Structures: files, folders or .jsonl
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// Forces and stress beside the energies
    #[arg(long)]
    forces: bool,
    #[command(flatten)]
    potential: PotentialArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    structures: Vec<Row<Energy>>,
    potential: PotentialName,
    device: String,
}

#[derive(Serialize)]
struct Energy {
    energy: f64,
    energy_per_atom: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    forces: Option<Vec<[f64; 3]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stress: Option<[[f64; 3]; 3]>,
    #[serde(skip)]
    largest: Option<(f64, f64)>,
}

impl Energy {
    fn new(structure: &Structure, energy: f64) -> Self {
        let energy_per_atom = energy / structure.n_sites() as f64;
        Self { energy, energy_per_atom, forces: None, stress: None, largest: None }
    }

    fn with_forces(structure: &Structure, evaluation: &Evaluation) -> Self {
        let stress = evaluation.stress;
        Self {
            forces: Some(evaluation.forces.iter().map(|force| (*force).into()).collect()),
            stress: Some(std::array::from_fn(|i| std::array::from_fn(|j| stress[(i, j)]))),
            largest: Some((evaluation.max_force(), evaluation.max_stress_gpa())),
            ..Self::new(structure, evaluation.energy)
        }
    }
}

pub(super) fn run(args: &EnergyArgs) -> Result<Completion> {
    let inputs = inputs::read(&args.paths, &args.read);
    let potential = args.potential.open()?;
    let structures = energies(&potential, &inputs, args.forces)?;
    let completion = inputs::completion_of_rows(&structures)?;
    let document =
        Document { structures, potential: PotentialName::of(&potential), device: args.potential.device.to_string() };
    if args.json {
        terminal::print_json(&document)?;
    } else {
        print(&document)?;
    }
    Ok(completion)
}

/// A row for each input, in order.
fn energies(potential: &impl Potential, inputs: &[Input], forces: bool) -> Result<Vec<Row<Energy>>> {
    let results = potentials::of_each(potential, inputs, |structures| {
        Ok(if forces {
            let evaluations = potential.evaluate(structures)?.into_iter().zip(structures);
            evaluations.map(|(found, of)| found.map(|evaluation| Energy::with_forces(of, &evaluation))).collect()
        } else {
            let energies = potential.energies(structures)?.into_iter().zip(structures);
            energies.map(|(found, of)| found.map(|energy| Energy::new(of, energy))).collect()
        })
    })?;
    Ok(inputs.iter().zip(results).map(|(input, result)| Row::of(input.id.clone(), result)).collect())
}

fn print(document: &Document) -> Result<()> {
    let mut table =
        terminal::table(&["id", "energy, eV", "energy, eV/atom", "largest force, eV/Å", "largest stress, GPa"]);
    for Row { id, numbers, .. } in &document.structures {
        if let Some(found) = numbers {
            let largest = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
            let (force, stress) = found.largest.unzip();
            let energies = [format!("{:.6}", found.energy), format!("{:.6}", found.energy_per_atom)];
            let [energy, per_atom] = energies;
            table.add_row([id.clone(), energy, per_atom, largest(force), largest(stress)]);
        }
    }
    terminal::print_table(&table)
}
