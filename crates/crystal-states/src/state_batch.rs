//! Structures on their way: their graphs, Langevin steps and training noise, on the device that the network runs on.
//!
//! On a GPU the states lie there as tensors and only the number of edges comes back to the host; on a processor they
//! are [`CrystalState`]s and `multigraph` builds the graphs. Both draw the same random numbers.

use burn::Tensor;
use burn::tensor::Device;
use crystal_core::CrystalState;
use multigraph::GraphConfig;
use random_keys::RandomKey;
#[cfg(feature = "cube")]
use tensor_ops::has_kernels;

use crate::checks::{check_elements, check_levels};
#[cfg(feature = "cube")]
use crate::device;
use crate::{BasisConfig, GraphBatch, LangevinStep, StateError, host};

/// Several structures that are moved together.
///
/// A structure whose cell or coordinates are no crystal any more stays as it is, has no edges and gets 0 from every
/// estimate: it cannot spoil the others.
#[derive(Debug)]
pub struct StateBatch {
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) enum Place {
    Host(host::HostStates),
    #[cfg(feature = "cube")]
    Device(Box<device::DeviceStates>),
}

/// Bytes of memory of a device that moves its states with its own kernels, if its runtime tells; `None` for a
/// processor.
pub fn device_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "cube")]
    if has_kernels(device) {
        return device::memory(&device.clone().without_autodiff());
    }
    let _ = device;
    None
}

impl StateBatch {
    /// The states on `device`. `streams` tells the random numbers of the structures apart, one per structure; with the
    /// same stream a structure gets the same numbers in every batch.
    ///
    /// # Errors
    /// [`StateError::EmptyBatch`] without sites, [`StateError::UnknownElement`], [`StateError::StreamCount`].
    pub fn new(states: &[CrystalState], streams: &[u64], key: RandomKey, device: &Device) -> Result<Self, StateError> {
        if streams.len() != states.len() {
            return Err(StateError::StreamCount { streams: streams.len(), structures: states.len() });
        }
        check_elements(states)?;
        #[cfg(feature = "cube")]
        if has_kernels(device) {
            let states = device::DeviceStates::new(states, streams, key, &device.clone().without_autodiff());
            return Ok(Self { place: Place::Device(Box::new(states)) });
        }
        let states = host::HostStates::new(states.to_vec(), streams.to_vec(), key, device.clone());
        Ok(Self { place: Place::Host(states) })
    }

    /// The graphs as the network reads them, with a noise level for each structure.
    ///
    /// # Errors
    /// [`StateError`] if the levels do not fit the structures or the basis, or the configuration of the graph makes no
    /// sense.
    pub fn graph_batch(
        &mut self,
        levels: &[usize],
        basis: &BasisConfig,
        graph: &GraphConfig,
    ) -> Result<GraphBatch, StateError> {
        basis.check()?;
        check_levels(levels, self.n_structures(), basis)?;
        match &mut self.place {
            Place::Host(states) => states.graph_batch(levels, basis, graph),
            #[cfg(feature = "cube")]
            Place::Device(states) => {
                graph.check()?;
                Ok(states.graph_batch(levels, basis, graph))
            }
        }
    }

    /// Number of structures.
    pub fn n_structures(&self) -> usize {
        match &self.place {
            Place::Host(states) => states.n_structures(),
            #[cfg(feature = "cube")]
            Place::Device(states) => states.n_structures(),
        }
    }

    /// Number of sites of all structures.
    pub fn n_sites(&self) -> usize {
        match &self.place {
            Place::Host(states) => states.n_sites(),
            #[cfg(feature = "cube")]
            Place::Device(states) => states.n_sites(),
        }
    }

    /// Moves the sites. `estimate` `[at least N, 3]` is that of the batch made last; rows beyond the sites are not
    /// read.
    pub fn step_positions(&mut self, estimate: Tensor<2>, step: LangevinStep) {
        match &mut self.place {
            Place::Host(states) => states.step_positions(estimate, step),
            #[cfg(feature = "cube")]
            Place::Device(states) => states.step_positions(estimate, step),
        }
    }

    /// Moves the lattices; fractional coordinates ride along. `estimate` `[S, 6]`.
    pub fn step_lattices(&mut self, estimate: Tensor<2>, step: LangevinStep) {
        match &mut self.place {
            Place::Host(states) => states.step_lattices(estimate, step),
            #[cfg(feature = "cube")]
            Place::Device(states) => states.step_lattices(estimate, step),
        }
    }

    /// The states on the host; for those that can go no further, why.
    pub fn into_states(self) -> Vec<Result<CrystalState, String>> {
        match self.place {
            Place::Host(states) => states.into_states(),
            #[cfg(feature = "cube")]
            Place::Device(states) => states.into_states(),
        }
    }
}
