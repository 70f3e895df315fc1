//! The network as a [`Potential`]: batches that fit the device, errors in their own place.

use std::path::Path;

use burn::tensor::{DType, Device, TensorData};
use crystal_core::whole;
use crystal_core::{AsymmetricUnit, Species, Structure};
use crystal_states::device_memory;
use nalgebra::Vector3;
use rayon::prelude::*;
use tensor_ops::{DeviceFailure, catch_device_failure, has_kernels};

use super::batch::Batch;
use super::graph::{Elements, SiteGraph};
use super::network::{Network, numbers_per_site_and_edge};
use super::weights::Weights;
use crate::{Evaluation, Identity, Potential, PotentialError};

/// Bytes that a batch may take on a processor: what its caches and memory serve well.
const PROCESSOR_BYTES: u64 = 128 << 20;
/// Bytes that a batch may take on a device that does not tell its memory.
const DEVICE_BYTES: u64 = 2 << 30;
/// Share of a device's memory that a batch may take; allocators keep what they have freed.
const MEMORY_SHARE: f64 = 0.4;
/// Largest number of edges of a batch: no buffer may be longer than 2 GiB.
const MAX_EDGES: u64 = 2_000_000;

/// Nequix on a device.
#[derive(Debug, Clone)]
pub struct Nequix {
    identity: Identity,
    elements: Vec<Species>,
    atom_energies: Vec<f64>,
    pub(super) network: Network,
    batch_bytes: u64,
    largest_bytes: u64,
}

/// Atoms of a call that fill a processor, and a GPU.
const PROCESSOR_ATOMS: usize = 64;
const DEVICE_ATOMS: usize = 16_384;

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Energy,
    All,
}

type Outcome = Result<Evaluation, PotentialError>;

impl Nequix {
    /// The weights `nequix-oam-1-pft`, which are compiled in, in single precision.
    ///
    /// # Errors
    /// None but those of a damaged program.
    pub fn bundled(device: &Device) -> Result<Self, PotentialError> {
        Ok(Self::new(&Weights::bundled()?, device))
    }

    /// The weights of a file, in single precision.
    ///
    /// # Errors
    /// As [`Weights::load`].
    pub fn load(path: &Path, device: &Device) -> Result<Self, PotentialError> {
        Ok(Self::new(&Weights::load(path)?, device))
    }

    /// Weights on a device, in single precision; the radial networks become tables.
    pub fn new(weights: &Weights, device: &Device) -> Self {
        Self::with_floats(weights, device, DType::F32)
    }

    /// Weights in double precision, every radial network evaluated for each edge: several times slower than
    /// [`Self::new`], exact to rounding. For devices that compute in double precision, which the processor does.
    pub fn double_precision(weights: &Weights, device: &Device) -> Self {
        Self::with_floats(weights, device, DType::F64)
    }

    fn with_floats(weights: &Weights, device: &Device, dtype: DType) -> Self {
        let share = |memory: u64| whole::count_64(memory as f64 * MEMORY_SHARE);
        let (batch_bytes, largest_bytes) = if has_kernels(device) {
            let bytes = device_memory(device).map_or(DEVICE_BYTES, share);
            (bytes, bytes)
        } else {
            (PROCESSOR_BYTES, u64::MAX)
        };
        Self {
            identity: weights.identity.clone(),
            elements: weights.elements.clone(),
            atom_energies: weights.atom_energies.clone(),
            network: Network::new(weights, device, dtype),
            batch_bytes,
            largest_bytes,
        }
    }

    pub(super) fn elements_by_index(&self) -> Elements<'_> {
        Elements { identity: &self.identity, known: &self.elements }
    }

    /// Bytes that a graph takes while it is evaluated.
    fn bytes(&self, graph: &SiteGraph) -> u64 {
        let (per_site, per_edge) = numbers_per_site_and_edge();
        let size = self.network.place().1.size() as u64;
        (graph.images.len() as u64 * per_site as u64 + graph.n_edges() as u64 * per_edge as u64) * size
    }

    /// A structure that does not fit by itself.
    fn check_size(&self, graph: &SiteGraph) -> Result<(), PotentialError> {
        let (bytes, edges) = (self.bytes(graph), graph.n_edges() as u64);
        if bytes <= self.largest_bytes && edges <= MAX_EDGES {
            return Ok(());
        }
        let share = (self.largest_bytes as f64 / bytes as f64).min(MAX_EDGES as f64 / edges.max(1) as f64);
        Err(too_many(graph, share))
    }

    /// Results of graphs that fit the device together.
    fn run(&self, graphs: &[&SiteGraph], wanted: Wanted) -> Result<Vec<Outcome>, PotentialError> {
        let (device, dtype) = self.network.place();
        let compute = || {
            let batch = Batch::new(graphs, device, dtype);
            let (energies, records) = self.network.forward(&batch);
            let by_vectors = (wanted == Wanted::All).then(|| self.network.backward(&batch, records).into_data());
            (numbers(energies.into_data()), by_vectors.map(numbers).unwrap_or_default())
        };
        let found = if has_kernels(device) { catch_device_failure(compute) } else { Ok(compute()) };
        let (energies, by_vectors) = match found {
            Ok(found) => found,
            Err(DeviceFailure::OutOfMemory(_)) if graphs.len() > 1 => {
                let (left, right) = graphs.split_at(graphs.len() / 2);
                let mut outcomes = self.run(left, wanted)?;
                outcomes.extend(self.run(right, wanted)?);
                return Ok(outcomes);
            }
            Err(DeviceFailure::OutOfMemory(_)) => return Ok(vec![Err(too_many(graphs[0], 0.5))]),
            Err(failure) => return Err(PotentialError::Device { reason: failure.to_string() }),
        };
        let (mut site, mut edge) = (0, 0);
        let starts: Vec<(usize, usize)> = graphs
            .iter()
            .map(|graph| {
                let start = (site, edge);
                (site, edge) = (site + graph.n_sites(), edge + graph.n_edges());
                start
            })
            .collect();
        let outcome = |(graph, &(site, edge)): (&&SiteGraph, &(usize, usize))| {
            let energies: Vec<f64> = energies[site..site + graph.n_sites()]
                .iter()
                .zip(&graph.species)
                .map(|(energy, &species)| energy + self.atom_energies[species])
                .collect();
            match wanted {
                Wanted::Energy => {
                    Ok(Evaluation { energy: graph.energy(&energies)?, forces: Vec::new(), stress: Default::default() })
                }
                Wanted::All => {
                    let rows = by_vectors[3 * edge..3 * (edge + graph.n_edges())].chunks_exact(3);
                    let gradients: Vec<Vector3<f64>> = rows.map(Vector3::from_column_slice).collect();
                    graph.evaluation(&energies, &gradients)
                }
            }
        };
        Ok(graphs.par_iter().zip(&starts).map(outcome).collect())
    }

    /// Results in the order of `items`; graphs are made as they are needed.
    fn all<T: Sync>(
        &self,
        items: &[T],
        graph: impl Fn(&T) -> Result<SiteGraph, PotentialError> + Sync,
        wanted: Wanted,
    ) -> Result<Vec<Outcome>, PotentialError> {
        let checked = |item: &T| graph(item).and_then(|graph| self.check_size(&graph).map(|()| graph));
        let graphs: Vec<Result<SiteGraph, PotentialError>> = items.par_iter().map(checked).collect();
        let mut outcomes: Vec<Option<Outcome>> =
            graphs.iter().map(|graph| graph.as_ref().err().map(|error| Err(error.clone()))).collect();
        let mut pending: Vec<(usize, &SiteGraph)> =
            graphs.iter().enumerate().filter_map(|(k, graph)| graph.as_ref().ok().map(|graph| (k, graph))).collect();
        while !pending.is_empty() {
            let (mut bytes, mut edges) = (0, 0);
            let fits = |(_, graph): &&(usize, &SiteGraph)| {
                bytes += self.bytes(graph);
                edges += graph.n_edges() as u64;
                bytes <= self.batch_bytes && edges <= MAX_EDGES
            };
            let n = pending.iter().take_while(fits).count().max(1);
            let rest = pending.split_off(n);
            let batch: Vec<&SiteGraph> = pending.iter().map(|(_, graph)| *graph).collect();
            for ((k, _), outcome) in pending.iter().zip(self.run(&batch, wanted)?) {
                outcomes[*k] = Some(outcome);
            }
            pending = rest;
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.expect("every graph was in a batch")).collect())
    }
}

/// Floats of either precision; `TensorData::iter` takes them one by one.
pub(super) fn numbers(data: TensorData) -> Vec<f64> {
    match data.as_slice::<f32>() {
        Ok(values) => values.par_iter().map(|&value| f64::from(value)).collect(),
        Err(_) => data.iter::<f64>().collect(),
    }
}

/// The refusal of a graph of which a device fits the given share.
fn too_many(graph: &SiteGraph, share: f64) -> PotentialError {
    let fit = whole::count((graph.n_sites() as f64 * share).floor());
    PotentialError::TooManyAtoms { atoms: graph.n_sites(), edges: graph.n_edges(), fit }
}

impl Potential for Nequix {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn elements(&self) -> &[Species] {
        &self.elements
    }

    fn full_call(&self) -> usize {
        if has_kernels(self.network.place().0) { DEVICE_ATOMS } else { PROCESSOR_ATOMS }
    }

    fn energies(&self, structures: &[Structure]) -> Result<Vec<Result<f64, PotentialError>>, PotentialError> {
        let graph = |structure: &Structure| SiteGraph::of_structure(structure, &self.elements_by_index());
        let outcomes = self.all(structures, graph, Wanted::Energy)?;
        Ok(outcomes.into_iter().map(|outcome| outcome.map(|evaluation| evaluation.energy)).collect())
    }

    fn evaluate(&self, structures: &[Structure]) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
        self.all(structures, |structure| SiteGraph::of_structure(structure, &self.elements_by_index()), Wanted::All)
    }

    fn evaluate_symmetric(
        &self,
        units: &[AsymmetricUnit],
    ) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
        self.all(units, |unit| SiteGraph::of_unit(unit, &self.elements_by_index()), Wanted::All)
    }
}
