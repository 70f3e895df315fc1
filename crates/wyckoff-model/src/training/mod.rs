//! Training on the groups and positions of known crystals.

mod config;
mod data;
mod run;

pub use config::TrainingConfig;
pub use data::TrainingData;
pub(crate) use data::orders;
pub use run::{CurvePoint, Losses, Trained, train};
