//! Score networks on the crystal multigraph, their losses, training and checkpoints

pub mod basis;
mod batch;
pub mod checkpoint;
pub mod conformance;
mod descriptors;
mod dimenetpp;
mod error;
mod failure;
mod init;
mod model;
mod noise;
pub mod ops;
mod random;
mod states;
mod training;

pub use basis::BasisConfig;
pub use batch::{N_ELEMENTS, Padding, PreparedBatch, ScoreBatch};
pub use checkpoint::{ArchiveData, ArchiveTensor, TensorArchive, archive_into_module, module_to_archive};
pub use descriptors::{N_DESCRIBED, N_DESCRIPTORS, element_descriptors};
pub use dimenetpp::{DimeNetPlusPlus, DimeNetPlusPlusConfig, ElementInput};
pub use error::{CheckpointError, ScoreModelError};
pub use failure::{DeviceFailure, catch_device_failure};
pub use init::ParameterSource;
pub use model::{ScoreEstimate, ScoreModel, at_sources, at_targets, readout};
pub use noise::NoiseSchedule;
pub use random::{Purpose, RandomKey};
pub use states::{Draw, LangevinStep, NoisedStates, StateBatch, StateSet, device_memory, has_kernels};
pub use training::{
    Adam, AdamSettings, EpochOrder, Exchange, LossPoint, NoisedBatch, Share, Trainer, TrainingConfig, TrainingError, noised_batch,
};
