//! What can go wrong.

use std::path::PathBuf;

use crystal_core::Species;
use training::{ArchiveError, TrainingError};

/// Errors of graphs, weights and training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CgcnnError {
    /// An element without an atom vector.
    #[error("site {site} is {species}; CGCNN knows elements up to Fm (100) only")]
    UnknownElement {
        /// Index of the site, from 0.
        site: usize,
        /// Its element.
        species: Species,
    },
    /// A cell so thin that its atoms have absurdly many images nearby.
    #[error("more atoms lie within {radius:.1} Å of site {site} than any crystal has; the lattice has collapsed")]
    TooManyNeighbours {
        /// Index of the site, from 0.
        site: usize,
        /// The radius in Å.
        radius: f64,
    },
    /// A configuration that makes no sense.
    #[error(transparent)]
    Config(#[from] crystal_core::ConfigError),
    /// There is nothing to train or to measure on.
    #[error("the {set} set holds {found} structures with a formation energy, {needed} are needed")]
    TooFewStructures {
        /// Which set: 'training', 'validation' or 'test'.
        set: &'static str,
        /// How many it holds.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A loss or an error measure is infinite or no number.
    #[error("the errors of epoch {epoch} are not finite numbers; lower the learning rate and start again")]
    NotFinite {
        /// The epoch, from 1.
        epoch: usize,
    },
    /// The file of weights cannot be read.
    #[error("{}: {source}; name a readable file of CGCNN weights", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is neither a checkpoint of ours nor one of PyTorch's.
    #[error("{}: no CGCNN weights: {reason}; give a .safetensors file of `experiments cgcnn` or a .pth.tar of the published program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What the readers say.
        reason: String,
    },
    /// A PyTorch checkpoint lacks an array of the network, or holds it in another form.
    #[error("{}: array '{name}' {problem}; this is not a CGCNN that predicts one energy", path.display())]
    PublishedArray {
        /// The file.
        path: PathBuf,
        /// Name of the array in the file.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A checkpoint of ours cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] ArchiveError),
    /// A training state belongs to another run, or cannot be read or written.
    #[error(transparent)]
    State(#[from] TrainingError),
}
