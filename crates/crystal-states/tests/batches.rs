//! Batches: what does not fit is named, and their tensors come in few sizes.
#![cfg(feature = "cpu")]

use burn::tensor::Device;
use crystal_states::testing::random_graph;
use crystal_states::{BasisConfig, GraphBatch, Padding, PreparedBatch, StateError};
use multigraph::BatchedMultiGraph;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const BASIS: BasisConfig =
    BasisConfig { n_radial: 6, n_spherical: 5, envelope_exponent: 5, n_gaussians: 16, n_levels: 10 };

#[test]
fn bad_batches_are_named() {
    let device = Device::flex();
    let graph = random_graph(2, 10, &mut ChaCha8Rng::seed_from_u64(1));
    let error = |graph: &BatchedMultiGraph, levels: &[usize]| {
        GraphBatch::new(graph, levels, &BASIS, &device).expect_err("a bad batch")
    };
    assert!(matches!(error(&graph, &[10]), StateError::LevelOutOfRange { level: 10, .. }));
    assert!(matches!(error(&graph, &[1, 2]), StateError::LevelCount { .. }));
    assert!(matches!(error(&BatchedMultiGraph::default(), &[]), StateError::EmptyBatch));
    let mut strange = graph.clone();
    strange.atomic_numbers[1] = 119;
    assert!(matches!(error(&strange, &[1]), StateError::UnknownElement { site: 1, atomic_number: 119 }));
    let deep = BasisConfig { n_spherical: 8, ..BASIS };
    let error = GraphBatch::new(&graph, &[1], &deep, &device).expect_err("too many degrees");
    assert!(matches!(&error, StateError::Config(problem) if problem.field == "n_spherical"), "{error}");
}

#[test]
fn padded_sizes_are_few() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut sizes: Vec<(usize, usize)> = (0..64)
        .map(|k| {
            let graph = random_graph(20, 1000 + 8 * k, &mut rng);
            let prepared = PreparedBatch::new(&graph, &[0], &BASIS, Padding::Rounded).expect("a batch");
            let batch = prepared.upload(&Device::flex());
            assert!(batch.n_sites() >= graph.n_sites() && batch.n_edges() >= graph.n_edges());
            (batch.n_sites(), batch.n_edges())
        })
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    assert!(sizes.len() < 16, "{sizes:?}");
}
