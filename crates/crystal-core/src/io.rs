//! Reading and writing structures: CIF, POSCAR, extended XYZ, pymatgen's JSON, and one structure per line of JSON.
//!
//! # What is read
//! - **CIF**: every data block that has sites, through the grammar of `crystal-cif-fmt`.
//!   - *Symmetry.* A list of operations goes before a Hall symbol (read by its grammar), that before a Hermann–Mauguin
//!     symbol, that before the number (the standard setting, rhombohedral or hexagonal axes as the cell has them). A
//!     list must be a group, a name must be known unless there is a list. Where they name different groups, or leave
//!     one of two origins open, the reading is taken that agrees with Z, formula, density and multiplicities; if these
//!     do not tell, the file is refused. Magnetic operations are read without time reversal. P 1 is taken where the
//!     file says so, or says nothing on symmetry at all.
//!   - *Sites.* Images of a site closer than [`ReadOptions::merge_distance`] are one atom, put on the special position.
//!     An element symbol ends at a digit, a charge, a sign, a bracket or the end of its word. Alternatives of a
//!     disordered group are refused. Atoms must agree with `_chemical_formula_sum` if there is one.
//! - **POSCAR** of VASP 5 and 6 (`.vasp`, `.poscar`, or a name that begins with POSCAR or CONTCAR).
//! - **Extended XYZ** with `Lattice` (its rows are the lattice vectors), one or more frames; taken as periodic whatever
//!   `pbc` says.
//! - **JSON**: pymatgen's `Structure`, or a list of them. Oxidation states and other site properties are passed over.
//! - **JSON lines** (`.jsonl`, `.jsonl.zst`): `{"id", "lattice": 3×3 rows in Å, "species": […], "frac_coords": [[x, y,
//!   z], …]}`.
//!
//! Texts may be UTF-8, UTF-16 or UTF-32, with or without a byte order mark. Deuterium and tritium (D, T) are read as
//! hydrogen, with a note. Two sites within 0.01 Å of each other are an error in every format. Partly occupied sites are
//! an error that comes with the [`DisorderedStructure`], from which [`DisorderedStructure::orderings`] makes ordered
//! ones.
//!
//! # What is written
//! Numbers with all their digits. A file comes into being under a temporary name in the same folder and is then
//! renamed, so that a file with its final name is always whole.

mod cif;
mod extended_xyz;
mod files;
mod frames;
mod json_lines;
mod poscar;
mod pymatgen;
mod text;

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

pub use cif::{to_cif, to_cif_symmetric};
pub use files::{write, write_all};
pub use poscar::write as to_poscar;

use crate::{CrystalError, DisorderedStructure, Structure};

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

/// Endings in lower case with the format they represent; the longest first.
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
    /// The format that a file's name represents. The file need not exist.
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

/// How files are read.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Images of one site of a CIF closer than this (Å) are one atom on a special position, whose coordinates were
    /// rounded. No two atoms of a fully occupied site are ever closer than 0.7 Å (hydrogen); 0 … 0.5 makes sense.
    pub merge_distance: f64,
}

impl Default for ReadOptions {
    /// 0.5 Å.
    fn default() -> Self {
        Self { merge_distance: 0.5 }
    }
}

impl ReadOptions {
    /// With another [`Self::merge_distance`], Å.
    pub fn with_merge_distance(self, merge_distance: f64) -> Self {
        Self { merge_distance }
    }
}

/// What a reader did with a file that its user should know of: what it took for granted, what it left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1 (0 where the format has no lines).
    pub line: usize,
    /// What was done.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.text),
            line => write!(f, "{}:{line}: {}", self.path.display(), self.text),
        }
    }
}

/// One structure of a file or folder, or what is wrong with it.
#[derive(Debug)]
pub struct Entry {
    /// The id in the file, else the file's name without its ending (with `#` and the block's name where a CIF holds
    /// several, with `-1`, `-2`, … where another file holds several without ids).
    pub id: String,
    /// The structure.
    pub structure: Result<Structure, CrystalError>,
    /// The structure with its occupancies, where [`Self::structure`] is [`CrystalError::PartialOccupancy`].
    pub disordered: Option<DisorderedStructure>,
    /// What the reader did that its user should know of.
    pub notes: Vec<Note>,
}

/// Reads the one structure of a file. [`read_entry`] tells the reader's notes as well.
///
/// # Errors
/// As [`read_entry`], and those of the structure.
pub fn read(path: &Path) -> Result<Structure, CrystalError> {
    read_entry(path, &ReadOptions::default())?.structure
}

/// Reads the one structure of a file.
///
/// # Errors
/// [`CrystalError::Io`], [`CrystalError::UnknownFormat`]; [`CrystalError::Parse`] if the file holds more than one
/// structure.
pub fn read_entry(path: &Path, options: &ReadOptions) -> Result<Entry, CrystalError> {
    if path.is_dir() {
        let reason = "this is a folder; name one structure file in it".to_owned();
        return Err(CrystalError::NothingToRead { path: path.to_owned(), reason });
    }
    let mut entries = read_file(path, options)?;
    match entries.pop() {
        Some(entry) if entries.is_empty() => Ok(entry),
        _ => {
            let reason = format!(
                "the file holds {} structures where one is wanted; split it with druse convert FILE FOLDER/",
                entries.len() + 1
            );
            Err(CrystalError::Parse { path: path.to_owned(), line: 0, reason })
        }
    }
}

/// Reads all structures of a file, or of the files of a folder (sorted by name, without its subfolders; hidden files
/// and files of unknown formats are passed over). A structure that is bad becomes an entry with its error, and the rest
/// goes on.
///
/// # Errors
/// [`CrystalError::Io`] if the path cannot be opened; [`CrystalError::UnknownFormat`]; [`CrystalError::NothingToRead`]
/// if there is not one structure, good or bad, in it.
pub fn read_all(path: &Path) -> Result<Vec<Entry>, CrystalError> {
    read_all_with(path, &ReadOptions::default())
}

/// As [`read_all`], with options.
///
/// # Errors
/// As [`read_all`].
pub fn read_all_with(path: &Path, options: &ReadOptions) -> Result<Vec<Entry>, CrystalError> {
    if !path.is_dir() {
        return read_file(path, options);
    }
    let mut entries = Vec::new();
    for file in files_of(path)? {
        match read_file(&file, options) {
            Ok(of_file) => entries.extend(of_file),
            Err(error) => {
                entries.push(Entry {
                    id: split_name(&file).0,
                    structure: Err(error),
                    disordered: None,
                    notes: Vec::new(),
                });
            }
        }
    }
    if entries.is_empty() {
        let reason =
            "no structure file in this folder (.cif, POSCAR or .vasp, .xyz, .extxyz, .json, .jsonl); name another one";
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

fn read_file(path: &Path, options: &ReadOptions) -> Result<Vec<Entry>, CrystalError> {
    let io = |source| CrystalError::Io { path: path.to_owned(), source };
    let format = match Format::of_path(path) {
        Ok(format) => format,
        // A name that does not exist at all is the more useful complaint.
        Err(unknown) => return Err(std::fs::metadata(path).map_err(io).err().unwrap_or(unknown)),
    };
    let file = File::open(path).map_err(io)?;
    let entries = if format == Format::JsonLines {
        lines(path, BufReader::new(file)).map_err(io)?
    } else {
        let mut bytes = Vec::new();
        BufReader::new(file).read_to_end(&mut bytes).map_err(io)?;
        read_bytes_with(&bytes, format, path, options)
    };
    if entries.is_empty() {
        let reason = "the file holds no structure; it is empty or cut off".to_owned();
        return Err(CrystalError::NothingToRead { path: path.to_owned(), reason });
    }
    Ok(entries)
}

/// The structures of a file with one per line, compressed if its name says so.
fn lines(path: &Path, reader: impl BufRead) -> std::io::Result<Vec<Entry>> {
    let is_compressed = path.to_string_lossy().to_ascii_lowercase().ends_with(".zst");
    let lines = match is_compressed {
        true => json_lines::read(BufReader::new(frames::decoder(reader)?)),
        false => json_lines::read(reader),
    };
    Ok(entries_of_lines(path, lines))
}

/// Reads the structures of a file that is in memory already. `path` is for ids and messages, and tells by its ending
/// whether lines are compressed.
///
/// A POSCAR gives exactly one entry, a CIF one for each data block with sites (at least one entry), pymatgen's JSON
/// one, or one for each item of a list; extended XYZ and JSON lines give any number.
pub fn read_bytes(bytes: &[u8], format: Format, path: &Path) -> Vec<Entry> {
    read_bytes_with(bytes, format, path, &ReadOptions::default())
}

/// As [`read_bytes`], with options.
pub fn read_bytes_with(bytes: &[u8], format: Format, path: &Path, options: &ReadOptions) -> Vec<Entry> {
    let stem = split_name(path).0;
    if format == Format::JsonLines {
        return lines(path, bytes).unwrap_or_else(|error| {
            entries_of_lines(path, vec![(1, None, text::Read::failed(json_lines::cut_off(1, &error)))])
        });
    }
    let text = match text::decode(bytes) {
        Ok(text) => text,
        Err(fault) => return vec![text::Read::failed(fault).entry(stem, path)],
    };
    match format {
        Format::Cif => {
            let id = |name: Option<String>| name.map_or_else(|| stem.clone(), |name| format!("{stem}#{name}"));
            let blocks = cif::read(&text, options);
            blocks.into_iter().map(|block| block.read.entry(id(block.name), path)).collect()
        }
        Format::Poscar => vec![text::Read::ordered(|notes| poscar::read(&text, notes)).entry(stem, path)],
        Format::PymatgenJson => numbered(path, pymatgen::read(&text).into_iter().map(|read| (None, read))),
        Format::ExtXyz | Format::JsonLines => numbered(path, extended_xyz::read(&text).into_iter()),
    }
}

/// Entries in their order; several without ids are counted.
fn numbered(path: &Path, reads: impl ExactSizeIterator<Item = (Option<String>, text::Read)>) -> Vec<Entry> {
    let stem = split_name(path).0;
    let several = reads.len() > 1;
    let id = |index: usize| if several { format!("{stem}-{}", index + 1) } else { stem.clone() };
    reads.enumerate().map(|(index, (own, read))| read.entry(own.unwrap_or_else(|| id(index)), path)).collect()
}

fn entries_of_lines(path: &Path, lines: Vec<(usize, Option<String>, text::Read)>) -> Vec<Entry> {
    let stem = split_name(path).0;
    let several = lines.len() > 1;
    let id = |line: usize| if several { format!("{stem}-{line}") } else { stem.clone() };
    lines.into_iter().map(|(line, own, read)| read.entry(own.unwrap_or_else(|| id(line)), path)).collect()
}
