//! Writing files: whole or not at all.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use sealed_file::{parent, write_atomically};

use super::{Format, extended_xyz, frames, json_lines, poscar, pymatgen, split_name, to_cif};
use crate::{CrystalError, Structure};

/// Writes one structure in the format that the name represents. The folder must exist; an older file of that name is
/// replaced.
///
/// # Errors
/// [`CrystalError::UnknownFormat`], [`CrystalError::Io`]; [`CrystalError::InFile`] for a structure without sites or
/// with a coordinate that is not a number.
pub fn write(path: &Path, structure: &Structure) -> Result<(), CrystalError> {
    write_as(path, structure, &split_name(path).0)
}

fn write_as(path: &Path, structure: &Structure, id: &str) -> Result<(), CrystalError> {
    let format = Format::of_path(path)?;
    check(path, structure)?;
    let text = match format {
        Format::Cif => to_cif(structure, id),
        Format::Poscar => poscar::write(structure),
        Format::ExtXyz => extended_xyz::write(structure, None),
        Format::PymatgenJson => pymatgen::write(structure),
        Format::JsonLines => return write_lines(path, [(id, structure)].into_iter()),
    };
    replace(path, |file| file.write_all(text.as_bytes()))
}

/// Writes many structures: lines of a `.jsonl` or `.jsonl.zst`, frames of an `.xyz` or `.extxyz`, or one CIF each in a
/// folder.
///
/// A folder that does not exist appears only when all files are written; its parent must exist. In a folder that
/// exists, files of the same names are replaced one by one. A file is named by its id; letters that file names cannot
/// hold become `_`.
///
/// # Errors
/// [`CrystalError::Write`] if two ids give one file name or if the name represents a format that holds one structure
/// only; otherwise as [`write()`].
pub fn write_all(path: &Path, entries: &[(String, Structure)]) -> Result<(), CrystalError> {
    let format = if path.is_dir() { None } else { Format::of_path(path).ok() };
    for (_, structure) in entries {
        check(path, structure)?;
    }
    match (format, entries) {
        (None, _) => write_folder(path, entries),
        (Some(Format::JsonLines), _) => {
            write_lines(path, entries.iter().map(|(id, structure)| (id.as_str(), structure)))
        }
        (Some(Format::ExtXyz), _) => replace(path, |file| {
            entries
                .iter()
                .try_for_each(|(id, structure)| file.write_all(extended_xyz::write(structure, Some(id)).as_bytes()))
        }),
        (Some(_), [(id, structure)]) => write_as(path, structure, id),
        (Some(_), _) => {
            let reason = format!(
                "this format holds one structure, not {}; name a folder, a .jsonl or an .extxyz file",
                entries.len()
            );
            Err(CrystalError::Write { path: path.to_owned(), reason })
        }
    }
}

/// Refuses a structure with nothing in it. Atoms at the same place are written: samples are kept as they came.
fn check(path: &Path, structure: &Structure) -> Result<(), CrystalError> {
    let checked = Structure::allowing_overlap(*structure.lattice(), structure.sites().to_vec());
    checked.map(|_| ()).map_err(|source| CrystalError::InFile { path: path.to_owned(), source: Box::new(source) })
}

fn write_lines<'a>(path: &Path, entries: impl Iterator<Item = (&'a str, &'a Structure)>) -> Result<(), CrystalError> {
    let compressed = path.to_string_lossy().to_ascii_lowercase().ends_with(".zst");
    replace(path, |file| {
        if compressed {
            frames::write(file, |encoder| {
                let mut entries = entries;
                entries.try_for_each(|(id, structure)| json_lines::write_line(encoder, id, structure))
            })
        } else {
            let mut entries = entries;
            entries.try_for_each(|(id, structure)| json_lines::write_line(file, id, structure))
        }
    })
}

fn write_folder(folder: &Path, entries: &[(String, Structure)]) -> Result<(), CrystalError> {
    let mut names = HashSet::new();
    let mut files = Vec::new();
    for (id, structure) in entries {
        let name = file_name(id);
        if !names.insert(name.to_ascii_lowercase()) {
            let reason =
                format!("the id '{id}' gives the file name '{name}' a second time; give every structure its own id");
            return Err(CrystalError::Write { path: folder.to_owned(), reason });
        }
        files.push((name, to_cif(structure, id)));
    }
    if folder.is_dir() {
        return files
            .iter()
            .try_for_each(|(name, text)| replace(&folder.join(name), |file| file.write_all(text.as_bytes())));
    }
    let io = |source| CrystalError::Io { path: folder.to_owned(), source };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".partial");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let unfinished = builder.tempdir_in(parent(folder)).map_err(io)?;
    for (name, text) in &files {
        std::fs::write(unfinished.path().join(name), text).map_err(io)?;
    }
    std::fs::rename(unfinished.path(), folder).map_err(io)?;
    // The folder has its final name now: nothing is left to clean up.
    let _ = unfinished.keep();
    Ok(())
}

/// An id as the name of a CIF.
fn file_name(id: &str) -> String {
    let letter = |c: char| {
        if c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '(' | ')' | ',' | '=') { c } else { '_' }
    };
    let name: String = id.chars().take(100).map(letter).collect();
    // A leading dot would hide the file from the reader.
    let name = name.strip_prefix('.').map_or(name.clone(), |rest| format!("_{rest}"));
    format!("{}.cif", if name.is_empty() { "structure" } else { &name })
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<()>,
) -> Result<(), CrystalError> {
    write_atomically(path, write).map_err(|source| CrystalError::Io { path: path.to_owned(), source })
}
