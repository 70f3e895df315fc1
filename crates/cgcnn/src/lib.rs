//! The crystal graph convolutional network of Xie and Grossman (Phys. Rev. Lett. 120, 145301, 2018): formation energies
//! of crystals, and the features behind the Fréchet distance 'FD CGCNN'.
//!
//! A [`CrystalGraph`] joins every atom to its 12 nearest neighbours within 8 Å. [`Cgcnn`] turns it into 32 features and
//! an energy; [`features_of`] does so for many structures. [`Weights`] reads our own checkpoints and the files of the
//! published PyTorch program. [`train`] fits a network to formation energies.
//!
//! # Architecture Invariant
//! The published weights are read from a file that the user names; they are never part of this repository.

mod batch;
mod batch_norm;
mod error;
mod features;
mod graph;
mod network;
mod published;
mod training;
mod weights;

pub use batch::GraphBatch;
pub use error::CgcnnError;
pub use features::{CrystalFeatures, features_of};
pub use graph::{CUTOFF, CrystalGraph, N_NEIGHBOURS, graphs_of};
pub use network::{Cgcnn, CgcnnConfig, CgcnnOutput, Normaliser};
pub use training::{EpochPoint, LabelledGraphs, Trained, TrainingConfig, mean_absolute_error, train};
pub use weights::{PUBLISHED_SHA256, WeightFormat, Weights};
