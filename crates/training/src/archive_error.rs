//! What can go wrong with an archive.

use std::path::PathBuf;

/// Errors of reading and writing archives. Each names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file cannot be written; nothing is left under its name.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not a safetensors file or is cut short.
    #[error("{path} is a corrupt or foreign checkpoint: {reason}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// The tensors are not the ones that were written.
    #[error("{path} is a corrupt or foreign checkpoint: expected SHA-256 {expected}, found {found}", path = path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// Hash in the file's metadata.
        expected: String,
        /// Hash of the file's tensors.
        found: String,
    },
    /// An entry of the metadata is absent or unreadable: the file was not written by druse.
    #[error("{path} is a corrupt or foreign checkpoint: metadata entry '{key}' {problem}", path = path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The archive holds another kind of model.
    #[error("{path} holds a model of kind '{found}', expected '{expected}'", path = path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// Kind asked for.
        expected: String,
        /// Kind in the file.
        found: String,
    },
    /// A parameter of the model is not in the archive.
    #[error("{path} is a corrupt or foreign checkpoint: tensor '{name}' is missing (expected shape {expected:?})", path = path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// Name of the parameter.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// A parameter has another shape than in the archive.
    #[error("{path} is a corrupt or foreign checkpoint: tensor '{name}' has shape {found:?}, expected {expected:?}", path = path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Name of the parameter.
        name: String,
        /// Shape in the model.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// A tensor has another type of number than asked for.
    #[error("{path} is a corrupt or foreign checkpoint: tensor '{name}' holds {found}, expected {expected}", path = path.display())]
    NumberType {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Type asked for.
        expected: &'static str,
        /// Type in the file.
        found: String,
    },
}
