//! Files that are whole or absent, and that tell when they were damaged.
//!
//! [`write_atomically`] writes under a temporary name and renames. A [`Format`] adds a header: what kind of file this
//! is, its version, the length and the SHA-256 of what follows. A file that was cut, edited or made by something else
//! is refused before its content is read.
//!
//! ```
//! use sealed_file::Format;
//!
//! const NOTES: Format = Format { name: "notes", version: 1 };
//! let folder = std::env::temp_dir();
//! let path = folder.join("sealed-file-example");
//! NOTES.write(&path, b"quartz")?;
//! assert_eq!(NOTES.read(&path)?, b"quartz");
//! # std::fs::remove_file(&path).ok();
//! # Ok::<(), sealed_file::SealedFileError>(())
//! ```

mod atomic;
mod error;
mod format;

pub use atomic::{parent, write_atomically};
pub use error::SealedFileError;
pub use format::{Format, hexadecimal, sha256_hex};
