//! Structures on their way: their graphs, Langevin steps and training noise, on the device that the network runs on.
//!
//! On a GPU the states lie there as tensors and only the number of edges comes back to the host; on a processor they are
//! [`CrystalState`]s and `multigraph` builds the graphs. Both draw the same random numbers.

#[cfg(feature = "cube")]
mod device;
mod host;
mod set;

pub use set::{Draw, NoisedStates, StateSet};

use burn::Tensor;
use burn::tensor::Device;
use crystal_core::CrystalState;
use multigraph::GraphConfig;

use crate::basis::BasisConfig;
use crate::random::RandomKey;
use crate::{ScoreBatch, ScoreModelError};

/// Volume of the primitive cell per image, Å³, outside which a structure counts as collapsed or exploded.
pub(crate) const VOLUME_PER_IMAGE: (f64, f64) = (1e-4, 1e4);
/// First item of the random numbers of a lattice in training; positions take one item per site.
pub(crate) const LATTICE_ITEM: u32 = 1 << 31;

/// One step of a Langevin process: `x ← x + drift·ε̂ + noise·z`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LangevinStep {
    /// Factor of the network's estimate: −α/(2σ).
    pub drift: f64,
    /// Factor of the noise: T·√α.
    pub noise: f64,
    /// Which step of the run this is; the random numbers depend on it.
    pub draw: u32,
}

/// Several structures that are moved together.
///
/// A structure whose cell or coordinates are no crystal any more stays as it is, has no edges and gets 0 from every estimate: it cannot spoil the others.
#[derive(Debug)]
pub struct StateBatch {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Host(host::HostStates),
    #[cfg(feature = "cube")]
    Device(Box<device::DeviceStates>),
}

/// Whether states on this device are moved by its own kernels: on every device but the processor.
pub fn has_kernels(device: &Device) -> bool {
    #[cfg(feature = "cpu")]
    if *device == Device::flex() {
        return false;
    }
    let _ = device;
    cfg!(feature = "cube")
}

/// Bytes of memory of a device that moves its states with kernels of its own, if its runtime tells; `None` for a processor.
pub fn device_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "cube")]
    if has_kernels(device) {
        return device::memory(&device.clone().without_autodiff());
    }
    let _ = device;
    None
}

impl StateBatch {
    /// The states on `device`. `streams` tells the random numbers of the structures apart, one per structure; with the same stream a structure gets
    /// the same numbers in every batch.
    ///
    /// # Errors
    /// [`ScoreModelError::EmptyBatch`] without sites, [`ScoreModelError::UnknownElement`], [`ScoreModelError::StreamCount`].
    pub fn new(states: &[CrystalState], streams: &[u64], key: RandomKey, device: &Device) -> Result<Self, ScoreModelError> {
        if streams.len() != states.len() {
            return Err(ScoreModelError::StreamCount { streams: streams.len(), structures: states.len() });
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
    /// [`ScoreModelError`] if the levels do not fit the structures or the basis, or the configuration of the graph makes no sense.
    pub fn score_batch(
        &mut self,
        levels: &[usize],
        basis: &BasisConfig,
        graph: &GraphConfig,
    ) -> Result<ScoreBatch, ScoreModelError> {
        basis.validate()?;
        check_levels(levels, self.n_structures(), basis)?;
        match &mut self.place {
            Place::Host(states) => states.score_batch(levels, basis, graph),
            #[cfg(feature = "cube")]
            Place::Device(states) => {
                graph.check()?;
                Ok(states.score_batch(levels, basis, graph))
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

    /// Moves the sites. `estimate` `[at least N, 3]` is that of the batch made last; rows beyond the sites are not read.
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

fn check_elements(states: &[CrystalState]) -> Result<(), ScoreModelError> {
    let mut sites = states.iter().flat_map(|state| &state.sites).enumerate().peekable();
    if sites.peek().is_none() {
        return Err(ScoreModelError::EmptyBatch);
    }
    let known = 1..=crate::N_ELEMENTS;
    match sites.find(|(_, site)| !known.contains(&usize::from(site.species.atomic_number()))) {
        Some((site, unknown)) => Err(ScoreModelError::UnknownElement { site, atomic_number: unknown.species.atomic_number() }),
        None => Ok(()),
    }
}

pub(crate) fn check_levels(levels: &[usize], n_structures: usize, basis: &BasisConfig) -> Result<(), ScoreModelError> {
    if levels.len() != n_structures {
        return Err(ScoreModelError::LevelCount { levels: levels.len(), structures: n_structures });
    }
    match levels.iter().enumerate().find(|(_, level)| **level >= basis.n_levels) {
        Some((structure, &level)) => Err(ScoreModelError::LevelOutOfRange { structure, level, n_levels: basis.n_levels }),
        None => Ok(()),
    }
}

/// Why a state can go no further, if it cannot.
pub(crate) fn failure(state: &CrystalState) -> Option<String> {
    if state.sites.iter().any(|site| site.frac_coords.iter().any(|x| !x.is_finite())) {
        return Some("a position is no longer a number".to_owned());
    }
    let lattice = match state.primitive_lattice() {
        Ok(lattice) => lattice,
        Err(error) => return Some(error.to_string()),
    };
    let images = (state.sites.len() * state.space_group.primitive_operations().len()) as f64;
    let volume = lattice.volume() / images;
    let (low, high) = VOLUME_PER_IMAGE;
    (!(low..=high).contains(&volume)).then(|| format!("the cell came to {volume:.3e} Å³ per image"))
}
