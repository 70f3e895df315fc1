//! `druse convert`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use crystal_core::io::Format;
use crystal_core::{Composition, CrystalError, Structure, io};
use serde::Serialize;

use super::inputs::{self, Row};
use super::{Completion, terminal};

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
}

pub(super) fn run(args: &ConvertArgs) -> Result<Completion> {
    check_format(&args.output)?;
    let inputs = inputs::read(std::slice::from_ref(&args.input));
    let row = |structure: &Structure| {
        Ok::<_, CrystalError>(Converted { formula: Composition::of(structure).formula(), n_sites: structure.n_sites() })
    };
    let structures: Vec<Row<Converted>> = inputs.iter().map(|input| input.map(row)).collect();
    let completion = inputs::completion_of_rows(&structures)?;
    let entries: Vec<(String, Structure)> =
        inputs.into_iter().filter_map(|input| Some((input.id, input.structure.ok()?))).collect();
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
