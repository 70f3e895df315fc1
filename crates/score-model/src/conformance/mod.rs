//! What every [`ScoreModel`] must obey, as checks that any crate's tests can call.
//!
//! The checks work on the graph, where the symmetries are exact: the frames of the stored sites are independent, so another representative of an orbit is
//! a rotation of one site's edge vectors; a lattice translation of a site and another origin leave the graph as it is, up to the order of the edges.

mod graphs;

pub use graphs::{GraphComparison, compare_graphs};

use burn::tensor::{Device, DeviceType};
use multigraph::BatchedMultiGraph;
use nalgebra::{Rotation3, Unit, Vector3};
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::ScoreModelError;
use crate::batch::ScoreBatch;
use crate::model::ScoreModel;

/// Largest deviation allowed, relative to the largest component of the estimate.
pub const TOLERANCE: f32 = 2e-5;

/// One device of each backend that is compiled in and has one on this machine.
///
/// # Panics
/// If `DRUSE_REQUIRE_GPU` is set and a backend has none.
pub fn available_devices() -> Vec<Device> {
    let cpu = Vec::<Device>::from([
        #[cfg(feature = "cpu")]
        Device::flex(),
    ]);
    cpu.into_iter().chain(gpu_devices()).collect()
}

/// [`available_devices`] without the processor.
///
/// # Panics
/// As [`available_devices`].
pub fn gpu_devices() -> Vec<Device> {
    let backends = Vec::<(&str, DeviceType)>::from([
        #[cfg(feature = "wgpu")]
        ("wgpu", DeviceType::Wgpu),
        #[cfg(feature = "cuda")]
        ("cuda", DeviceType::Cuda),
    ]);
    let first = |(name, backend): (&str, DeviceType)| {
        let device = Device::enumerate(backend).into_vec().into_iter().next();
        let required = std::env::var_os("DRUSE_REQUIRE_GPU").is_some_and(|value| !value.is_empty());
        assert!(device.is_some() || !required, "DRUSE_REQUIRE_GPU is set and there is no {name} device");
        device
    };
    backends.into_iter().filter_map(first).collect()
}

/// A property that a model lacks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{property}: an estimate is off by {deviation} where the largest is {scale}")]
pub struct Violation {
    /// The property.
    pub property: &'static str,
    /// Largest deviation; NaN if an estimate is no number.
    pub deviation: f32,
    /// Largest component of the estimate.
    pub scale: f32,
}

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// A property does not hold.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The model's basis is no basis.
    #[error(transparent)]
    Batch(#[from] ScoreModelError),
}

/// Estimates on the host.
struct Estimate {
    position: Vec<[f32; 3]>,
    lattice: Vec<f32>,
}

fn estimate<M: ScoreModel>(
    model: &M,
    graph: &BatchedMultiGraph,
    levels: &[usize],
    device: &Device,
) -> Result<Estimate, ScoreModelError> {
    let output = model.forward(&ScoreBatch::new(graph, levels, &model.basis(), device)?);
    let position: Vec<f32> = output.position.into_data().iter::<f32>().collect();
    let (rows, _) = position.as_chunks::<3>();
    let rows = &rows[..graph.n_sites()];
    Ok(Estimate { position: rows.to_vec(), lattice: output.lattice.into_data().iter::<f32>().collect() })
}

fn compare(property: &'static str, expected: &Estimate, found: &Estimate) -> Result<(), Violation> {
    let all =
        |estimate: &Estimate| -> Vec<f32> { estimate.position.iter().flatten().chain(&estimate.lattice).copied().collect() };
    let (expected, found) = (all(expected), all(found));
    let scale = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let deviations = expected.iter().zip(&found).map(|(a, b)| (a - b).abs());
    let deviation = deviations.fold(0.0_f32, |largest, d| if d.is_nan() { d } else { largest.max(d) });
    // A NaN deviation is not within the tolerance; `max` would swallow it later, so it is looked for explicitly.
    let broken = expected.iter().chain(&found).any(|value| !value.is_finite());
    if broken || expected.len() != found.len() || deviation > TOLERANCE * scale {
        return Err(Violation { property, deviation: if broken { f32::NAN } else { deviation }, scale });
    }
    Ok(())
}

/// Checks permutation of sites, order of edges, rotation of the frame, choice of representative, batching, and structures without edges.
///
/// # Errors
/// [`ConformanceError`] for the first property that does not hold.
pub fn check<M: ScoreModel>(model: &M, device: &Device) -> Result<(), ConformanceError> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let sizes = [(3, 30), (1, 12), (5, 60)];
    let parts: Vec<BatchedMultiGraph> = sizes.iter().map(|&(sites, pairs)| random_graph(sites, pairs, &mut rng)).collect();
    let n_levels = model.basis().n_levels;
    let levels: Vec<usize> = (0..parts.len()).map(|s| s * (n_levels - 1) / (parts.len() - 1)).collect();
    let graph = join(&parts);
    let original = estimate(model, &graph, &levels, device)?;

    let again = estimate(model, &graph, &levels, device)?;
    compare("the same input twice", &original, &again)?;

    let (reordered, sites) = reorder(&graph, &mut rng);
    let found = estimate(model, &reordered, &levels, device)?;
    let expected =
        Estimate { position: sites.iter().map(|&site| original.position[site]).collect(), lattice: original.lattice.clone() };
    compare("permutation of sites and of edges", &expected, &found)?;

    let rotation = random_rotation(&mut rng);
    let rotations = vec![rotation; graph.n_sites()];
    rotated_frames("rotation of the crystal", model, &graph, &levels, &original, &rotations, device)?;
    let rotations: Vec<Rotation3<f32>> = (0..graph.n_sites()).map(|_| random_rotation(&mut rng)).collect();
    rotated_frames("choice of representative", model, &graph, &levels, &original, &rotations, device)?;

    let mut alone = Estimate { position: Vec::new(), lattice: Vec::new() };
    for (part, &level) in parts.iter().zip(&levels) {
        let one = estimate(model, part, &[level], device)?;
        alone.position.extend(one.position);
        alone.lattice.extend(one.lattice);
    }
    compare("alone or in a batch", &original, &alone)?;

    empty_structures(model, &parts, &levels, &original, device)
}

fn rotated_frames<M: ScoreModel>(
    property: &'static str,
    model: &M,
    graph: &BatchedMultiGraph,
    levels: &[usize],
    original: &Estimate,
    rotations: &[Rotation3<f32>],
    device: &Device,
) -> Result<(), ConformanceError> {
    let mut turned = graph.clone();
    for (site, range) in graph.offsets.windows(2).enumerate() {
        for direction in &mut turned.directions[range[0] as usize..range[1] as usize] {
            *direction = (rotations[site] * Vector3::from(*direction)).into();
        }
    }
    let found = estimate(model, &turned, levels, device)?;
    let position = original.position.iter().zip(rotations).map(|(vector, turn)| (turn * Vector3::from(*vector)).into());
    let expected = Estimate { position: position.collect(), lattice: original.lattice.clone() };
    Ok(compare(property, &expected, &found)?)
}

/// A structure without edges between the others changes nothing and gets 0; so does a batch of only such structures.
fn empty_structures<M: ScoreModel>(
    model: &M,
    parts: &[BatchedMultiGraph],
    levels: &[usize],
    original: &Estimate,
    device: &Device,
) -> Result<(), ConformanceError> {
    let lonely = BatchedMultiGraph {
        site_offsets: vec![0, 2],
        edge_offsets: vec![0, 0],
        offsets: vec![0, 0, 0],
        atomic_numbers: vec![11, 17],
        cutoffs: vec![5.0],
        n_free: vec![3],
        ..BatchedMultiGraph::default()
    };
    let found = estimate(model, &lonely, &[0], device)?;
    let zero = Estimate { position: vec![[0.0; 3]; 2], lattice: vec![0.0; 6] };
    compare("a structure without edges gets zero", &zero, &found)?;

    let mut with_lonely = vec![lonely.clone()];
    with_lonely.extend(parts.iter().cloned());
    with_lonely.push(lonely);
    let levels: Vec<usize> = std::iter::once(0).chain(levels.iter().copied()).chain(std::iter::once(0)).collect();
    let found = estimate(model, &join(&with_lonely), &levels, device)?;
    let zeros = [[0.0; 3]; 2];
    let expected = Estimate {
        position: [zeros.as_slice(), &original.position, &zeros].concat(),
        lattice: [[0.0; 6].as_slice(), &original.lattice, &[0.0; 6]].concat(),
    };
    Ok(compare("structures without edges leave the others alone", &expected, &found)?)
}

fn random_rotation(rng: &mut impl Rng) -> Rotation3<f32> {
    let axis = Vector3::from(random_direction(rng));
    Rotation3::from_axis_angle(&Unit::new_normalize(axis), rng.random_range(0.0..std::f32::consts::TAU))
}

fn random_direction(rng: &mut impl Rng) -> [f32; 3] {
    let z: f32 = rng.random_range(-1.0..1.0);
    let (sin, cos) = rng.random_range(0.0..std::f32::consts::TAU).sin_cos();
    let r = (1.0 - z * z).sqrt();
    [r * cos, r * sin, z]
}

/// The graph of one structure with random vectors: `n_pairs` edges and their reverses. Because each site has its own frame, any directions make a consistent
/// multigraph. One pair in eight is an edge that is its own reverse, as on a special position.
pub fn random_graph(n_sites: usize, n_pairs: usize, rng: &mut impl Rng) -> BatchedMultiGraph {
    let cutoff = rng.random_range(4.0..6.0_f32);
    // (source, target, index of the reverse, distance, lattice gradient, equivalent)
    let mut edges: Vec<(u32, u32, usize, f32, [f32; 6], bool)> = Vec::new();
    let n_free = rng.random_range(1..=6_u8);
    for pair in 0..n_pairs {
        let source = rng.random_range(0..n_sites) as u32;
        // A length beyond the cut-off now and then: it must count for nothing.
        let distance = rng.random_range(1.0..1.05 * cutoff);
        let gradient = std::array::from_fn(|a| if a < usize::from(n_free) { rng.random_range(-0.4..0.4) } else { 0.0 });
        let first = edges.len();
        if pair % 8 == 0 {
            edges.push((source, source, first, distance, gradient, true));
        } else {
            let target = rng.random_range(0..n_sites) as u32;
            let equivalent = source == target && rng.random::<bool>();
            edges.push((source, target, first + 1, distance, gradient, equivalent));
            edges.push((target, source, first, distance, gradient, equivalent));
        }
    }
    let mut order: Vec<usize> = (0..edges.len()).collect();
    order.sort_by_key(|&e| edges[e].0);
    let mut position = vec![0; edges.len()];
    for (rank, &e) in order.iter().enumerate() {
        position[e] = rank as u32;
    }
    let mut offsets = vec![0; n_sites + 1];
    for edge in &edges {
        offsets[edge.0 as usize + 1] += 1;
    }
    for site in 0..n_sites {
        offsets[site + 1] += offsets[site];
    }
    let sorted = || order.iter().map(|&e| &edges[e]);
    BatchedMultiGraph {
        site_offsets: vec![0, n_sites as u32],
        edge_offsets: vec![0, edges.len() as u32],
        offsets,
        atomic_numbers: (0..n_sites).map(|_| rng.random_range(1..=94)).collect(),
        targets: sorted().map(|edge| edge.1).collect(),
        reverse: sorted().map(|edge| position[edge.2]).collect(),
        directions: sorted().map(|_| random_direction(rng)).collect(),
        distances: sorted().map(|edge| edge.3).collect(),
        equivalent: sorted().map(|edge| edge.5).collect(),
        lattice_gradients: sorted().map(|edge| edge.4).collect(),
        cutoffs: vec![cutoff],
        n_free: vec![n_free],
    }
}

/// Several batches as one.
pub fn join(parts: &[BatchedMultiGraph]) -> BatchedMultiGraph {
    let mut batch =
        BatchedMultiGraph { site_offsets: vec![0], edge_offsets: vec![0], offsets: vec![0], ..BatchedMultiGraph::default() };
    for part in parts {
        let (first_site, first_edge) = (batch.n_sites() as u32, batch.n_edges() as u32);
        batch.site_offsets.extend(part.site_offsets[1..].iter().map(|site| site + first_site));
        batch.edge_offsets.extend(part.edge_offsets[1..].iter().map(|edge| edge + first_edge));
        batch.offsets.extend(part.offsets[1..].iter().map(|edge| edge + first_edge));
        batch.targets.extend(part.targets.iter().map(|site| site + first_site));
        batch.reverse.extend(part.reverse.iter().map(|edge| edge + first_edge));
        batch.atomic_numbers.extend(&part.atomic_numbers);
        batch.directions.extend(&part.directions);
        batch.distances.extend(&part.distances);
        batch.equivalent.extend(&part.equivalent);
        batch.lattice_gradients.extend(&part.lattice_gradients);
        batch.cutoffs.extend(&part.cutoffs);
        batch.n_free.extend(&part.n_free);
    }
    batch
}

/// The same graph with the sites of each structure and the edges of each site in another order, and the old site of each new one.
fn reorder(graph: &BatchedMultiGraph, rng: &mut impl Rng) -> (BatchedMultiGraph, Vec<usize>) {
    let mut sites: Vec<usize> = (0..graph.n_sites()).collect();
    for range in graph.site_offsets.windows(2) {
        sites[range[0] as usize..range[1] as usize].shuffle(rng);
    }
    let mut edges = Vec::with_capacity(graph.n_edges());
    let mut offsets = vec![0];
    for &site in &sites {
        let mut own: Vec<usize> = (graph.offsets[site] as usize..graph.offsets[site + 1] as usize).collect();
        own.shuffle(rng);
        edges.extend(own);
        offsets.push(edges.len() as u32);
    }
    let inverse = |order: &[usize]| {
        let mut inverse = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            inverse[old] = new as u32;
        }
        inverse
    };
    let (new_site, new_edge) = (inverse(&sites), inverse(&edges));
    let reordered = BatchedMultiGraph {
        site_offsets: graph.site_offsets.clone(),
        edge_offsets: graph.edge_offsets.clone(),
        offsets,
        atomic_numbers: sites.iter().map(|&site| graph.atomic_numbers[site]).collect(),
        targets: edges.iter().map(|&e| new_site[graph.targets[e] as usize]).collect(),
        reverse: edges.iter().map(|&e| new_edge[graph.reverse[e] as usize]).collect(),
        directions: edges.iter().map(|&e| graph.directions[e]).collect(),
        distances: edges.iter().map(|&e| graph.distances[e]).collect(),
        equivalent: edges.iter().map(|&e| graph.equivalent[e]).collect(),
        lattice_gradients: edges.iter().map(|&e| graph.lattice_gradients[e]).collect(),
        cutoffs: graph.cutoffs.clone(),
        n_free: graph.n_free.clone(),
    };
    (reordered, sites)
}
