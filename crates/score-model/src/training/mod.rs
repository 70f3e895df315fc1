//! Training: noised batches, both losses, Adam, clipping, the moving average of the weights, resumable checkpoints.

mod adam;
mod config;
mod error;
mod exchange;
mod noising;
mod state;
mod trainer;

pub use adam::{Adam, AdamSettings};
pub use config::TrainingConfig;
pub use error::TrainingError;
pub use exchange::Exchange;
pub use noising::{EpochOrder, NoisedBatch, Share, noised_batch};
pub use trainer::{LossPoint, Trainer};
