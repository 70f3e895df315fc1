//! `druse phonon`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use crystal_core::Structure;
use druse::output::{writable_folder, write_file};
use nalgebra::Vector3;
use phonon::{Crystal, DensityOfStates, PhononError, Phonons, Settings, compute, plot};
use serde::Serialize;

use super::inputs::{self, Input, ReadArgs, Row};
use super::potentials::{PotentialArgs, PotentialName};
use super::{Completion, terminal, values};

/// Distance between the wave vectors of a band structure, 1/Å.
const BAND_SPACING: f64 = 0.01;
/// Points of a density of states.
const DENSITY_POINTS: usize = 401;

/// Computes phonons by finite displacements: frequencies, and whether the structure is dynamically stable.
///
/// The structure must lie at its minimum: `druse relax` first. Frequencies are in THz, imaginary ones negative. A
/// structure is dynamically stable if no frequency on a mesh lies below −0.1 THz, acoustic modes at Γ aside.
#[derive(Args)]
#[command(
    after_help = "Example:\n  druse phonon relaxed/ --out phonons\n  druse phonon NaCl.cif --qpoint 0,0,0 --qpoint 0.5,0.5,0 --json"
)]
pub(super) struct PhononArgs {
    /// Structures: files, folders or .jsonl
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// Multiples of the primitive cell, such as 2,2,2 [default: at least 8 Å in every direction]
    #[arg(long, value_name = "A,B,C", value_parser = three_counts)]
    supercell: Option<[usize; 3]>,
    /// A wave vector in reduced coordinates of the cell as given, such as 0.5,0,0; may be repeated [default: 0,0,0]
    #[arg(long = "qpoint", value_name = "X,Y,Z", value_parser = three_numbers, allow_hyphen_values = true)]
    qpoints: Vec<[f64; 3]>,
    /// Displacement, Å
    #[arg(long, default_value = "0.01", value_parser = values::positive, allow_negative_numbers = true)]
    displacement: f64,
    /// Tolerance in Å at which the space group is found
    #[arg(long, default_value = "0.01", value_parser = values::tolerance, allow_negative_numbers = true)]
    symprec: f64,
    /// Folder for pictures of bands and density of states (SVG)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    potential: PotentialArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

fn three<T: std::str::FromStr>(text: &str) -> Option<[T; 3]> {
    let numbers = text.split(',').map(|part| part.trim().parse().ok()).collect::<Option<Vec<T>>>()?;
    numbers.try_into().ok()
}

fn three_counts(text: &str) -> Result<[usize; 3], String> {
    three::<usize>(text)
        .filter(|counts| counts.iter().all(|count| (1..=32).contains(count)))
        .ok_or_else(|| format!("'{text}' is not a supercell; give three numbers from 1 to 32, such as 2,2,2"))
}

fn three_numbers(text: &str) -> Result<[f64; 3], String> {
    three::<f64>(text)
        .filter(|numbers| numbers.iter().all(|number| number.is_finite()))
        .ok_or_else(|| format!("'{text}' is not a wave vector; give three numbers, such as 0.5,0,0"))
}

#[derive(Serialize)]
struct Document {
    structures: Vec<Row<Found>>,
    potential: PotentialName,
    device: String,
}

#[derive(Serialize)]
struct Found {
    supercell: [usize; 3],
    n_displacements: usize,
    frequencies_thz: Vec<Frequencies>,
    min_frequency_thz: f64,
    dynamically_stable: bool,
    threshold_thz: f64,
    strictly_stable: bool,
    strict_threshold_thz: f64,
    mesh: [usize; 3],
    residual_force: f64,
}

/// Frequencies at a wave vector in reduced coordinates of the cell as given.
#[derive(Serialize)]
struct Frequencies {
    qpoint: [f64; 3],
    values: Vec<f64>,
}

pub(super) fn run(args: &PhononArgs) -> Result<Completion> {
    let settings = Settings {
        supercell: args.supercell,
        displacement: args.displacement,
        symprec: args.symprec,
        ..Settings::default()
    };
    settings.check()?;
    let inputs = inputs::read(&args.paths, &args.read);
    if inputs.is_empty() {
        bail!("there is no structure; name a file or folder that holds one");
    }
    let pictures = args.out.as_ref().map(|folder| inputs::file_names(&inputs, folder, "svg")).transpose()?;
    let potential = args.potential.open()?;
    if let Some(folder) = &args.out {
        writable_folder(folder)?;
    }
    let bar = terminal::bar(inputs.len() as u64, "phonons");
    let mut structures = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        let picture = pictures.as_ref().map(|files| files[index].as_path());
        let result = match &input.structure {
            Ok(structure) => match one(args, &potential, structure, &settings) {
                Ok(phonons) => found(args, input, picture, &phonons)?.map_err(|error| input.failed(&error)),
                Err(error @ PhononError::Device(_)) => return Err(error.into()),
                Err(error) => Err(input.failed(&error)),
            },
            Err(error) => Err(error.clone()),
        };
        structures.push(Row::of(input.id.clone(), result));
        bar.inc(1);
    }
    terminal::finish(&bar);
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

fn one(
    args: &PhononArgs,
    potential: &dyn potential::Potential,
    structure: &Structure,
    settings: &Settings,
) -> Result<Phonons, PhononError> {
    let crystal = Crystal::from_structure(structure, args.symprec)?;
    compute(potential, vec![crystal], settings)?.pop().expect("one crystal was given")
}

/// The numbers of a crystal, and its picture if one is asked for.
fn found(
    args: &PhononArgs,
    input: &Input,
    picture: Option<&Path>,
    phonons: &Phonons,
) -> Result<Result<Found, PhononError>> {
    for warning in phonons.warnings() {
        terminal::warning(&format!("{}: {warning}", input.place()));
    }
    let modes = match phonons.on_mesh() {
        Ok(modes) => modes,
        Err(error) => return Ok(Err(error)),
    };
    let stability = phonons.stability(&modes);
    if let Some(file) = picture {
        let density = DensityOfStates::new(&modes, DENSITY_POINTS);
        let drawn =
            phonons.band_structure(BAND_SPACING).and_then(|bands| plot::bands_and_density(&input.id, &bands, &density));
        match drawn {
            Ok(svg) => write_file(file, svg)?,
            Err(error) => return Ok(Err(error)),
        }
    }
    let gamma = [[0.0; 3]];
    let qpoints = if args.qpoints.is_empty() { gamma.as_slice() } else { &args.qpoints };
    let at = |qpoint: &[f64; 3]| {
        let own = phonons.crystal().qpoint_of_input(&Vector3::from(*qpoint));
        Frequencies { qpoint: *qpoint, values: phonons.frequencies(&own) }
    };
    Ok(Ok(Found {
        supercell: phonons.supercell().multiples(),
        n_displacements: phonons.displacements().len(),
        frequencies_thz: qpoints.iter().map(at).collect(),
        min_frequency_thz: stability.min_frequency_thz,
        dynamically_stable: stability.dynamically_stable,
        threshold_thz: stability.threshold_thz,
        strictly_stable: stability.strictly_stable,
        strict_threshold_thz: stability.strict_threshold_thz,
        mesh: stability.mesh,
        residual_force: phonons.residual_force(),
    }))
}

fn print(document: &Document) -> Result<()> {
    let mut table = terminal::table(&[
        "id",
        "supercell",
        "displacements",
        "lowest, THz",
        "dynamically stable",
        "residual force, eV/Å",
    ]);
    for Row { id, numbers, .. } in &document.structures {
        if let Some(found) = numbers {
            let [a, b, c] = found.supercell;
            table.add_row([
                id.clone(),
                format!("{a} × {b} × {c}"),
                found.n_displacements.to_string(),
                format!("{:.3}", found.min_frequency_thz),
                terminal::yes_or_no(found.dynamically_stable).to_owned(),
                format!("{:.4}", found.residual_force),
            ]);
        }
    }
    terminal::print_table(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read() {
        assert_eq!(three_counts("2, 2,1"), Ok([2, 2, 1]));
        assert_eq!(three_numbers("0.5,-0.25,0"), Ok([0.5, -0.25, 0.0]));
        for text in ["2,2", "2,2,2,2", "0,1,1", "a,b,c", "99,1,1", ""] {
            assert!(three_counts(text).is_err(), "{text}");
        }
        assert!(three_numbers("nan,0,0").is_err());
    }
}
