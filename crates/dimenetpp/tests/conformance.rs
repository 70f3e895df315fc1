//! The network against the properties that every score model must have, and what is its own.
#![cfg(feature = "cpu")]

use burn::tensor::Device;
use crystal_states::testing::random_graph;
use dimenetpp::{DimeNetPlusPlusConfig, ElementInput};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::conformance::{check, check_model};
use score_model::{GraphBatch, ModelConfig, ScoreNetwork};
use tensor_ops::device::available_devices;
use training::module_to_archive;

/// As little as a network can have.
fn shallow() -> DimeNetPlusPlusConfig {
    DimeNetPlusPlusConfig {
        n_blocks: 0,
        n_spherical: 1,
        n_before_skip: 0,
        n_after_skip: 0,
        n_dense_output: 0,
        n_gaussians: 0,
        elements: ElementInput::Descriptors,
        ..DimeNetPlusPlusConfig::small()
    }
}

#[test]
fn the_network_conforms() {
    for device in available_devices() {
        for config in [DimeNetPlusPlusConfig::small(), shallow()] {
            if let Err(error) = check_model(&config, &device) {
                panic!("{config:?} on {device:?}: {error}");
            }
        }
        let table1 = DimeNetPlusPlusConfig::table1();
        if let Err(error) = check(&table1.init(&device), &device) {
            panic!("{table1:?} on {device:?}: {error}");
        }
    }
}

#[test]
fn first_estimates_are_of_order_one() {
    let device = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let graph = random_graph(4, 160, &mut rng);
    for seed in 0..5 {
        let model = DimeNetPlusPlusConfig { seed, ..DimeNetPlusPlusConfig::table1() }.init(&device);
        let batch = GraphBatch::new(&graph, &[3], &model.basis(), &device).expect("a valid batch");
        let estimate = model.forward(&batch);
        for tensor in [estimate.position, estimate.lattice] {
            let largest = tensor.abs().max().into_scalar::<f32>();
            assert!((1e-4..10.0).contains(&largest), "seed {seed}: {largest}");
        }
    }
}

#[test]
fn seeds_make_models() {
    let device = Device::flex();
    let config = DimeNetPlusPlusConfig::small();
    let parameters = |config: &DimeNetPlusPlusConfig| module_to_archive(&config.init(&device)).hash();
    assert_eq!(parameters(&config), parameters(&config));
    assert_ne!(parameters(&config), parameters(&config.with_seed(1)));
}

#[test]
fn every_parameter_gets_a_gradient() {
    let device = Device::flex().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let graph = random_graph(4, 60, &mut rng);
    let model = DimeNetPlusPlusConfig::small().init(&device);
    let batch = GraphBatch::new(&graph, &[3], &model.basis(), &device).expect("a valid batch");
    let estimate = model.forward(&batch);
    let loss = (estimate.position - 1.0).powi_scalar(2).sum() + (estimate.lattice - 1.0).powi_scalar(2).sum();
    let grads = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
    let n_params = module_to_archive(&model).tensors.len();
    assert_eq!(grads.len(), n_params);
}

#[test]
fn nonsense_is_refused_by_field() {
    let field = |config: DimeNetPlusPlusConfig| config.check().expect_err("nonsense").field;
    let small = DimeNetPlusPlusConfig::small;
    assert_eq!(small().check(), Ok(()));
    assert_eq!(field(DimeNetPlusPlusConfig { emb: 0, ..small() }), "emb");
    assert_eq!(field(DimeNetPlusPlusConfig { n_spherical: 8, ..small() }), "n_spherical");
    assert_eq!(field(DimeNetPlusPlusConfig { n_blocks: 65, ..small() }), "n_blocks");
}
