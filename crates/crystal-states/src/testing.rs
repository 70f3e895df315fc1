//! Graphs for tests of networks.

use crystal_core::whole;
use multigraph::BatchedMultiGraph;
use rand::{Rng, RngExt};

/// A unit vector.
pub fn random_direction(rng: &mut impl Rng) -> [f32; 3] {
    let z: f32 = rng.random_range(-1.0..1.0);
    let (sin, cos) = rng.random_range(0.0..std::f32::consts::TAU).sin_cos();
    let r = (1.0 - z * z).sqrt();
    [r * cos, r * sin, z]
}

/// The graph of one structure with random vectors: `n_pairs` edges and their reverses. Because each site has its own
/// frame, any directions make a consistent multigraph. One pair in eight is an edge that is its own reverse, as on a
/// special position.
pub fn random_graph(n_sites: usize, n_pairs: usize, rng: &mut impl Rng) -> BatchedMultiGraph {
    let cutoff = rng.random_range(4.0..6.0_f32);
    // (source, target, index of the reverse, distance, lattice gradient, equivalent)
    let mut edges: Vec<(u32, u32, usize, f32, [f32; 6], bool)> = Vec::new();
    let n_free = rng.random_range(1..=6_u8);
    for pair in 0..n_pairs {
        let source = whole::compact(rng.random_range(0..n_sites));
        // A length beyond the cut-off now and then: it must count for nothing.
        let distance = rng.random_range(1.0..1.05 * cutoff);
        let gradient = std::array::from_fn(|a| if a < usize::from(n_free) { rng.random_range(-0.4..0.4) } else { 0.0 });
        let first = edges.len();
        if pair % 8 == 0 {
            edges.push((source, source, first, distance, gradient, true));
        } else {
            let target = whole::compact(rng.random_range(0..n_sites));
            let equivalent = source == target && rng.random::<bool>();
            edges.push((source, target, first + 1, distance, gradient, equivalent));
            edges.push((target, source, first, distance, gradient, equivalent));
        }
    }
    let mut order: Vec<usize> = (0..edges.len()).collect();
    order.sort_by_key(|&e| edges[e].0);
    let mut position = vec![0; edges.len()];
    for (rank, &e) in order.iter().enumerate() {
        position[e] = whole::compact(rank);
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
        site_offsets: vec![0, whole::compact(n_sites)],
        edge_offsets: vec![0, whole::compact(edges.len())],
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
    let mut batch = BatchedMultiGraph {
        site_offsets: vec![0],
        edge_offsets: vec![0],
        offsets: vec![0],
        ..BatchedMultiGraph::default()
    };
    for part in parts {
        let (first_site, first_edge) = (whole::compact(batch.n_sites()), whole::compact(batch.n_edges()));
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
