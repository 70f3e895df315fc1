//! The error of this crate.

use std::path::PathBuf;

/// What can go wrong with a data set and its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The folder is not there, or it is not a folder.
    #[error("{}: no such folder; give --data DIR (or DRUSE_DATA) a folder that holds mp_20/, or run `cargo xtask fetch-data mp-20`", path.display())]
    NoFolder {
        /// The folder asked for.
        path: PathBuf,
    },
    /// The folder lacks the table of a split.
    #[error("{}: neither {split}.csv nor {split}.csv.zst is there; run `cargo xtask fetch-data mp-20` or copy the missing file", path.display())]
    MissingFile {
        /// The folder looked at.
        path: PathBuf,
        /// Name of the split: `train`, `val` or `test`.
        split: &'static str,
    },
    /// The header of a table lacks a column that its format needs.
    #[error("{}:1: column '{column}' is missing (found: {found}); this is not an MP-20 table of a known format: fetch it again", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The columns that are there.
        found: String,
    },
    /// A file that ends too early.
    #[error("{}:{line}: the file is truncated: {reason}; fetch or copy it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The last line that could be read, from 1.
        line: u64,
        /// How that shows.
        reason: String,
    },
    /// A table that is not a CSV.
    #[error("{}:{line}: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A table of prototypes with a mistake.
    #[error("assets/prototypes/{file}: {place}: {reason}")]
    Prototype {
        /// Name of the file.
        file: String,
        /// The prototype, or line and column.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The symmetry tolerance is not a positive number.
    #[error("symprec must be a positive number of Å, not {symprec}")]
    Symprec {
        /// The tolerance given.
        symprec: f64,
    },
    /// The server answered with an error.
    #[error("{url}: the server answered {status}; {cure}")]
    HttpStatus {
        /// The address asked for.
        url: String,
        /// The status code.
        status: u16,
        /// What to do.
        cure: &'static str,
    },
    /// The server could not be reached, or the connection broke.
    #[error("{url}: {reason}; check the network and run the command again: it goes on where it stopped")]
    Download {
        /// The address asked for.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// A downloaded file does not have the expected SHA-256.
    #[error("{}: its SHA-256 is {found}, expected {expected}; {cure}", path.display())]
    HashMismatch {
        /// The file.
        path: PathBuf,
        /// The expected hash, hexadecimal.
        expected: String,
        /// The hash of what is there, hexadecimal.
        found: String,
        /// What to do.
        cure: &'static str,
    },
    /// A file of hashes that cannot be read.
    #[error("{}:{line}: '{text}' is not a line '<64 hexadecimal digits>  NAME'; delete the file and run the command again", path.display())]
    HashFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// The user's cache folder is not known.
    #[error("the user's cache folder is not known (no home folder); set DRUSE_CACHE or give --out DIR")]
    NoCacheFolder,
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl DatasetError {
    /// Names the path in an error of the system.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
