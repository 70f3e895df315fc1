//! Training on formation energies: mean absolute error, Adam, moving average of the weights, the best epoch on the
//! validation set.

mod config;
mod data;
mod run;

pub use config::TrainingConfig;
pub use data::LabelledGraphs;
pub use run::{EpochPoint, Trained, mean_absolute_error, train};
