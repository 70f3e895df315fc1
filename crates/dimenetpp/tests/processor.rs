//! What a processor computes without gradients, several layers at once, against one layer after the other.
#![cfg(feature = "cpu")]

use burn::tensor::Device;
use crystal_states::testing::{join, random_graph};
use dimenetpp::{DimeNetPlusPlus, DimeNetPlusPlusConfig, ElementInput};
use multigraph::BatchedMultiGraph;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::{GraphBatch, ModelConfig, ScoreEstimate, ScoreNetwork};

fn configs() -> Vec<DimeNetPlusPlusConfig> {
    let small = DimeNetPlusPlusConfig::small();
    vec![
        DimeNetPlusPlusConfig::table1(),
        DimeNetPlusPlusConfig {
            elements: ElementInput::Descriptors,
            n_before_skip: 0,
            n_after_skip: 2,
            ..small.clone()
        },
        // Widths that are no multiple of a register.
        DimeNetPlusPlusConfig { emb: 13, int_emb: 7, out_emb: 3, n_spherical: 2, n_dense_output: 0, ..small.clone() },
        DimeNetPlusPlusConfig { n_blocks: 0, ..small },
    ]
}

fn graph() -> BatchedMultiGraph {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    join(&[random_graph(5, 90, &mut rng), random_graph(1, 2, &mut rng), random_graph(3, 0, &mut rng)])
}

fn batch(model: &DimeNetPlusPlus, device: &Device) -> GraphBatch {
    GraphBatch::new(&graph(), &[2, 7, 4], &model.basis(), device).expect("a valid batch")
}

fn numbers(estimate: ScoreEstimate) -> Vec<f32> {
    let ScoreEstimate { position, lattice } = estimate;
    position.into_data().iter::<f32>().chain(lattice.into_data().iter::<f32>()).collect()
}

#[test]
fn layers_at_once_are_layers_one_by_one() {
    for config in configs() {
        let device = Device::flex();
        let model = config.init(&device);
        let batch = batch(&model, &device);
        let (found, expected) = (numbers(model.forward(&batch)), numbers(model.layer_by_layer(&batch)));
        let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        assert!(largest > 1e-4, "{config:?}: the estimates are {largest} at most");
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-5 * largest, "{config:?}: {found} {expected}, largest {largest}");
        }
    }
}

#[test]
fn the_evaluator_is_the_network() {
    let device = Device::flex();
    let model = DimeNetPlusPlusConfig::small().init(&device);
    let batch = batch(&model, &device);
    let estimate = numbers(model.forward(&batch));
    assert_eq!(numbers(model.evaluator()(&batch)), estimate);
    // Also where nothing but the trait is known.
    let boxed: Box<dyn ScoreNetwork> = Box::new(model);
    assert_eq!(numbers(boxed.evaluator()(&batch)), estimate);
}

#[test]
fn the_number_of_threads_does_not_change_the_bits() {
    let device = Device::flex();
    let model = DimeNetPlusPlusConfig::small().init(&device);
    let batch = batch(&model, &device);
    let with_threads = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
        pool.install(|| numbers(model.forward(&batch)))
    };
    let one = with_threads(1);
    for n_threads in [2, 5] {
        assert_eq!(with_threads(n_threads), one);
    }
}

#[test]
fn gradients_take_the_layers_one_by_one() {
    let device = Device::flex().autodiff();
    let model = DimeNetPlusPlusConfig::small().init(&device);
    let batch = batch(&model, &device);
    let estimate = model.forward(&batch);
    let loss = estimate.position.clone().powi_scalar(2).sum() + estimate.lattice.clone().powi_scalar(2).sum();
    let grads = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
    assert!(!grads.is_empty());
    assert_eq!(numbers(estimate), numbers(model.layer_by_layer(&batch)));
}
