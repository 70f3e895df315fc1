//! What can go wrong.

use std::path::PathBuf;

/// Errors of this library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DruseError {
    /// A device cannot be used.
    #[error(transparent)]
    Device(#[from] crate::DeviceError),
    /// A file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written; what stood there before is untouched.
    #[error("{}: cannot be written; is the disk full or the folder read-only?", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder cannot be made or written to.
    #[error("{}: {problem}; choose another", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What does not work.
        problem: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A text is not the configuration that was expected.
    #[error("{name}:{line}:{column}: {reason}")]
    Ron {
        /// The file or the name of the text.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A value cannot be written as text.
    #[error("the {what} cannot be written as text: {reason}")]
    Serialise {
        /// What was to be written.
        what: &'static str,
        /// What the serialiser said.
        reason: String,
    },
    /// A configuration that makes no sense.
    #[error("configuration: {0}")]
    Config(#[from] crystal_core::ConfigError),
    /// A file of weights cannot be used.
    #[error(transparent)]
    Model(#[from] score_model::ScoreModelError),
    /// A checkpoint of an architecture that this build does not have.
    #[error("{}: holds a model of kind '{found}'; this build knows {known}", path.display())]
    UnknownKind {
        /// The file.
        path: PathBuf,
        /// The kind in the file.
        found: String,
        /// The kinds that the registry lists.
        known: String,
    },
    /// A checkpoint of the other mode than what is asked for.
    #[error(
        "{path}: the network was trained with {trained}, and what is asked for has {wanted}; give a checkpoint of that mode"
    )]
    Mode {
        /// The checkpoint.
        path: String,
        /// What it was trained for.
        trained: &'static str,
        /// What is asked for.
        wanted: &'static str,
    },
    /// A request that cannot be met.
    #[error("{0}")]
    Request(String),
    /// A search of more combinations than can be tried.
    #[error(
        "{elements} elements with {} to {} sites each in {groups} space groups are more than {most} orders; ask for fewer",
        .sites.start(), .sites.end()
    )]
    TooManyOrders {
        /// Number of elements.
        elements: usize,
        /// Sites of each element.
        sites: std::ops::RangeInclusive<u32>,
        /// Number of space groups.
        groups: usize,
        /// Most orders of one search.
        most: usize,
    },
    /// A line of a file of orders that is not an order.
    #[error("{name}:{line}: {reason}")]
    OrderLine {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it and what to write.
        reason: String,
    },
    /// A line of a journal that its run cannot have written.
    #[error("{}:{line}: not a line of this run ({reason}); delete the line to do its work again", path.display())]
    JournalLine {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Shards that are not those of one run, or a place where they must not lie.
    #[error("{}: {reason}", path.display())]
    Shard {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Positions that cannot be assigned.
    #[error(transparent)]
    Assignment(#[from] wyckoff_assignment::AssignmentError),
    /// The proposer of space groups and positions cannot be used, or cannot propose what is asked for.
    #[error(transparent)]
    Proposer(#[from] wyckoff_model::WyckoffModelError),
    /// A structure that is not a crystal.
    #[error(transparent)]
    Crystal(#[from] crystal_core::CrystalError),
    /// Sampling failed.
    #[error(transparent)]
    Sampling(#[from] langevin::SamplingError),
    /// Training failed.
    #[error(transparent)]
    Training(#[from] ::training::TrainingError),
    /// There is a training in the folder already.
    #[error("{}: there is a training run already; go on with it (--resume) or choose another folder", path.display())]
    TrainingExists {
        /// The training state.
        path: PathBuf,
    },
    /// The data hold nothing to train on.
    #[error("the training split of {data} has no structure that the symmetry finder could reduce")]
    NothingToTrainOn {
        /// The data set.
        data: String,
    },
}
