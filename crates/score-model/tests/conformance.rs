//! The network and a tiny second model against the properties every score model must have.
#![cfg(feature = "cpu")]

use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;
use multigraph::BatchedMultiGraph;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::conformance::{ConformanceError, available_devices, check, random_graph};
use score_model::{
    BasisConfig, DimeNetPlusPlusConfig, ElementInput, ParameterSource, ScoreBatch, ScoreEstimate, ScoreModel, ScoreModelError,
    readout,
};

fn configs() -> Vec<DimeNetPlusPlusConfig> {
    let shallow = DimeNetPlusPlusConfig {
        n_blocks: 0,
        n_spherical: 1,
        n_before_skip: 0,
        n_after_skip: 0,
        n_dense_output: 0,
        n_gaussians: 0,
        elements: ElementInput::Descriptors,
        ..DimeNetPlusPlusConfig::small()
    };
    vec![DimeNetPlusPlusConfig::small(), DimeNetPlusPlusConfig::table1(), shallow]
}

#[test]
fn dimenetpp_conforms() {
    for device in available_devices() {
        for config in configs() {
            if let Err(error) = check(&config.init(&device), &device) {
                panic!("{config:?} on {device:?}: {error}");
            }
        }
    }
}

/// A model outside the crate: one number per element and one matrix.
#[derive(Module, Debug)]
struct Tiny {
    weights: Param<Tensor<2>>,
    uses_directions: bool,
}

impl ScoreModel for Tiny {
    fn basis(&self) -> BasisConfig {
        BasisConfig { n_radial: 4, n_spherical: 1, envelope_exponent: 5, n_gaussians: 0, n_levels: 10 }
    }

    fn forward(&self, batch: &ScoreBatch) -> ScoreEstimate {
        let mut outputs = batch.radial.clone().matmul(self.weights.val());
        if self.uses_directions {
            outputs = outputs + batch.directions.clone().narrow(1, 0, 2);
        }
        readout(outputs, batch)
    }

    fn kind(&self) -> &'static str {
        "tiny"
    }
}

#[test]
fn another_model_conforms_and_a_wrong_one_is_caught() {
    let device = Device::flex();
    let weights = ParameterSource::new(3, &device).uniform([4, 2], 1.0);
    let right = Tiny { weights: weights.clone(), uses_directions: false };
    if let Err(error) = check(&right, &device) {
        panic!("{error}");
    }
    let wrong = Tiny { weights, uses_directions: true };
    match check(&wrong, &device) {
        Err(ConformanceError::Violation(violation)) => assert!(violation.property.contains("rotation"), "{violation}"),
        other => panic!("a model that reads absolute directions passed: {other:?}"),
    }
}

#[test]
fn first_estimates_are_of_order_one() {
    let device = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let graph = random_graph(4, 160, &mut rng);
    for seed in 0..5 {
        let model = DimeNetPlusPlusConfig { seed, ..DimeNetPlusPlusConfig::table1() }.init(&device);
        let batch = ScoreBatch::new(&graph, &[3], &model.basis(), &device).expect("a valid batch");
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
    let parameters = |config: &DimeNetPlusPlusConfig| score_model::module_to_archive(&config.init(&device)).hash();
    assert_eq!(parameters(&config), parameters(&config));
    assert_ne!(parameters(&config), parameters(&DimeNetPlusPlusConfig { seed: 1, ..config.clone() }));
}

#[test]
fn every_parameter_gets_a_gradient() {
    let device = Device::flex().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let graph = random_graph(4, 60, &mut rng);
    let model = DimeNetPlusPlusConfig::small().init(&device);
    let batch = ScoreBatch::new(&graph, &[3], &model.basis(), &device).expect("a valid batch");
    let estimate = model.forward(&batch);
    let loss = (estimate.position - 1.0).powi_scalar(2).sum() + (estimate.lattice - 1.0).powi_scalar(2).sum();
    let grads = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
    let n_params = score_model::module_to_archive(&model).tensors.len();
    assert_eq!(grads.len(), n_params);
}

#[test]
fn bad_batches_are_named() {
    let device = Device::flex();
    let basis = DimeNetPlusPlusConfig::small().basis();
    let graph = random_graph(2, 10, &mut ChaCha8Rng::seed_from_u64(1));
    let error =
        |graph: &BatchedMultiGraph, levels: &[usize]| ScoreBatch::new(graph, levels, &basis, &device).expect_err("a bad batch");
    assert!(matches!(error(&graph, &[10]), ScoreModelError::LevelOutOfRange { level: 10, .. }));
    assert!(matches!(error(&graph, &[1, 2]), ScoreModelError::LevelCount { .. }));
    assert!(matches!(error(&BatchedMultiGraph::default(), &[]), ScoreModelError::EmptyBatch));
    let mut strange = graph.clone();
    strange.atomic_numbers[1] = 119;
    assert!(matches!(error(&strange, &[1]), ScoreModelError::UnknownElement { site: 1, atomic_number: 119 }));
    let deep = BasisConfig { n_spherical: 8, ..basis.clone() };
    assert!(matches!(ScoreBatch::new(&graph, &[1], &deep, &device), Err(ScoreModelError::Config { .. })));
}
