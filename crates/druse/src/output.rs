//! Files that are whole or absent: written under a temporary name, then renamed.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use crystal_core::io::write_atomically;

/// Writes a file through a temporary name in the same folder.
///
/// # Errors
/// Names the file if it cannot be written; what stood there before is then untouched.
pub fn write_file(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    write_atomically(path, |file| file.write_all(contents.as_ref()))
        .with_context(|| format!("{}: cannot be written; is the disk full or the folder read-only?", path.display()))
}

/// Makes a folder and checks that files can be written into it, before hours of work end in nothing.
///
/// # Errors
/// Names the folder if it cannot be made or written to.
pub fn writable_folder(path: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(path).with_context(|| format!("{}: the folder cannot be made; choose another", path.display()))?;
    tempfile::NamedTempFile::new_in(path)
        .with_context(|| format!("{}: no file can be written into this folder; choose another", path.display()))?;
    Ok(path.to_owned())
}
