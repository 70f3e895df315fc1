//! The network and the training step on a WebGPU or Vulkan device give what they give on the processor.
//!
//! Without a device the tests print that they were skipped; with `DRUSE_REQUIRE_WGPU` set they fail instead.
#![cfg(all(feature = "wgpu", feature = "cpu"))]

use burn::tensor::{Device, DeviceKind};
use druse_tests::{embedded_states, order};
use langevin::{Outcome, Sampler, SamplerConfig, SamplingError};
use multigraph::{BatchedMultiGraph, GraphConfig};
use score_model::{DimeNetPlusPlusConfig, ScoreBatch, ScoreModel, Trainer, TrainingConfig};

fn network() -> DimeNetPlusPlusConfig {
    DimeNetPlusPlusConfig { emb: 16, out_emb: 16, int_emb: 8, basis_emb: 4, ..DimeNetPlusPlusConfig::small() }
}

/// The device, or `None` with a word on standard error.
fn wgpu_device() -> Option<Device> {
    let opened = std::panic::catch_unwind(|| {
        let device = Device::wgpu(DeviceKind::DefaultDevice);
        burn::Tensor::<1>::from_data([1.0_f32], &device).into_data();
        device
    });
    match opened {
        Ok(device) => Some(device),
        Err(_) if std::env::var_os("DRUSE_REQUIRE_WGPU").is_some() => panic!("DRUSE_REQUIRE_WGPU is set and no device was found"),
        Err(_) => {
            eprintln!("skipped: no WebGPU or Vulkan device");
            None
        }
    }
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    let scale = expected.iter().fold(1e-3_f32, |largest, x| largest.max(x.abs()));
    assert_eq!(found.len(), expected.len());
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "entry {index}: {a} and {b}, scale {scale}");
    }
}

#[test]
fn wgpu_estimates_like_the_processor() {
    let Some(device) = wgpu_device() else { return };
    let states = embedded_states(6);
    let graph = BatchedMultiGraph::from_states(&states, &GraphConfig::default()).expect("graphs");
    let estimate = |device: &Device| {
        let model = network().init(device);
        let batch = ScoreBatch::new(&graph, &[0, 2, 4, 6, 8, 9], &model.basis(), device).expect("a batch");
        let estimate = model.forward(&batch);
        let values = |tensor: burn::Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        (values(estimate.position), values(estimate.lattice))
    };
    let (expected, found) = (estimate(&Device::flex()), estimate(&device));
    assert_close(&found.0, &expected.0, 1e-4);
    assert_close(&found.1, &expected.1, 1e-4);
}

#[test]
fn wgpu_trains_like_the_processor() {
    let Some(device) = wgpu_device() else { return };
    let data = embedded_states(8);
    let curve = |device: &Device| {
        let config = TrainingConfig { steps: 4, batch_size: 4, learning_rate: 1e-3, ..TrainingConfig::default() };
        let mut trainer = Trainer::new(network().init(device), config, device).expect("a trainer");
        trainer.run(&data, None, |_| true).expect("a run");
        trainer.curve().iter().flat_map(|point| [point.position, point.lattice]).collect::<Vec<f32>>()
    };
    assert_close(&curve(&device), &curve(&Device::flex()), 1e-3);
}

#[test]
fn wgpu_samples() {
    let Some(device) = wgpu_device() else { return };
    let orders = [order(225, "Na:1,Cl:1", 2)];
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
