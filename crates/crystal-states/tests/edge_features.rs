//! The features of edges against their formulas in double precision, on every device.

use std::f64::consts::{PI, SQRT_2};

use burn::Tensor;
use burn::tensor::Device;
use crystal_states::testing::{join, random_graph};
use crystal_states::{BasisConfig, GraphBatch, Padding, PreparedBatch};
use multigraph::BatchedMultiGraph;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tensor_ops::basis::{spherical_bessel, spherical_bessel_zeros};
use tensor_ops::device::available_devices;

/// Sizes of networks in use: a small one, and that of the paper's table.
const BASES: [BasisConfig; 2] = [
    BasisConfig { n_radial: 6, n_spherical: 5, envelope_exponent: 5, n_gaussians: 16, n_levels: 10 },
    BasisConfig { n_radial: 10, n_spherical: 7, envelope_exponent: 5, n_gaussians: 16, n_levels: 10 },
];

fn download<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f32>().map(f64::from).collect()
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-5 * scale, "{what}[{k}]: {found} against {expected}, largest {scale}");
    }
}

/// What the formulas use of an edge.
struct Edge {
    /// d/r_c.
    x: f64,
    distance: f64,
    cutoff: f64,
    equivalent: bool,
    gradient: [f64; 6],
    n_edges: f64,
    /// Edges per site of the structure, at least 1.
    degree: f64,
}

fn edges(graph: &BatchedMultiGraph) -> Vec<Edge> {
    let mut edges = Vec::new();
    for structure in 0..graph.n_structures() {
        let (first, end) = (graph.edge_offsets[structure] as usize, graph.edge_offsets[structure + 1] as usize);
        let n_sites = f64::from(graph.site_offsets[structure + 1] - graph.site_offsets[structure]);
        let n_edges = (end - first) as f64;
        edges.extend((first..end).map(|edge| {
            let (distance, cutoff) = (f64::from(graph.distances[edge]), f64::from(graph.cutoffs[structure]));
            Edge {
                x: distance / cutoff,
                distance,
                cutoff,
                equivalent: graph.equivalent[edge],
                gradient: graph.lattice_gradients[edge].map(f64::from),
                n_edges,
                degree: (n_edges / n_sites).max(1.0),
            }
        }));
    }
    edges
}

/// DimeNet's envelope times x (Gasteiger, Groß, Günnemann 2020, eq. 8), 0 beyond the cut-off.
fn envelope(x: f64, config: &BasisConfig) -> f64 {
    let p = config.envelope_exponent + 1;
    let n = p as f64;
    let power = |k: usize| (0..k).fold(1.0, |product, _| product * x);
    let inside = 1.0 - 0.5 * (n + 1.0) * (n + 2.0) * power(p) + n * (n + 2.0) * power(p + 1)
        - 0.5 * n * (n + 1.0) * power(p + 2);
    if x < 1.0 { inside } else { 0.0 }
}

fn check(graph: &BatchedMultiGraph, batch: GraphBatch, config: &BasisConfig) {
    let edges = edges(graph);
    let each = |of: &dyn Fn(&Edge) -> Vec<f64>| edges.iter().flat_map(of).collect::<Vec<f64>>();
    assert_close(&download(batch.envelope), &each(&|edge| vec![envelope(edge.x, config)]), "envelope");

    let radial = |edge: &Edge| {
        let of = |n: usize| SQRT_2 * (n as f64 * PI * edge.x).sin() / edge.x * envelope(edge.x, config);
        (1..=config.n_radial).map(of).collect()
    };
    assert_close(&download(batch.radial), &each(&radial), "radial");

    let zeros = spherical_bessel_zeros(config.n_spherical, config.n_radial);
    let mut spherical = Vec::new();
    for (l, zeros) in zeros.iter().enumerate() {
        spherical.extend(each(&|edge| {
            let of = |zero: &f64| SQRT_2 / spherical_bessel(l + 1, *zero).abs() * spherical_bessel(l, zero * edge.x);
            zeros.iter().map(|zero| of(zero) * envelope(edge.x, config) / edge.degree.sqrt()).collect()
        }));
    }
    assert_close(&download(batch.spherical), &spherical, "spherical");

    let directions: Vec<f64> = graph.directions.iter().flatten().map(|x| f64::from(*x)).collect();
    assert_eq!(download(batch.directions), directions);
    harmonics(&download(batch.harmonics), &directions, config.n_spherical);

    let scalars = |edge: &Edge| {
        let spacing = 6.0 / (config.n_gaussians.max(2) - 1) as f64;
        let gaussian = |k: usize| (-0.5 * ((edge.distance - 0.5) / spacing - k as f64).powi(2)).exp();
        let plain = [f64::from(u8::from(edge.equivalent)), (edge.cutoff / 5.0).ln(), (edge.distance / 5.0).ln()];
        plain.into_iter().chain((0..config.n_gaussians).map(gaussian)).collect()
    };
    assert_close(&download(batch.scalars), &each(&scalars), "scalars");

    let weights = |edge: &Edge| {
        let square: f64 = edge.gradient.iter().map(|g| g * g).sum();
        edge.gradient.iter().map(|g| g / ((1e-3 + square) * edge.n_edges)).collect()
    };
    assert_close(&download(batch.lattice_weights), &each(&weights), "lattice weights");
}

/// Degrees 0 and 1 in closed form, all degrees by the addition theorem `Σ_m Y_lm(u)·Y_lm(v) = (2l+1)/(4π)·P_l(u·v)`.
fn harmonics(found: &[f64], directions: &[f64], degrees: usize) {
    let (rows, directions) = (found.chunks_exact(degrees * degrees), directions.as_chunks::<3>().0);
    let rows: Vec<&[f64]> = rows.collect();
    assert_eq!(rows.len(), directions.len());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for (k, (row, [x, y, z])) in rows.iter().zip(directions).enumerate() {
        let closed = [(0.25 / PI).sqrt(), (0.75 / PI).sqrt() * y, (0.75 / PI).sqrt() * z, (0.75 / PI).sqrt() * x];
        assert_close(&row[..4], &closed, "harmonics");
        // Another edge, and the edge itself.
        for other in [k, (7 * k + 3) % rows.len()] {
            let cosine = dot(&[*x, *y, *z], &directions[other]);
            let (mut before, mut legendre) = (0.0, 1.0);
            for l in 0..degrees {
                let range = l * l..(l + 1) * (l + 1);
                let (n, expected) = (l as f64, (2 * l + 1) as f64 / (4.0 * PI) * legendre);
                let sum = dot(&row[range.clone()], &rows[other][range]);
                assert!((sum - expected).abs() < 1e-5, "edges {k} and {other}, degree {l}: {sum} against {expected}");
                (before, legendre) = (legendre, ((2.0 * n + 1.0) * cosine * legendre - n * before) / (n + 1.0));
            }
        }
    }
}

#[test]
fn edge_features_agree_with_their_formulas() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let graph = join(&[random_graph(4, 40, &mut rng), random_graph(1, 9, &mut rng), random_graph(3, 100, &mut rng)]);
    assert!(edges(&graph).iter().any(|edge| edge.x > 1.0), "some edges are beyond the cut-off");
    for config in BASES {
        assert!(config.n_spherical > 1);
        for device in available_devices() {
            check(&graph, batch(&graph, &config, &device), &config);
        }
    }
}

#[test]
fn a_structure_without_edges_has_no_features() {
    let empty = BatchedMultiGraph {
        site_offsets: vec![0, 1],
        edge_offsets: vec![0, 0],
        offsets: vec![0, 0],
        atomic_numbers: vec![11],
        cutoffs: vec![5.0],
        n_free: vec![3],
        ..BatchedMultiGraph::default()
    };
    let [config, _] = BASES;
    for device in available_devices() {
        let batch = batch(&empty, &config, &device);
        // A tensor has at least one row on some devices; the envelope ends what it holds.
        assert!(download(batch.envelope).iter().all(|value| *value == 0.0));
        assert!(download(batch.radial).iter().all(|value| *value == 0.0));
        assert!(download(batch.lattice_weights).iter().all(|value| *value == 0.0));
    }
}

fn batch(graph: &BatchedMultiGraph, config: &BasisConfig, device: &Device) -> GraphBatch {
    let levels = vec![3; graph.n_structures()];
    PreparedBatch::new(graph, &levels, config, Padding::None).expect("a batch").upload(device)
}
