//! Training: noised batches, both losses, Adam, clipping, the moving average of the weights, resumable checkpoints.

mod adam;
mod config;
mod error;
mod noising;
mod state;
mod trainer;

pub use adam::{Adam, AdamSettings};
pub use config::TrainingConfig;
pub use error::TrainingError;
pub use noising::{EpochOrder, NoisedBatch, noised_batch};
pub use trainer::{LossPoint, Trainer};
