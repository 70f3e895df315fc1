//! Reading and writing structures: CIF, POSCAR, extended XYZ, pymatgen's JSON, and one structure per line of JSON.
//!
//! # What is read
//! - **CIF**: the first data block that has a cell, through the grammar of `crystal-cif-fmt`. Operations come from the file's list; without
//!   one from the Hall symbol, the Hermann–Mauguin symbol or the number (the standard setting where these leave a choice, rhombohedral
//!   or hexagonal axes as the cell has them); without any of these the file is taken as P 1. Images of a site within 0.1 Å of each other
//!   are one atom, put on the special position. Sites must be fully occupied. Atoms must agree with `_chemical_formula_sum` if there is one.
//! - **POSCAR** of VASP 5 and 6 (`.vasp`, `.poscar`, or a name that begins with POSCAR or CONTCAR).
//! - **Extended XYZ** with `Lattice` (its rows are the lattice vectors), one or more frames; taken as periodic whatever `pbc` says.
//! - **JSON**: pymatgen's `Structure`. Oxidation states and other site properties are passed over.
//! - **JSON lines** (`.jsonl`, `.jsonl.zst`): `{"id", "lattice": 3×3 rows in Å, "species": […], "frac_coords": [[x, y, z], …]}`.
//!
//! Deuterium and tritium (D, T) are read as hydrogen. Two sites within 0.01 Å of each other are an error in every format.
//!
//! # What is written
//! Numbers with all their digits. A file comes into being under a temporary name in the same folder and is then renamed, so that a file
//! with its final name is always whole.

mod cif;
mod extended_xyz;
mod files;
mod json_lines;
mod poscar;
mod pymatgen;
mod text;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

pub use cif::{to_cif, to_cif_symmetric};
pub use files::{write, write_all};

use crate::{CrystalError, Structure};

/// A file format, told from the file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Crystallographic Information File: `.cif`.
    Cif,
    /// VASP: `.vasp`, `.poscar`, `POSCAR…`, `CONTCAR…`.
    Poscar,
    /// Extended XYZ: `.xyz`, `.extxyz`.
    ExtXyz,
    /// pymatgen's `Structure`: `.json`.
    PymatgenJson,
    /// One structure per line: `.jsonl`, `.jsonl.zst`.
    JsonLines,
}

/// Endings in lower case with the format they stand for; the longest first.
const ENDINGS: [(&str, Format); 8] = [
    (".jsonl.zst", Format::JsonLines),
    (".extxyz", Format::ExtXyz),
    (".poscar", Format::Poscar),
    (".jsonl", Format::JsonLines),
    (".json", Format::PymatgenJson),
    (".vasp", Format::Poscar),
    (".cif", Format::Cif),
    (".xyz", Format::ExtXyz),
];

impl Format {
    /// The format that a file's name stands for. The file need not exist.
    ///
    /// # Errors
    /// [`CrystalError::UnknownFormat`].
    pub fn of_path(path: &Path) -> Result<Self, CrystalError> {
        split_name(path).1.ok_or_else(|| CrystalError::UnknownFormat { path: path.to_owned() })
    }
}

/// The file's name without its ending, and the format.
fn split_name(path: &Path) -> (String, Option<Format>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lower = name.to_ascii_lowercase();
    for (ending, format) in ENDINGS {
        if lower.len() > ending.len() && lower.ends_with(ending) {
            return (name[..name.len() - ending.len()].to_owned(), Some(format));
        }
    }
    let is_vasp = |stem: &str| name == stem || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(['_', '-']));
    let format = (is_vasp("POSCAR") || is_vasp("CONTCAR")).then_some(Format::Poscar);
    (name, format)
}

/// One structure of a file or folder, or what is wrong with it.
#[derive(Debug)]
pub struct Entry {
    /// The id in the file, else the file's name without its ending (with `-1`, `-2`, … where a file holds several without ids).
    pub id: String,
    /// The structure.
    pub structure: Result<Structure, CrystalError>,
}

/// Reads the one structure of a file.
///
/// # Errors
/// [`CrystalError::Io`], [`CrystalError::UnknownFormat`]; [`CrystalError::Parse`] or [`CrystalError::InFile`] if the structure is bad or
/// the file holds more than one.
pub fn read(path: &Path) -> Result<Structure, CrystalError> {
    if path.is_dir() {
        let reason = "this is a folder; name one structure file in it".to_owned();
        return Err(CrystalError::NothingToRead { path: path.to_owned(), reason });
    }
    let mut entries = read_file(path)?;
    match entries.pop() {
        Some(entry) if entries.is_empty() => entry.structure,
        _ => {
            let reason = format!("the file holds {} structures where one is wanted; split it", entries.len() + 1);
            Err(CrystalError::Parse { path: path.to_owned(), line: 0, reason })
        }
    }
}

/// Reads all structures of a file, or of the files of a folder (sorted by name, without its subfolders; hidden files and files of unknown
/// formats are passed over). A structure that is bad becomes an entry with its error, and the rest goes on.
///
/// # Errors
/// [`CrystalError::Io`] if the path cannot be opened; [`CrystalError::UnknownFormat`]; [`CrystalError::NothingToRead`] if there is not one
/// structure, good or bad, in it.
pub fn read_all(path: &Path) -> Result<Vec<Entry>, CrystalError> {
    if !path.is_dir() {
        return read_file(path);
    }
    let mut entries = Vec::new();
    for file in files_of(path)? {
        match read_file(&file) {
            Ok(of_file) => entries.extend(of_file),
            Err(error) => entries.push(Entry { id: split_name(&file).0, structure: Err(error) }),
        }
    }
    if entries.is_empty() {
        let reason = "no structure file in this folder (.cif, POSCAR or .vasp, .xyz, .extxyz, .json, .jsonl); name another one";
        return Err(CrystalError::NothingToRead { path: path.to_owned(), reason: reason.to_owned() });
    }
    Ok(entries)
}

/// The structure files of a folder, sorted by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, CrystalError> {
    let io = |source| CrystalError::Io { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for item in std::fs::read_dir(folder).map_err(io)? {
        let file = item.map_err(io)?.path();
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && Format::of_path(&file).is_ok() && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(path: &Path) -> Result<Vec<Entry>, CrystalError> {
    let io = |source| CrystalError::Io { path: path.to_owned(), source };
    let format = match Format::of_path(path) {
        Ok(format) => format,
        // A name that does not exist at all is the more useful complaint.
        Err(unknown) => return Err(std::fs::metadata(path).map_err(io).err().unwrap_or(unknown)),
    };
    let file = File::open(path).map_err(io)?;
    let entries = if format == Format::JsonLines {
        let reader = BufReader::new(file);
        if path.to_string_lossy().to_ascii_lowercase().ends_with(".zst") {
            let decoder = zstd::Decoder::with_buffer(reader).map_err(io)?;
            entries_of_lines(path, json_lines::read(BufReader::new(decoder)))
        } else {
            entries_of_lines(path, json_lines::read(reader))
        }
    } else {
        let mut bytes = Vec::new();
        BufReader::new(file).read_to_end(&mut bytes).map_err(io)?;
        read_bytes(&bytes, format, path)
    };
    if entries.is_empty() {
        let reason = "the file holds no structure; it is empty or cut off".to_owned();
        return Err(CrystalError::NothingToRead { path: path.to_owned(), reason });
    }
    Ok(entries)
}

/// Reads the structures of a file that is in memory already (not compressed). `path` is for ids and messages only.
///
/// A CIF, a POSCAR and pymatgen's JSON give exactly one entry; extended XYZ and JSON lines give any number.
pub fn read_bytes(bytes: &[u8], format: Format, path: &Path) -> Vec<Entry> {
    let stem = split_name(path).0;
    let single = |structure: Result<Structure, text::Fault>| {
        vec![Entry { id: stem.clone(), structure: structure.map_err(|fault| fault.in_file(path)) }]
    };
    match format {
        Format::Cif => single(cif::read(&text::decode(bytes))),
        Format::Poscar => single(poscar::read(&text::decode(bytes))),
        Format::PymatgenJson => single(pymatgen::read(&text::decode(bytes))),
        Format::JsonLines => entries_of_lines(path, json_lines::read(bytes)),
        Format::ExtXyz => {
            let frames = extended_xyz::read(&text::decode(bytes));
            let several = frames.len() > 1;
            let entry = |(index, (id, structure)): (usize, (Option<String>, Result<Structure, text::Fault>))| Entry {
                id: id.unwrap_or_else(|| if several { format!("{stem}-{}", index + 1) } else { stem.clone() }),
                structure: structure.map_err(|fault| fault.in_file(path)),
            };
            frames.into_iter().enumerate().map(entry).collect()
        }
    }
}

fn entries_of_lines(path: &Path, lines: Vec<(usize, Option<String>, Result<Structure, text::Fault>)>) -> Vec<Entry> {
    let stem = split_name(path).0;
    let several = lines.len() > 1;
    let entry = |(line, id, structure): (usize, Option<String>, Result<Structure, text::Fault>)| Entry {
        id: id.unwrap_or_else(|| if several { format!("{stem}-{line}") } else { stem.clone() }),
        structure: structure.map_err(|fault| fault.in_file(path)),
    };
    lines.into_iter().map(entry).collect()
}
