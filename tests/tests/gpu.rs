//! The network, the training step and the sampler on every GPU backend that is compiled in give what they give on the processor.
//!
//! Without a device the tests print that they were skipped; with `DRUSE_REQUIRE_GPU` set they fail instead.
#![cfg(all(any(feature = "wgpu", feature = "cuda"), feature = "cpu"))]

use burn::tensor::Device;
use druse_tests::{embedded_states, order};
use langevin::{Outcome, Sampler, SamplerConfig, SamplingError};
use multigraph::{BatchedMultiGraph, GraphConfig};
use score_model::conformance::gpu_devices;
use score_model::{DimeNetPlusPlusConfig, ScoreBatch, ScoreModel, Trainer, TrainingConfig};

/// The sizes are odd on purpose: no width is a multiple of a kernel's tile.
fn network() -> DimeNetPlusPlusConfig {
    DimeNetPlusPlusConfig { emb: 20, out_emb: 18, int_emb: 9, basis_emb: 5, ..DimeNetPlusPlusConfig::small() }
}

fn devices() -> Vec<Device> {
    let devices = gpu_devices();
    let required = std::env::var_os("DRUSE_REQUIRE_GPU").is_some();
    assert!(!(required && devices.is_empty()), "DRUSE_REQUIRE_GPU is set and no device was found");
    devices
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    let scale = expected.iter().fold(1e-3_f32, |largest, x| largest.max(x.abs()));
    assert_eq!(found.len(), expected.len());
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "entry {index}: {a} and {b}, scale {scale}");
    }
}

#[test]
fn gpu_estimates_like_the_processor() {
    let states = embedded_states(6);
    let graph = BatchedMultiGraph::from_states(&states, &GraphConfig::default()).expect("graphs");
    let estimate = |device: &Device| {
        let model = network().init(device);
        let batch = ScoreBatch::new(&graph, &[0, 2, 4, 6, 8, 9], &model.basis(), device).expect("a batch");
        let estimate = model.forward(&batch);
        let values = |tensor: burn::Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        // Rows beyond the sites stand for nothing.
        let position = estimate.position.narrow(0, 0, graph.n_sites());
        (values(position), values(estimate.lattice))
    };
    let expected = estimate(&Device::flex());
    for device in devices() {
        let found = estimate(&device);
        assert_close(&found.0, &expected.0, 1e-4);
        assert_close(&found.1, &expected.1, 1e-4);
    }
}

#[test]
fn gpu_trains_like_the_processor() {
    let data = embedded_states(8);
    let curve = |device: &Device| {
        let config = TrainingConfig { steps: 4, batch_size: 4, learning_rate: 1e-3, ..TrainingConfig::default() };
        let mut trainer = Trainer::new(network().init(device), config, device).expect("a trainer");
        trainer.run(&data, None, |_| true).expect("a run");
        trainer.curve().iter().flat_map(|point| [point.position, point.lattice]).collect::<Vec<f32>>()
    };
    let expected = curve(&Device::flex());
    for device in devices() {
        assert_close(&curve(&device), &expected, 1e-3);
    }
}

#[test]
fn gpu_samples() {
    let orders = [order(225, "Na:1,Cl:1", 2)];
    for device in devices() {
        let model = network().init(&device);
        let config = SamplerConfig { steps_per_level: 1, ..SamplerConfig::default() };
        let mut sampled = 0;
        Sampler::new(&model, config, &device)
            .expect("a sampler")
            .run::<SamplingError>(
                &orders,
                |_| (),
                |outcome| {
                    sampled += usize::from(matches!(outcome, Outcome::Sampled(_)));
                    Ok(())
                },
            )
            .expect("a run");
        assert_eq!(sampled, 2);
    }
}
