//! Files that are whole or absent: written under a temporary name, then renamed.

use std::io::Write;
use std::path::{Path, PathBuf};

use sealed_file::write_atomically;

use crate::DruseError;

/// Writes a file through a temporary name in the same folder.
///
/// # Errors
/// [`DruseError::Write`]; what stood there before is then untouched.
pub fn write_file(path: &Path, contents: impl AsRef<[u8]>) -> Result<(), DruseError> {
    write_atomically(path, |file| file.write_all(contents.as_ref()))
        .map_err(|source| DruseError::Write { path: path.to_owned(), source })
}

/// Writes a value as indented JSON, with [`write_file`].
///
/// # Errors
/// [`DruseError::Write`], [`DruseError::Serialise`].
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), DruseError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| DruseError::Serialise { what: "JSON document", reason: error.to_string() })?;
    write_file(path, text + "\n")
}

/// Makes a folder and checks that files can be written into it, before hours of work are lost.
///
/// # Errors
/// [`DruseError::Folder`].
pub fn writable_folder(path: &Path) -> Result<PathBuf, DruseError> {
    let failed = |problem| move |source| DruseError::Folder { path: path.to_owned(), problem, source };
    std::fs::create_dir_all(path).map_err(failed("the folder cannot be made"))?;
    tempfile::NamedTempFile::new_in(path).map_err(failed("no file can be written into this folder"))?;
    Ok(path.to_owned())
}
