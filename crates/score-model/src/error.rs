//! What can go wrong.

use std::path::PathBuf;

/// Errors of batches and models.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreModelError {
    /// One noise level is needed per structure.
    #[error("{levels} noise levels for {structures} structures: give one per structure")]
    LevelCount {
        /// Levels given.
        levels: usize,
        /// Structures in the batch.
        structures: usize,
    },
    /// A noise level beyond the schedule.
    #[error("structure {structure} has noise level {level}, but the model knows levels 0 to {last}", last = n_levels - 1)]
    LevelOutOfRange {
        /// Index of the structure in the batch.
        structure: usize,
        /// Its level.
        level: usize,
        /// Number of levels of the model.
        n_levels: usize,
    },
    /// An atomic number that is no element.
    #[error("site {site} of the batch has atomic number {atomic_number}: expected 1 to {last}", last = crate::batch::N_ELEMENTS)]
    UnknownElement {
        /// Index of the site in the batch.
        site: usize,
        /// Its atomic number.
        atomic_number: u8,
    },
    /// Each structure needs random numbers of its own.
    #[error("{streams} random streams for {structures} structures: give one per structure")]
    StreamCount {
        /// Streams given.
        streams: usize,
        /// Structures in the batch.
        structures: usize,
    },
    /// A graph could not be built.
    #[error(transparent)]
    Graph(#[from] multigraph::GraphError),
    /// A batch without a single site.
    #[error("the batch has no sites")]
    EmptyBatch,
    /// A configuration that describes no network.
    #[error("model configuration: {field} = {value}, {expected}")]
    Config {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: usize,
        /// What is allowed.
        expected: &'static str,
    },
    /// See [`CheckpointError`].
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Errors of reading and writing checkpoints. Each names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot read checkpoint {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file cannot be written; nothing is left under its name.
    #[error("cannot write checkpoint {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no safetensors file or is cut short.
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
    /// The checkpoint holds another kind of model.
    #[error("{path} holds a model of kind '{found}', expected '{expected}'", path = path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// Kind asked for.
        expected: String,
        /// Kind in the file.
        found: String,
    },
    /// A parameter of the model is not in the checkpoint.
    #[error("{path} is a corrupt or foreign checkpoint: tensor '{name}' is missing (expected shape {expected:?})", path = path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// Name of the parameter.
        name: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// A parameter has another shape than in the checkpoint.
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
