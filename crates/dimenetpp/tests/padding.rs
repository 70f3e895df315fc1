//! Rows of padding change nothing, and get nothing.
#![cfg(feature = "cpu")]

use burn::tensor::Device;
use crystal_states::testing::{join, random_graph};
use crystal_states::{Padding, PreparedBatch};
use dimenetpp::DimeNetPlusPlusConfig;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::{ModelConfig, ScoreNetwork};

#[test]
fn a_padded_batch_gives_the_same_estimates() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let device = Device::flex();
    let model = DimeNetPlusPlusConfig::small().init(&device);
    for (n_sites, n_pairs) in [(1, 3), (4, 40), (5, 300), (2, 0)] {
        let graph = join(&[random_graph(3, 20, &mut rng), random_graph(n_sites, n_pairs, &mut rng)]);
        let estimate = |padding: Padding| {
            let batch = PreparedBatch::new(&graph, &[2, 7], &model.basis(), padding).expect("a batch").upload(&device);
            let estimate = model.forward(&batch);
            let position: Vec<f32> = estimate.position.into_data().iter::<f32>().collect();
            let lattice: Vec<f32> = estimate.lattice.into_data().iter::<f32>().collect();
            (batch.n_edges(), position, lattice)
        };
        let (edges, position, lattice) = estimate(Padding::None);
        let (padded_edges, padded_position, padded_lattice) = estimate(Padding::Rounded);
        assert_eq!(edges, graph.n_edges());
        assert!(padded_edges.is_multiple_of(64) && padded_edges >= edges);
        let (own, added) = padded_position.split_at(position.len());
        assert!(added.iter().all(|x| *x == 0.0));
        for (a, b) in position.iter().zip(own).chain(lattice.iter().zip(&padded_lattice)) {
            assert!((a - b).abs() <= 1e-5 * (1.0 + a.abs()), "{a} {b}");
        }
    }
}
