//! `druse convert`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use crystal_core::io::Format;
use crystal_core::{Composition, CrystalError, OrderedSupercell, OrderingOptions, Orderings, Structure, io};
use serde::Serialize;

use super::inputs::{self, Input, ReadArgs, Row};
use super::{Completion, terminal, values};

/// Converts structures between CIF, POSCAR, extended XYZ, pymatgen JSON and JSON lines.
///
/// The format follows from the ending of OUT: .cif, .vasp or POSCAR, .xyz or .extxyz, .json, .jsonl or .jsonl.zst; a
/// name without ending is a folder that gets one CIF for each structure. OUT is overwritten if it exists, but only once
/// the new content is complete: what stands there is always a whole file. Structures of IN that cannot be read are left
/// out and reported.
#[derive(Args)]
#[command(after_help = "Example:\n  druse convert NaCl.cif POSCAR\n  druse convert structures/ all.jsonl.zst")]
pub(super) struct ConvertArgs {
    /// A structure or a set of structures
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write; overwritten if it exists
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Write the N most ordered supercells of each structure with partly occupied sites
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    order: Option<usize>,
    /// Atoms of the largest ordered supercell [default: 64]
    #[arg(long, value_name = "M", requires = "order", value_parser = values::at_least_one, allow_negative_numbers = true)]
    max_atoms: Option<usize>,
    #[command(flatten)]
    read: ReadArgs,
    /// Print one JSON document that lists what was written
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    file: String,
    structures: Vec<Row<Converted>>,
}

#[derive(Serialize)]
struct Converted {
    formula: String,
    n_sites: usize,
    /// Of an ordered supercell.
    #[serde(flatten)]
    ordered: Option<Ordered>,
}

/// What an ordered supercell keeps of its disordered structure.
#[derive(Clone, Copy, Serialize)]
struct Ordered {
    primitive_cells: usize,
    operations_kept: usize,
}

pub(super) fn run(args: &ConvertArgs) -> Result<Completion> {
    check_format(&args.output)?;
    let inputs = inputs::read(std::slice::from_ref(&args.input), &args.read);
    let inputs: Vec<(Input, Option<Ordered>)> = match args.order {
        Some(count) => {
            let options = OrderingOptions::default().with_count(count);
            let options = args.max_atoms.map_or(options, |max_atoms| options.with_max_atoms(max_atoms));
            let spinner = terminal::spinner("ordering");
            let ordered = inputs.into_iter().flat_map(|input| orderings(input, &options)).collect();
            terminal::finish(&spinner);
            ordered
        }
        None => inputs.into_iter().map(|input| (input, None)).collect(),
    };
    let structures: Vec<Row<Converted>> = inputs.iter().map(|(input, ordered)| row(input, *ordered)).collect();
    let completion = inputs::completion_of_rows(&structures)?;
    let entries: Vec<(String, Structure)> =
        inputs.into_iter().filter_map(|(input, _)| Some((input.id, input.structure.ok()?))).collect();
    io::write_all(&args.output, &entries)?;
    let file = args.output.display().to_string();
    if args.json {
        terminal::print_json(&Document { file, structures })?;
    } else {
        let what = match entries.as_slice() {
            [(id, structure)] => format!("{id}, {}", Composition::of(structure).formula()),
            many => format!("{} structures", many.len()),
        };
        terminal::print(&format!("wrote {file} ({what})\n"))?;
    }
    Ok(completion)
}

fn row(input: &Input, ordered: Option<Ordered>) -> Row<Converted> {
    input.map(|structure| {
        let formula = Composition::of(structure).formula();
        Ok::<_, CrystalError>(Converted { formula, n_sites: structure.n_sites(), ordered })
    })
}

/// The ordered supercells of a disordered structure, numbered where several are asked for; any other one as it is.
fn orderings(input: Input, options: &OrderingOptions) -> Vec<(Input, Option<Ordered>)> {
    let Some(disordered) = &input.disordered else { return vec![(input, None)] };
    match disordered.orderings(options) {
        Ok(Orderings { supercells, shortfall }) => {
            if let Some(shortfall) = shortfall {
                let (found, asked) = (supercells.len(), options.count);
                terminal::warning(&format!("{}: {found} of {asked} ordered supercells: {shortfall}", input.place()));
            }
            let id = |index: usize| match options.count {
                1 => input.id.clone(),
                _ => format!("{}-{}", input.id, index + 1),
            };
            let ordered = |(index, found): (usize, OrderedSupercell)| {
                let ordered = Ordered { primitive_cells: found.n_cells, operations_kept: found.n_operations };
                (input.with(id(index), Ok(found.structure)), Some(ordered))
            };
            supercells.into_iter().enumerate().map(ordered).collect()
        }
        Err(error) => {
            let failed = input.failed(&error);
            vec![(input.with(input.id.clone(), Err(failed)), None)]
        }
    }
}

/// A file's ending must name a format; a name without ending, or with a slash at its end, is a folder.
fn check_format(output: &Path) -> Result<(), CrystalError> {
    let slash = output.as_os_str().as_encoded_bytes().ends_with(b"/");
    if output.is_dir() || slash || output.extension().is_none() {
        return Ok(());
    }
    Format::of_path(output).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_endings_are_refused() {
        for name in ["a.cif", "POSCAR", "POSCAR.x", "folder", "folder.d/", "a.jsonl.zst"] {
            let refused = check_format(Path::new(name)).is_err();
            assert_eq!(refused, name == "POSCAR.x", "{name}");
        }
        assert!(check_format(Path::new("a.pdb")).is_err());
    }
}
