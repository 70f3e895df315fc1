//! What every [`ScoreNetwork`] must obey, as checks that any crate's tests can call.
//!
//! The checks work on the graph, where the symmetries are exact: the frames of the stored sites are independent, so
//! another representative of an orbit is a rotation of one site's edge vectors. Periodic images and other origins are
//! checked on real states, through the graph builder.

mod parameters;
mod states;

pub use parameters::{check_gradients, check_round_trip};
pub use states::check_states;

use burn::tensor::Device;
use crystal_core::LatticeCoordinates;
use crystal_core::whole;
use crystal_states::testing::{join, random_direction, random_graph};
use multigraph::BatchedMultiGraph;
use nalgebra::{Rotation3, Unit, Vector3};
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crystal_states::{GraphBatch, Padding, PreparedBatch, StateError};

use crate::{ModelConfig, ScoreEstimate, ScoreModelError, ScoreNetwork};

/// Largest deviation allowed, relative to the largest component of the estimate.
pub const TOLERANCE: f32 = 2e-5;

/// A property that a model lacks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{property}: an estimate is off by {deviation} where the largest is {scale}")]
pub struct Violation {
    /// The property.
    pub property: &'static str,
    /// Largest deviation; NaN if an estimate is not a number.
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
    /// The model's basis makes no sense.
    #[error(transparent)]
    Batch(#[from] StateError),
    /// The configuration makes no sense, or a file of the model cannot be written and read again.
    #[error(transparent)]
    Model(#[from] ScoreModelError),
}

/// Estimates on the host.
struct Estimate {
    position: Vec<[f32; 3]>,
    lattice: Vec<f32>,
}

impl Estimate {
    /// The rows of sites; those of padding are left out.
    fn of(estimate: &ScoreEstimate, n_sites: usize) -> Self {
        let position: Vec<f32> = estimate.position.clone().into_data().iter::<f32>().collect();
        let (rows, _) = position.as_chunks::<3>();
        let lattice = estimate.lattice.clone().into_data().iter::<f32>().collect();
        Self { position: rows[..n_sites].to_vec(), lattice }
    }
}

fn estimate<M: ScoreNetwork>(
    model: &M,
    graph: &BatchedMultiGraph,
    levels: &[usize],
    device: &Device,
) -> Result<Estimate, StateError> {
    let output = model.forward(&GraphBatch::new(graph, levels, &model.basis(), device)?);
    Ok(Estimate::of(&output, graph.n_sites()))
}

fn compare(property: &'static str, expected: &Estimate, found: &Estimate) -> Result<(), Violation> {
    let all = |estimate: &Estimate| -> Vec<f32> {
        estimate.position.iter().flatten().chain(&estimate.lattice).copied().collect()
    };
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

/// All checks of an architecture: those of [`check`] on a fresh network, its gradients, and the round trip through a
/// file.
///
/// # Errors
/// [`ConformanceError`] for the first property that does not hold.
pub fn check_model<C: ModelConfig>(config: &C, device: &Device) -> Result<(), ConformanceError> {
    config.check().map_err(ScoreModelError::from)?;
    check(&config.init(device), device)?;
    check_gradients(config, device)?;
    check_round_trip(config, device)
}

/// Checks that the network answers at all, permutation of sites, order of edges, rotation of the frame, choice of
/// representative, batching, padding, edges beyond the cut-off, structures without edges, and, on real states, periodic
/// images and origins.
///
/// # Errors
/// [`ConformanceError`] for the first property that does not hold.
pub fn check<M: ScoreNetwork>(model: &M, device: &Device) -> Result<(), ConformanceError> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let sizes = [(3, 30), (1, 12), (5, 60)];
    let parts: Vec<BatchedMultiGraph> =
        sizes.iter().map(|&(sites, pairs)| random_graph(sites, pairs, &mut rng)).collect();
    let n_levels = model.basis().n_levels;
    let levels: Vec<usize> = (0..parts.len()).map(|s| s * (n_levels - 1) / (parts.len() - 1)).collect();
    let graph = join(&parts);
    let original = estimate(model, &graph, &levels, device)?;

    answers(&original)?;
    free_coordinates_only(&original, &graph)?;

    let again = estimate(model, &graph, &levels, device)?;
    compare("the same input twice", &original, &again)?;

    let (reordered, sites) = reorder(&graph, &mut rng);
    let found = estimate(model, &reordered, &levels, device)?;
    let expected = Estimate {
        position: sites.iter().map(|&site| original.position[site]).collect(),
        lattice: original.lattice.clone(),
    };
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

    padded(model, &graph, &levels, &original, device)?;
    beyond_cutoff(model, &graph, &levels, &original, device)?;
    empty_structures(model, &parts, &levels, &original, device)?;
    check_states(model, device)
}

/// A network of zeros has every symmetry.
fn answers(estimate: &Estimate) -> Result<(), Violation> {
    let violation = |property| Err(Violation { property, deviation: 0.0, scale: 0.0 });
    if estimate.position.iter().flatten().all(|value| *value == 0.0) {
        return violation("an estimate of position noise that is not zero everywhere");
    }
    if estimate.lattice.iter().all(|value| *value == 0.0) {
        return violation("an estimate of lattice noise that is not zero everywhere");
    }
    Ok(())
}

/// What is not free in the lattice has no noise, and a step along its estimate would leave the crystal system.
fn free_coordinates_only(estimate: &Estimate, graph: &BatchedMultiGraph) -> Result<(), Violation> {
    let (rows, _) = estimate.lattice.as_chunks::<{ LatticeCoordinates::MAX }>();
    let fixed = rows.iter().zip(&graph.n_free).flat_map(|(row, n_free)| &row[usize::from(*n_free)..]);
    let deviation = fixed.fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let property = "zero for lattice coordinates that are not free";
    if deviation == 0.0 { Ok(()) } else { Err(Violation { property, deviation, scale: 0.0 }) }
}

/// Rows that are added to a batch change nothing.
fn padded<M: ScoreNetwork>(
    model: &M,
    graph: &BatchedMultiGraph,
    levels: &[usize],
    original: &Estimate,
    device: &Device,
) -> Result<(), ConformanceError> {
    for padding in [Padding::None, Padding::Rounded] {
        let batch = PreparedBatch::new(graph, levels, &model.basis(), padding)?.upload(device);
        compare("padding", original, &Estimate::of(&model.forward(&batch), graph.n_sites()))?;
    }
    Ok(())
}

/// What is at the end of an edge longer than the cut-off changes nothing. Such edges stand in a graph because an edge
/// and its reverse may fall on different sides of the cut-off by rounding.
fn beyond_cutoff<M: ScoreNetwork>(
    model: &M,
    graph: &BatchedMultiGraph,
    levels: &[usize],
    original: &Estimate,
    device: &Device,
) -> Result<(), ConformanceError> {
    let mut longer = graph.clone();
    for edge in 0..longer.n_edges() {
        let structure = longer.edge_offsets.partition_point(|offset| *offset as usize <= edge) - 1;
        if longer.distances[edge] > longer.cutoffs[structure] {
            // Beyond is beyond, however far, and whatever the lattice would do with it.
            longer.distances[edge] *= 3.0;
            longer.lattice_gradients[edge] = longer.lattice_gradients[edge].map(|x| -2.0 * x);
        }
    }
    let found = estimate(model, &longer, levels, device)?;
    Ok(compare("edges beyond the cut-off", original, &found)?)
}

fn rotated_frames<M: ScoreNetwork>(
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
fn empty_structures<M: ScoreNetwork>(
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

/// The same graph with the sites of each structure and the edges of each site in another order, and the old site of
/// each new one.
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
        offsets.push(whole::compact(edges.len()));
    }
    let inverse = |order: &[usize]| {
        let mut inverse = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            inverse[old] = whole::compact(new);
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
