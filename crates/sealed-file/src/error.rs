//! What can go wrong.

use std::path::PathBuf;

/// Errors of sealed files. Each names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedFileError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be written; what stood there before is untouched.
    #[error("{}: cannot be written: {source}; is the disk full or the folder read-only?", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is of another kind.
    #[error("{}: not a {expected} file: it does not begin as one", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// The kind asked for.
        expected: &'static str,
    },
    /// The file has another version of the format.
    #[error("{}: version {found} of the {name} format, expected {expected}; make the file again with this release", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The kind of file.
        name: &'static str,
        /// Its version.
        found: u32,
        /// The version this release reads.
        expected: u32,
    },
    /// The file was cut short, or something was appended.
    #[error(
        "{}: {found} bytes of content where its header says {expected}: the file is damaged ({})",
        path.display(), if found < expected { "cut off" } else { "added to" }
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Length in the header.
        expected: u64,
        /// Length found.
        found: u64,
    },
    /// The content is not what was written.
    #[error("{}: its SHA-256 is {found} where its header says {expected}: the file is damaged", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// Hash in the header.
        expected: String,
        /// Hash of the content.
        found: String,
    },
}
