//! The network as a [`Potential`]: batches that fit the device, errors in their own place.

use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use burn::Tensor;
use burn::tensor::{DType, Device, TensorData};
use crystal_core::{AsymmetricUnit, Species, Structure};
use crystal_states::device_memory;
use nalgebra::Vector3;
use rayon::prelude::*;
use tensor_ops::{DeviceFailure, catch_device_failure, has_kernels};

use super::batch::Batch;
use super::graph::{Elements, SiteGraph};
use super::network::{Network, numbers_per_site_and_edge};
use super::weights::Weights;
use super::work::BatchSize;
use crate::{Evaluation, Identity, Potential, PotentialError};

/// Bytes that a batch may take on a processor: what its caches and memory serve well.
const PROCESSOR_BYTES: u64 = 128 << 20;
/// Bytes that a batch may take on a device that does not tell its memory.
const DEVICE_BYTES: u64 = 2 << 30;
/// Share of a device's memory that a batch may take; allocators keep what they have freed.
const MEMORY_SHARE: f64 = 0.4;
/// Largest number of edges of a batch: no buffer may be longer than 2 GiB.
const MAX_EDGES: u64 = 2_000_000;

/// Edges of a batch where the host makes the next one meanwhile: enough to fill a GPU, and few enough that a call has
/// several.
const EDGES_AT_ONCE: usize = 250_000;
/// Crystals whose graphs are made together.
const GRAPHS_AT_ONCE: usize = 512;

/// Nequix on a device.
#[derive(Debug, Clone)]
pub struct Nequix {
    identity: Identity,
    elements: Vec<Species>,
    atom_energies: Vec<f64>,
    network: Network,
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
        let share = |memory: u64| (memory as f64 * MEMORY_SHARE) as u64;
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

    fn elements_by_index(&self) -> Elements<'_> {
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
        match self.caught(|| self.launch(graphs, wanted).read()) {
            Ok(found) => Ok(self.outcomes(graphs, &found, wanted)),
            Err(DeviceFailure::OutOfMemory(_)) if graphs.len() > 1 => {
                let (left, right) = graphs.split_at(graphs.len() / 2);
                let mut outcomes = self.run(left, wanted)?;
                outcomes.extend(self.run(right, wanted)?);
                Ok(outcomes)
            }
            Err(DeviceFailure::OutOfMemory(_)) => Ok(vec![Err(too_many(graphs[0], 0.5))]),
            Err(failure) => Err(PotentialError::Device { reason: failure.to_string() }),
        }
    }

    fn caught<T>(&self, work: impl FnOnce() -> T) -> Result<T, DeviceFailure> {
        if has_kernels(self.network.place().0) { catch_device_failure(work) } else { Ok(work()) }
    }

    /// Starts an evaluation; a device with a queue of its own works on after the return.
    fn launch(&self, graphs: &[&SiteGraph], wanted: Wanted) -> Launched {
        let (device, dtype) = self.network.place();
        let batch = Batch::new(graphs, device, dtype);
        let (energies, records) = self.network.forward(&batch);
        let by_vectors = (wanted == Wanted::All).then(|| self.network.backward(&batch, records));
        Launched { energies, by_vectors }
    }

    /// What the numbers of a batch say of each of its graphs.
    fn outcomes(&self, graphs: &[&SiteGraph], found: &Found, wanted: Wanted) -> Vec<Outcome> {
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
            let energies: Vec<f64> = found.energies[site..site + graph.n_sites()]
                .iter()
                .zip(&graph.species)
                .map(|(energy, &species)| energy + self.atom_energies[species])
                .collect();
            match wanted {
                Wanted::Energy => {
                    Ok(Evaluation { energy: graph.energy(&energies)?, forces: Vec::new(), stress: Default::default() })
                }
                Wanted::All => {
                    let rows = found.by_vectors[3 * edge..3 * (edge + graph.n_edges())].chunks_exact(3);
                    let gradients: Vec<Vector3<f64>> = rows.map(Vector3::from_column_slice).collect();
                    graph.evaluation(&energies, &gradients)
                }
            }
        };
        graphs.par_iter().zip(&starts).map(outcome).collect()
    }

    /// Results in the order of `items`; graphs are made as they are needed. On a device with kernels the host makes the
    /// graphs of the next batch, and sends them, while the device works on one.
    fn all<T: Sync>(
        &self,
        items: &[T],
        graph: impl Fn(&T) -> Result<SiteGraph, PotentialError> + Sync,
        wanted: Wanted,
    ) -> Result<Vec<Outcome>, PotentialError> {
        let checked = |item: &T| graph(item).and_then(|graph| self.check_size(&graph).map(|()| graph));
        let make = |items: &[T]| items.par_iter().map(checked).collect::<Vec<_>>();
        let mut results =
            Results { of: self, wanted, outcomes: (0..items.len()).map(|_| None).collect(), running: None };
        if has_kernels(self.network.place().0) {
            let (sender, made) = mpsc::sync_channel(1);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let sender = sender;
                    for (nth, items) in items.chunks(GRAPHS_AT_ONCE).enumerate() {
                        // Nobody receives any more after a failure.
                        if sender.send((nth * GRAPHS_AT_ONCE, make(items))).is_err() {
                            return;
                        }
                    }
                });
                let mut waiting = Vec::new();
                for (first, graphs) in made {
                    waiting.extend(results.sound(first, graphs));
                    while waiting.iter().map(|(_, graph)| graph.n_edges()).sum::<usize>() >= EDGES_AT_ONCE {
                        let rest = waiting.split_off(self.fitting(&waiting, EDGES_AT_ONCE));
                        results.start(std::mem::replace(&mut waiting, rest))?;
                    }
                }
                while !waiting.is_empty() {
                    let rest = waiting.split_off(self.fitting(&waiting, EDGES_AT_ONCE));
                    results.start(std::mem::replace(&mut waiting, rest))?;
                }
                results.finish()
            })?;
        } else {
            let mut waiting = results.sound(0, make(items));
            while !waiting.is_empty() {
                let rest = waiting.split_off(self.fitting(&waiting, usize::MAX));
                results.run(&std::mem::replace(&mut waiting, rest))?;
            }
        }
        Ok(results.outcomes.into_iter().map(|outcome| outcome.expect("every graph was in a batch")).collect())
    }

    /// How many of the next graphs fit the device together and have this many edges at most; at least one.
    fn fitting(&self, graphs: &[(usize, SiteGraph)], most_edges: usize) -> usize {
        let (mut bytes, mut edges) = (0, 0);
        let fits = |(_, graph): &&(usize, SiteGraph)| {
            bytes += self.bytes(graph);
            edges += graph.n_edges() as u64;
            bytes <= self.batch_bytes && edges <= MAX_EDGES.min(most_edges as u64)
        };
        graphs.iter().take_while(fits).count().max(1)
    }
}

/// An evaluation that a device works on.
struct Launched {
    energies: Tensor<2>,
    by_vectors: Option<Tensor<2>>,
}

/// Its numbers.
struct Found {
    energies: Vec<f64>,
    by_vectors: Vec<f64>,
}

impl Launched {
    /// Waits for the device.
    fn read(self) -> Found {
        let by_vectors = self.by_vectors.map(Tensor::into_data);
        Found { energies: numbers(self.energies.into_data()), by_vectors: by_vectors.map(numbers).unwrap_or_default() }
    }
}

/// Graphs with their places among all.
type Placed = Vec<(usize, SiteGraph)>;

/// Results as batches end.
struct Results<'a> {
    of: &'a Nequix,
    wanted: Wanted,
    outcomes: Vec<Option<Outcome>>,
    /// The batch that the device works on.
    running: Option<(Placed, Launched)>,
}

impl Results<'_> {
    /// Those graphs that could be made; the errors of the others are results.
    fn sound(&mut self, first: usize, graphs: Vec<Result<SiteGraph, PotentialError>>) -> Placed {
        let mut sound = Vec::with_capacity(graphs.len());
        for (place, graph) in graphs.into_iter().enumerate() {
            match graph {
                Ok(graph) => sound.push((first + place, graph)),
                Err(error) => self.outcomes[first + place] = Some(Err(error)),
            }
        }
        sound
    }

    /// Sends a batch to the device, then waits for the one before it.
    fn start(&mut self, batch: Placed) -> Result<(), PotentialError> {
        let launched = self.of.caught(|| self.of.launch(&graphs_of(&batch), self.wanted));
        self.finish()?;
        match launched {
            Ok(launched) => {
                self.running = Some((batch, launched));
                Ok(())
            }
            // Alone it may fit, or in parts.
            Err(DeviceFailure::OutOfMemory(_)) => self.run(&batch),
            Err(failure) => Err(PotentialError::Device { reason: failure.to_string() }),
        }
    }

    /// Waits for the batch that the device works on.
    fn finish(&mut self) -> Result<(), PotentialError> {
        let Some((batch, launched)) = self.running.take() else { return Ok(()) };
        match self.of.caught(|| launched.read()) {
            Ok(found) => {
                let outcomes = self.of.outcomes(&graphs_of(&batch), &found, self.wanted);
                self.note(&batch, outcomes);
                Ok(())
            }
            Err(DeviceFailure::OutOfMemory(_)) => self.run(&batch),
            Err(failure) => Err(PotentialError::Device { reason: failure.to_string() }),
        }
    }

    /// Evaluates a batch by itself.
    fn run(&mut self, batch: &Placed) -> Result<(), PotentialError> {
        let outcomes = self.of.run(&graphs_of(batch), self.wanted)?;
        self.note(batch, outcomes);
        Ok(())
    }

    fn note(&mut self, batch: &Placed, outcomes: Vec<Outcome>) {
        for ((place, _), outcome) in batch.iter().zip(outcomes) {
            self.outcomes[*place] = Some(outcome);
        }
    }
}

fn graphs_of(batch: &Placed) -> Vec<&SiteGraph> {
    batch.iter().map(|(_, graph)| graph).collect()
}

/// Seconds that the parts of an evaluation took.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartSeconds {
    /// Neighbour search on the host.
    pub graphs: f64,
    /// From the host to the device.
    pub upload: f64,
    /// Energies on the device.
    pub forward: f64,
    /// Gradients on the device.
    pub backward: f64,
    /// Energies and gradients from the device to the host.
    pub download: f64,
}

/// What [`Nequix::seconds_of_parts`] evaluates.
#[derive(Debug, Clone, Copy)]
pub enum Inputs<'a> {
    /// All atoms of each cell.
    Structures(&'a [Structure]),
    /// Non-equivalent sites.
    Units(&'a [AsymmetricUnit]),
}

impl Nequix {
    /// Evaluates crystals as [`Potential::evaluate`] or [`Potential::evaluate_symmetric`] does, all in one batch, waits
    /// for the device after each part, and tells how long each took and how large the batch was. For measurements.
    ///
    /// # Errors
    /// The first error of a crystal; [`PotentialError::Device`].
    pub fn seconds_of_parts(&self, inputs: Inputs<'_>) -> Result<(PartSeconds, BatchSize), PotentialError> {
        let (device, dtype) = self.network.place();
        let wait = || device.sync().map_err(|error| PotentialError::Device { reason: format!("{error:?}") });
        let mut clock = Instant::now();
        let mut lap = || {
            let seconds = clock.elapsed().as_secs_f64();
            clock = Instant::now();
            seconds
        };
        let elements = self.elements_by_index();
        let graphs: Result<Vec<SiteGraph>, PotentialError> = match inputs {
            Inputs::Structures(all) => all.par_iter().map(|one| SiteGraph::of_structure(one, &elements)).collect(),
            Inputs::Units(all) => all.par_iter().map(|one| SiteGraph::of_unit(one, &elements)).collect(),
        };
        let graphs = graphs?;
        let mut seconds = PartSeconds { graphs: lap(), ..PartSeconds::default() };
        let batch = Batch::new(&graphs.iter().collect::<Vec<_>>(), device, dtype);
        wait()?;
        seconds.upload = lap();
        let (energies, records) = self.network.forward(&batch);
        wait()?;
        seconds.forward = lap();
        let by_vectors = self.network.backward(&batch, records);
        wait()?;
        seconds.backward = lap();
        drop((numbers(energies.into_data()), numbers(by_vectors.into_data())));
        seconds.download = lap();
        let sum = |of: fn(&SiteGraph) -> usize| graphs.iter().map(of).sum();
        let size = BatchSize {
            sites: sum(SiteGraph::n_sites),
            images: sum(|graph| graph.images.len()),
            edges: sum(SiteGraph::n_edges),
        };
        Ok((seconds, size))
    }
}

/// Floats of either precision; `TensorData::iter` takes them one by one.
fn numbers(data: TensorData) -> Vec<f64> {
    match data.as_slice::<f32>() {
        Ok(values) => values.par_iter().map(|&value| f64::from(value)).collect(),
        Err(_) => data.iter::<f64>().collect(),
    }
}

/// The refusal of a graph of which a device fits the given share.
fn too_many(graph: &SiteGraph, share: f64) -> PotentialError {
    let fit = (graph.n_sites() as f64 * share).floor() as usize;
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
