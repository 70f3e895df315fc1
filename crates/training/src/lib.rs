//! Training of any network: the optimiser, several devices, archives of weights, a training state that a run goes on
//! from.
//!
//! A crate that holds a model says what its losses are ([`Objective`]); the [`Trainer`] does the rest: Adam, clipping,
//! the moving average of the weights, resumable states, sums over devices. Weights are kept in a [`TensorArchive`].
//!
//! ```
//! use training::TensorArchive;
//!
//! let mut archive = TensorArchive::default();
//! archive.insert_f32("layer.weight", vec![2, 1], vec![0.5, -1.0]);
//! assert_eq!(archive.part("layer").tensors.len(), 1);
//! ```
//!
//! # Architecture Invariant
//! This crate knows no crystal and no model.

mod adam;
mod archive;
mod archive_error;
mod config;
mod epochs;
mod error;
mod exchange;
mod module_archive;
mod objective;
mod state;
mod trainer;

pub use adam::{Adam, AdamSettings};
pub use archive::{ArchiveData, ArchiveTensor, TensorArchive};
pub use archive_error::ArchiveError;
pub use config::OptimiserConfig;
pub use epochs::EpochOrder;
pub use error::TrainingError;
pub use exchange::Exchange;
pub use module_archive::{archive_config, archive_into_module, archive_kind, described_archive, module_to_archive};
pub use objective::{LossSource, Objective, Share, StepLosses};
pub use state::{Identity, TrainingState};
pub use trainer::{LossPoint, Trainer};
