//! Batches of crystal states on a device: their graphs and edge features, training noise, Langevin steps.
//!
//! A [`StateBatch`] holds structures where the network runs. On a GPU its states stay there, and neighbour search,
//! multigraph, steps and noise are kernels (`device`); on a processor they are `CrystalState`s, and `multigraph` builds
//! the graphs. [`GraphBatch`] is what a network reads of them.
//!
//! # Architecture Invariant
//! What the kernels make is what `multigraph` makes of the same state, up to the order of the edges; [`compare_graphs`]
//! tells.

mod basis;
mod batch;
mod checks;
mod comparison;
mod descriptors;
#[cfg(feature = "cube")]
mod device;
mod edge_features;
mod error;
mod host;
mod noise;
mod set;
mod state_batch;
pub mod testing;

pub use basis::BasisConfig;
pub use batch::{GraphBatch, N_ELEMENTS, Padding, PreparedBatch};
pub use comparison::{GraphComparison, compare_graphs};
pub use descriptors::{N_DESCRIBED, N_DESCRIPTORS, N_PROPERTIES, element_descriptors};
pub use edge_features::EdgeFeatureOps;
pub use error::StateError;
pub use noise::{Draw, LangevinStep};
pub use set::{NoisedStates, StateSet};
pub use state_batch::{StateBatch, device_memory};
