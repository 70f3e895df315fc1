//! Training: generator and critic in turn.

mod config;
mod data;
mod run;

pub use config::{PenaltyPoints, TrainingConfig};
pub use data::TrainingData;
pub use run::{CurvePoint, Measurement, Trained, train};

#[cfg(test)]
mod tests;
