//! States on a GPU: neighbour search, multigraph, steps and noise as kernels. One number per graph, that of its edges,
//! comes back to the host.
//!
//! Kernels are told how many rows there are: the length of a buffer may be rounded up.

#![allow(
    clippy::collapsible_if,
    clippy::needless_range_loop,
    clippy::assign_op_pattern,
    reason = "kernels: a condition known at compile time must stand alone, and slices of the device have no iterators"
)]

mod cutoff;
mod edges;
mod geometry;
mod images;
mod launch;
mod ops;
mod search;
mod steps;
mod tables;

use std::sync::{LazyLock, Mutex};

use burn::Tensor;
use burn::backend::Dispatch;
use burn::tensor::{DType, Device, Int, TensorData};
use crystal_core::whole;
use crystal_core::{CrystalState, LatticeCoordinates};
use multigraph::GraphConfig;

use self::ops::{DataTensors, GraphTensors, LayoutTensors, StateOps, StepNumbers};
use self::tables::{GroupTables, Layout};
use random_keys::RandomKey;
use rayon::prelude::*;
use tensor_ops::RowIndex;
use tensor_ops::rows::sorted_rows;

use crate::checks::failure;
use crate::edge_features::edge_features;
use crate::{BasisConfig, Draw, GraphBatch, LangevinStep, N_ELEMENTS};

/// Bytes of memory of a device, if its runtime tells.
pub(super) fn memory(device: &Device) -> Option<u64> {
    <Dispatch as StateOps>::device_memory(Tensor::<1>::zeros([1], device).into_dispatch()).bytes
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), (device, DType::I32))
}

/// Flat: rows of a matrix that is uploaded may be padded, and the kernels count on dense ones.
fn floats(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The lower and the upper half of a number, as kernels take it.
fn halves(stream: u64) -> [u32; 2] {
    let [a, b, c, d, rest @ ..] = stream.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(rest)]
}

fn rows(values: Vec<f32>, width: usize, device: &Device) -> Tensor<2> {
    floats(values, device).reshape([-1, whole::compact_signed(width)])
}

/// The space groups on a device.
#[derive(Clone)]
struct Groups {
    operations: Tensor<1, Int>,
    products: Tensor<1, Int>,
    centrings: Tensor<1>,
    positions: Tensor<1>,
}

static TABLES: LazyLock<GroupTables> = LazyLock::new(GroupTables::new);

impl Groups {
    /// Uploaded once per device.
    fn on(device: &Device) -> Self {
        static UPLOADED: LazyLock<Mutex<Vec<(Device, Groups)>>> = LazyLock::new(Mutex::default);
        let mut uploaded = UPLOADED.lock().expect("no panic happens while the lock is held");
        if let Some((_, groups)) = uploaded.iter().find(|(known, _)| known == device) {
            return groups.clone();
        }
        let groups = Self {
            operations: integers(TABLES.operations.clone(), device),
            products: integers(TABLES.products.clone(), device),
            centrings: floats(TABLES.centrings.clone(), device),
            positions: floats(TABLES.positions.clone(), device),
        };
        uploaded.push((device.clone(), groups.clone()));
        groups
    }
}

/// What of a batch does not change while its structures move.
#[derive(Debug, Clone)]
struct Fixed {
    structures: Tensor<1, Int>,
    site_structure: Tensor<1, Int>,
    site_position: Tensor<1, Int>,
    image_site: Tensor<1, Int>,
    elements: Tensor<1, Int>,
    streams: Tensor<1, Int>,
    free_mask: Tensor<2>,
    /// Sites sorted by element, and where each element begins.
    element_rows: [Tensor<1, Int>; 2],
    /// 0, 1, …, N − 1, and the first site of each structure.
    structure_rows: [Tensor<1, Int>; 2],
    n_pairs: usize,
    device: Device,
}

impl Fixed {
    fn new<'a>(states: impl Iterator<Item = &'a CrystalState> + Clone, streams: &[u64], device: &Device) -> Self {
        let layout = Layout::new(states.clone(), &TABLES);
        let elements: Vec<u32> = states
            .clone()
            .flat_map(|state| &state.sites)
            .map(|site| u32::from(site.species().atomic_number()) - 1)
            .collect();
        let mut free_mask = Vec::with_capacity(streams.len() * LatticeCoordinates::MAX);
        let mut first_sites = vec![0];
        for state in states {
            let n_free = state.lattice_coords.len();
            free_mask.extend((0..LatticeCoordinates::MAX).map(|k| if k < n_free { 1.0 } else { 0.0 }));
            first_sites.push(first_sites[first_sites.len() - 1] + whole::compact_signed(state.sites.len()));
        }
        let words = streams.iter().flat_map(|&stream| halves(stream).map(u32::cast_signed)).collect();
        let (element_offsets, element_order) = sorted_rows(&elements, N_ELEMENTS);
        let n_sites = whole::compact_signed(elements.len());
        let upload = |values: Vec<i32>| integers(values, device);
        Self {
            structures: upload(layout.structures),
            site_structure: upload(layout.site_structure),
            site_position: upload(layout.site_position),
            image_site: upload(layout.image_site),
            elements: upload(elements.into_iter().map(|element| element as i32).collect()),
            streams: upload(words),
            free_mask: rows(free_mask, LatticeCoordinates::MAX, device),
            element_rows: [upload(element_offsets), upload(element_order)],
            structure_rows: [upload(first_sites), upload((0..n_sites).collect())],
            n_pairs: layout.n_pairs,
            device: device.clone(),
        }
    }

    fn tensors(&self) -> LayoutTensors<Dispatch> {
        let groups = Groups::on(&self.device);
        LayoutTensors {
            structures: self.structures.clone().into_dispatch(),
            site_structure: self.site_structure.clone().into_dispatch(),
            site_position: self.site_position.clone().into_dispatch(),
            image_site: self.image_site.clone().into_dispatch(),
            elements: self.elements.clone().into_dispatch(),
            positions: groups.positions.into_dispatch(),
            operations: groups.operations.into_dispatch(),
            products: groups.products.into_dispatch(),
            centrings: groups.centrings.into_dispatch(),
            streams: self.streams.clone().into_dispatch(),
        }
    }
}

/// The device's side of [`StateBatch`].
#[derive(Debug)]
pub(super) struct DeviceStates {
    /// The states as they were: groups and elements of the sites.
    templates: Vec<CrystalState>,
    site_structures: Vec<u32>,
    fixed: Fixed,
    key: RandomKey,
    lattice_coords: Tensor<2>,
    frac_coords: Tensor<2>,
    status: Tensor<1, Int>,
    geometry: Option<Tensor<2>>,
    levels: Option<Levels>,
}

/// The levels last asked for, on the device.
#[derive(Debug)]
struct Levels {
    levels: Vec<usize>,
    structure_levels: Tensor<1, Int>,
    /// Where each level begins, and the sites sorted by level.
    rows: [Tensor<1, Int>; 2],
}

impl DeviceStates {
    pub(super) fn new(states: &[CrystalState], streams: &[u64], key: RandomKey, device: &Device) -> Self {
        let fixed = Fixed::new(states.iter(), streams, device);
        let (lattice_coords, frac_coords) = pack(states);
        let lattice_coords = rows(lattice_coords, LatticeCoordinates::MAX, device);
        let frac_coords = rows(frac_coords, 3, device);
        Self::from_parts(states.to_vec(), fixed, key, lattice_coords, frac_coords)
    }

    fn from_parts(
        templates: Vec<CrystalState>,
        fixed: Fixed,
        key: RandomKey,
        lattice_coords: Tensor<2>,
        frac_coords: Tensor<2>,
    ) -> Self {
        let sites = templates.iter().enumerate();
        let site_structures =
            sites.flat_map(|(s, state)| std::iter::repeat_n(whole::compact(s), state.sites.len())).collect();
        let status = integers(vec![0; templates.len()], &fixed.device);
        Self {
            templates,
            site_structures,
            fixed,
            key,
            lattice_coords,
            frac_coords,
            status,
            geometry: None,
            levels: None,
        }
    }

    pub(super) fn n_structures(&self) -> usize {
        self.templates.len()
    }

    pub(super) fn n_sites(&self) -> usize {
        self.site_structures.len()
    }

    fn set_levels(&mut self, levels: &[usize], n_levels: usize) {
        if self.levels.as_ref().is_some_and(|known| known.levels == levels) {
            return;
        }
        let by_site: Vec<u32> =
            self.site_structures.iter().map(|&structure| whole::compact(levels[structure as usize])).collect();
        let (offsets, order) = sorted_rows(&by_site, n_levels);
        let upload = |values: Vec<i32>| integers(values, &self.fixed.device);
        self.levels = Some(Levels {
            levels: levels.to_vec(),
            structure_levels: upload(levels.iter().map(|&level| whole::compact_signed(level)).collect()),
            rows: [upload(offsets), upload(order)],
        });
    }

    pub(super) fn graph_batch(&mut self, levels: &[usize], basis: &BasisConfig, config: &GraphConfig) -> GraphBatch {
        self.set_levels(levels, basis.n_levels);
        let levels = self.levels.as_ref().expect("they were set above");
        let graph: GraphTensors<Dispatch> = <Dispatch as StateOps>::state_graph(
            self.lattice_coords.clone().into_dispatch(),
            self.frac_coords.clone().into_dispatch(),
            self.status.clone().into_dispatch(),
            levels.structure_levels.clone().into_dispatch(),
            self.fixed.tensors(),
            self.fixed.n_pairs,
            config.clone(),
        );
        let tensor = |index| Tensor::<1, Int>::from_dispatch(index);
        let order = tensor(graph.order);
        self.status = tensor(graph.status);
        self.geometry = Some(Tensor::from_dispatch(graph.geometry));
        let edge_structure =
            RowIndex { index: tensor(graph.edge_structure), offsets: tensor(graph.edge_offsets), order: order.clone() };
        let features = edge_features(
            Tensor::from_dispatch(graph.edges),
            Tensor::from_dispatch(graph.scalars),
            &edge_structure,
            basis,
        );
        let [element_offsets, element_order] = self.fixed.element_rows.clone();
        let [level_offsets, level_order] = levels.rows.clone();
        let [site_offsets, site_order] = self.fixed.structure_rows.clone();
        GraphBatch {
            n_structures: self.templates.len(),
            elements: RowIndex { index: tensor(graph.elements), offsets: element_offsets, order: element_order },
            levels: RowIndex { index: tensor(graph.levels), offsets: level_offsets, order: level_order },
            source: RowIndex { index: tensor(graph.source), offsets: tensor(graph.source_offsets), order },
            target: RowIndex {
                index: tensor(graph.target),
                offsets: tensor(graph.target_offsets),
                order: tensor(graph.target_order),
            },
            reverse: RowIndex {
                index: tensor(graph.reverse),
                offsets: tensor(graph.reverse_offsets),
                order: tensor(graph.reverse_order),
            },
            edge_structure,
            site_structure: RowIndex { index: tensor(graph.site_structure), offsets: site_offsets, order: site_order },
            envelope: features.envelope,
            radial: features.radial,
            spherical: features.spherical,
            harmonics: features.harmonics,
            directions: features.directions,
            scalars: features.scalars,
            lattice_weights: features.lattice_weights,
            free_mask: self.fixed.free_mask.clone(),
        }
    }

    fn step_numbers(&self, step: LangevinStep) -> StepNumbers {
        StepNumbers {
            key: self.key,
            draw: step.draw,
            drift: whole::single(step.drift),
            noise: whole::single(step.noise),
        }
    }

    pub(super) fn step_positions(&mut self, estimate: Tensor<2>, step: LangevinStep) {
        let geometry = self.geometry.clone().expect("an estimate comes from a graph, which sets the geometry");
        self.frac_coords = Tensor::from_dispatch(<Dispatch as StateOps>::position_step(
            self.frac_coords.clone().into_dispatch(),
            estimate.into_dispatch(),
            geometry.into_dispatch(),
            self.status.clone().into_dispatch(),
            self.fixed.tensors(),
            self.step_numbers(step),
        ));
    }

    pub(super) fn step_lattices(&mut self, estimate: Tensor<2>, step: LangevinStep) {
        self.lattice_coords = Tensor::from_dispatch(<Dispatch as StateOps>::lattice_step(
            self.lattice_coords.clone().into_dispatch(),
            estimate.into_dispatch(),
            self.status.clone().into_dispatch(),
            self.fixed.tensors(),
            self.step_numbers(step),
        ));
    }

    pub(super) fn into_states(self) -> Vec<Result<CrystalState, String>> {
        let lattice_coords: Vec<f32> = self.lattice_coords.into_data().iter::<f32>().collect();
        let frac_coords: Vec<f32> = self.frac_coords.into_data().iter::<f32>().collect();
        let status: Vec<i32> = self.status.into_data().iter::<i32>().collect();
        let (sites, _) = frac_coords.as_chunks::<3>();
        let (lattices, _) = lattice_coords.as_chunks::<{ LatticeCoordinates::MAX }>();
        let first_site = |n_sites: &mut usize, state: &CrystalState| {
            let first = *n_sites;
            *n_sites += state.sites.len();
            Some(first)
        };
        let first_sites: Vec<usize> = self.templates.iter().scan(0, first_site).collect();
        let outcome = |(index, mut state): (usize, CrystalState)| {
            let own = &sites[first_sites[index]..first_sites[index] + state.sites.len()];
            let (y, status) = (&lattices[index], status[index]);
            for (coordinate, y) in state.lattice_coords.iter_mut().zip(y) {
                *coordinate = f64::from(*y);
            }
            for (site, x) in state.sites.iter_mut().zip(own) {
                // What single precision has lost of a Wyckoff position.
                let free = site.free_coordinates(state.space_group);
                site.move_to(free.point(&free.parameters(&x.map(f64::from).into())));
            }
            match failure(&state) {
                Some(reason) => Err(reason),
                None if status != geometry::ALIVE => Err("its neighbours could not be bounded".to_owned()),
                None => Ok(state),
            }
        };
        self.templates.into_par_iter().enumerate().map(outcome).collect()
    }
}

/// Lattice coordinates `[S, 6]` and fractional coordinates `[N, 3]`.
fn pack(states: &[CrystalState]) -> (Vec<f32>, Vec<f32>) {
    let mut lattice_coords = Vec::with_capacity(states.len() * LatticeCoordinates::MAX);
    let mut frac_coords = Vec::new();
    for state in states {
        let y = |k: usize| state.lattice_coords.get(k).map_or(0.0, |y| whole::single(*y));
        lattice_coords.extend((0..LatticeCoordinates::MAX).map(y));
        frac_coords.extend(state.sites.iter().flat_map(|site| <[f64; 3]>::from(site.frac_coords()).map(whole::single)));
    }
    (lattice_coords, frac_coords)
}

/// A data set on a device.
#[derive(Debug)]
pub(super) struct PackedStates {
    lattice_coords: Tensor<1>,
    frac_coords: Tensor<1>,
    /// First site of each structure.
    first_sites: Vec<i32>,
}

impl PackedStates {
    pub(super) fn new(states: &[CrystalState], device: &Device) -> Self {
        let (lattice_coords, frac_coords) = pack(states);
        let first = |at: &mut i32, state: &CrystalState| {
            let first = *at;
            *at += whole::compact_signed(state.sites.len());
            Some(first)
        };
        Self {
            lattice_coords: floats(lattice_coords, device),
            frac_coords: floats(frac_coords, device),
            first_sites: states.iter().scan(0, first).collect(),
        }
    }

    /// The structures of `draws` with noise, ε of their positions `[N, 3]` and of their lattice coordinates `[S, 6]`.
    pub(super) fn noised(
        &self,
        states: &[CrystalState],
        draws: &[Draw],
        key: RandomKey,
        stream: u64,
        least_volume: f64,
        device: &Device,
    ) -> (DeviceStates, Tensor<2>, Tensor<2>) {
        let templates: Vec<CrystalState> = draws.iter().map(|draw| states[draw.index].clone()).collect();
        let slots: Vec<u64> = draws.iter().map(|draw| u64::from(draw.slot)).collect();
        let fixed = Fixed::new(templates.iter(), &slots, device);
        let sigmas = draws
            .iter()
            .flat_map(|draw| [whole::single(draw.position_sigma), whole::single(draw.lattice_sigma)])
            .collect();
        let data = DataTensors {
            lattice_coords: self.lattice_coords.clone().into_dispatch(),
            frac_coords: self.frac_coords.clone().into_dispatch(),
            index: integers(draws.iter().map(|draw| whole::compact_signed(draw.index)).collect(), device)
                .into_dispatch(),
            first_site: integers(draws.iter().map(|draw| self.first_sites[draw.index]).collect(), device)
                .into_dispatch(),
            sigmas: floats(sigmas, device).into_dispatch(),
        };
        let noised =
            <Dispatch as StateOps>::noised_states(data, fixed.tensors(), key, stream, whole::single(least_volume));
        let states = DeviceStates::from_parts(
            templates,
            fixed,
            key,
            Tensor::from_dispatch(noised.lattice_coords),
            Tensor::from_dispatch(noised.frac_coords),
        );
        (states, Tensor::from_dispatch(noised.position_noise), Tensor::from_dispatch(noised.lattice_noise))
    }
}
