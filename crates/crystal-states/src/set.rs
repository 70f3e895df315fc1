//! A data set to draw noised batches from.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use crystal_core::{CrystalError, CrystalState, LatticeCoordinates};
use nalgebra::Vector3;
use rayon::prelude::*;

use random_keys::RandomKey;
#[cfg(feature = "cube")]
use tensor_ops::has_kernels;

use crate::StateError;
use crate::checks::check_elements;
#[cfg(feature = "cube")]
use crate::device;
use crate::host::{self, lattice_normals};
use crate::noise::{Draw, LATTICE_ITEM, MAX_LATTICE_DRAWS};
use crate::state_batch::{Place, StateBatch};

/// Smallest volume of a noised conventional cell per non-equivalent site, Å³.
const MIN_VOLUME_PER_SITE: f64 = 1.0;

/// Structures that batches are drawn from. On a GPU they lie there, packed.
#[derive(Debug)]
pub struct StateSet<'a> {
    states: &'a [CrystalState],
    device: Device,
    #[cfg(feature = "cube")]
    packed: Option<device::PackedStates>,
}

/// Structures with noise, and the noise.
#[derive(Debug)]
pub struct NoisedStates {
    /// The noised structures.
    pub states: StateBatch,
    /// ε of the positions, `[N, 3]`, Cartesian: the part along the Wyckoff position that a site is bound to.
    pub position_noise: Tensor<2>,
    /// ε of the free lattice coordinates, `[S, 6]`; 0 where there was none.
    pub lattice_noise: Tensor<2>,
}

impl<'a> StateSet<'a> {
    /// The set on `device`.
    ///
    /// # Errors
    /// [`StateError::EmptyBatch`] without sites, [`StateError::UnknownElement`].
    pub fn new(states: &'a [CrystalState], device: &Device) -> Result<Self, StateError> {
        check_elements(states)?;
        let device = device.clone().without_autodiff();
        #[cfg(feature = "cube")]
        let packed = has_kernels(&device).then(|| device::PackedStates::new(states, &device));
        Ok(Self {
            states,
            #[cfg(feature = "cube")]
            packed,
            device,
        })
    }

    /// The structures.
    pub fn states(&self) -> &'a [CrystalState] {
        self.states
    }

    /// The structures of `draws` with position noise, then with lattice noise; everything random depends on the key, on
    /// `stream` and on a draw's slot alone. A cell of less than 1 Å³ per site is drawn again, up to a thousand times.
    ///
    /// # Errors
    /// [`StateError::Graph`] if a structure's lattice is not a cell.
    pub fn noised(&self, draws: &[Draw], key: RandomKey, stream: u64) -> Result<NoisedStates, StateError> {
        #[cfg(feature = "cube")]
        if let Some(packed) = &self.packed {
            let (states, position_noise, lattice_noise) =
                packed.noised(self.states, draws, key, stream, MIN_VOLUME_PER_SITE, &self.device);
            let states = StateBatch { place: Place::Device(Box::new(states)) };
            return Ok(NoisedStates { states, position_noise, lattice_noise });
        }
        let noised = draws
            .par_iter()
            .map(|draw| noised_state(&self.states[draw.index], draw, key, stream))
            .collect::<Result<Vec<_>, CrystalError>>()
            .map_err(multigraph::GraphError::from)?;
        let mut states = Vec::with_capacity(draws.len());
        let (mut position_noise, mut lattice_noise) = (Vec::new(), Vec::new());
        for (state, positions, lattice) in noised {
            states.push(state);
            position_noise.extend(positions.iter().flat_map(|noise| noise.iter().map(|x| whole::single(*x))));
            lattice_noise.extend(lattice.map(whole::single));
        }
        let tensor = |values: Vec<f32>, width: usize| {
            let shape = [values.len() / width, width];
            Tensor::from_data(TensorData::new(values, shape), &self.device)
        };
        let streams = draws.iter().map(|draw| u64::from(draw.slot)).collect();
        Ok(NoisedStates {
            states: StateBatch { place: Place::Host(host::HostStates::new(states, streams, key, self.device.clone())) },
            position_noise: tensor(position_noise, 3),
            lattice_noise: tensor(lattice_noise, LatticeCoordinates::MAX),
        })
    }
}

type Noised = (CrystalState, Vec<Vector3<f64>>, [f64; LatticeCoordinates::MAX]);

fn noised_state(state: &CrystalState, draw: &Draw, key: RandomKey, stream: u64) -> Result<Noised, CrystalError> {
    let (mut state, slot) = (state.clone(), draw.slot);
    let lattice = state.primitive_lattice()?;
    let noise: Vec<Vector3<f64>> = (0..state.sites.len())
        .map(|site| {
            let [x, y, z, _] = key.normal(stream, slot, whole::compact(site));
            let noise = Vector3::new(x, y, z);
            let free = state.sites[site].free_coordinates(state.space_group);
            // Rounding apart, what is in general position keeps the very numbers.
            if free.n_free() == 3 { noise } else { lattice.to_cartesian(&free.along(&lattice.to_fractional(&noise))) }
        })
        .collect();
    let displacements: Vec<Vector3<f64>> = noise.iter().map(|noise| noise * draw.position_sigma).collect();
    state.displace(&lattice, &displacements);
    let mut lattice_noise = [0.0; LatticeCoordinates::MAX];
    if draw.lattice_sigma > 0.0 {
        let clean = state.lattice_coords.clone();
        for attempt in 0..MAX_LATTICE_DRAWS {
            lattice_noise = lattice_normals(key, stream, slot, LATTICE_ITEM + 2 * attempt);
            lattice_noise[clean.len()..].fill(0.0);
            state.lattice_coords = clean.iter().zip(&lattice_noise).map(|(y, z)| y + draw.lattice_sigma * z).collect();
            let wanted = MIN_VOLUME_PER_SITE * state.sites.len() as f64;
            if state.conventional_lattice().is_ok_and(|lattice| lattice.volume() >= wanted) {
                break;
            }
        }
    }
    Ok((state, noise, lattice_noise))
}
