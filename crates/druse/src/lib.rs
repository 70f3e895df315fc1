//! Druse: grow crystal structures for a chemical system, a formula or a space group.
//!
//! ```no_run
//! use druse::{DeviceName, Druse, Request};
//!
//! let druse = Druse::bundled(DeviceName::Cpu)?;
//! for grown in druse.sample(&Request::formula("SrTiO3")?.count(10).seed(1))? {
//!     println!("{} in space group {}", grown.formula(), grown.space_group());
//! }
//! # Ok::<(), druse::DruseError>(())
//! ```
//!
//! [`Druse`] holds the networks that come with the library; [`Request`] says what to grow. The libraries underneath are
//! re-exported, and the parts that programs share stand beside: [`Architecture`] is the registry of models,
//! [`checkpoint`] reads and writes trained ones, [`training`] and [`sampling`] work with a folder, [`Provenance`] says
//! what a result was made with. Progress is told through callbacks.

pub mod checkpoint;
pub mod config;
#[cfg(not(target_family = "wasm"))]
pub mod crystal_features;
mod device;
mod error;
mod facade;
pub mod journal;
mod models;
pub mod output;
mod progress;
mod proposers;
#[cfg(not(target_family = "wasm"))]
pub mod provenance;
pub mod request;
pub mod sampling;
pub mod shard;
#[cfg(not(target_family = "wasm"))]
mod structure_types;
#[cfg(not(target_family = "wasm"))]
pub mod training;

pub use checkpoint::Checkpoint;
pub use device::{DeviceCount, DeviceError, DeviceName, Devices};
pub use error::DruseError;
pub use facade::{Druse, Grown};
pub use models::{Architecture, ArchitectureVisitor};
pub use progress::Progress;
pub use proposers::Proposing;
#[cfg(not(target_family = "wasm"))]
pub use provenance::Provenance;
pub use request::Request;
pub use shard::Shard;
#[cfg(not(target_family = "wasm"))]
pub use structure_types::types_with_positions_of;

pub use {crystal_core, langevin, metrics, score_model, wyckoff_assignment, wyckoff_model};
