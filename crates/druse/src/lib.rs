//! Druse: grow crystal structures for a chemical system and a space group.
//!
//! This crate is the facade over the libraries (`crystal-core`, `multigraph`, `score-model`, `langevin`, `cgcnn`, `metrics`, `datasets`) and
//! holds what the `druse` command and the experiments share: devices by name, configurations in RON, training and sampling with a
//! folder, checkpoints, provenance.

pub mod checkpoints;
pub mod config;
pub mod crystal_features;
mod device;
pub mod output;
mod progress;
pub mod provenance;
pub mod sampling;
pub mod training;

pub use device::{DeviceError, DeviceName, Devices};
pub use provenance::Provenance;
