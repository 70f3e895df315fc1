//! What a device with tensor cores computes by the evaluator, many layers in a kernel, against one layer after the
//! other.
#![cfg(feature = "cube")]

use burn::tensor::Device;
use crystal_states::testing::{join, random_graph};
use dimenetpp::{DimeNetPlusPlus, DimeNetPlusPlusConfig};
use multigraph::BatchedMultiGraph;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::{GraphBatch, ModelConfig, ScoreEstimate, ScoreNetwork};
use tensor_ops::device::gpu_devices;
use tensor_ops::{Precision, set_precision};

fn configs() -> Vec<DimeNetPlusPlusConfig> {
    let table1 = DimeNetPlusPlusConfig::table1();
    vec![
        table1.clone(),
        DimeNetPlusPlusConfig { emb: 128, int_emb: 128, out_emb: 256, seed: 3, ..table1.clone() },
        DimeNetPlusPlusConfig { emb: 32, int_emb: 16, out_emb: 48, n_before_skip: 2, n_radial: 8, ..table1.clone() },
        // No kernel takes these widths: one layer after the other.
        DimeNetPlusPlusConfig { emb: 13, int_emb: 7, out_emb: 3, ..DimeNetPlusPlusConfig::small() },
        DimeNetPlusPlusConfig { n_blocks: 0, ..table1 },
    ]
}

/// Sites with few and with many edges, one without; not a multiple of what a plane or a cube takes.
fn graph() -> BatchedMultiGraph {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    join(&[random_graph(5, 90, &mut rng), random_graph(1, 2, &mut rng), random_graph(3, 0, &mut rng), {
        random_graph(7, 1_203, &mut rng)
    }])
}

fn batch(model: &DimeNetPlusPlus, device: &Device) -> GraphBatch {
    GraphBatch::new(&graph(), &[2, 7, 4, 0], &model.basis(), device).expect("a valid batch")
}

fn numbers(estimate: ScoreEstimate) -> Vec<f32> {
    let ScoreEstimate { position, lattice } = estimate;
    position.into_data().iter::<f32>().chain(lattice.into_data().iter::<f32>()).collect()
}

/// The largest deviation from the layers one by one in single precision, and their largest value.
fn deviation(config: &DimeNetPlusPlusConfig, device: &Device, precision: Precision) -> (f32, f32) {
    let model = config.init(device);
    let batch = batch(&model, device);
    set_precision(Precision::Single);
    let expected = numbers(model.layer_by_layer(&batch));
    set_precision(precision);
    let found = numbers(model.evaluator()(&batch));
    set_precision(Precision::Single);
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let apart = found.iter().zip(&expected).fold(0.0_f32, |apart, (a, b)| {
        let difference = (a - b).abs();
        if difference.is_nan() { f32::INFINITY } else { apart.max(difference) }
    });
    (apart, largest)
}

#[test]
fn the_evaluator_is_the_network() {
    for device in gpu_devices() {
        for config in configs() {
            for (precision, tolerance) in [(Precision::Single, 2e-5), (Precision::Tf32, 1e-2)] {
                let (apart, largest) = deviation(&config, &device, precision);
                println!("{precision} {apart:e} of {largest:e}: {config:?}");
                assert!(largest > 1e-4, "{config:?}: the estimates are {largest} at most");
                assert!(apart <= tolerance * largest, "{precision}, {config:?}: {apart} of {largest}");
            }
        }
    }
}

#[test]
fn the_same_batch_gives_the_same_bits() {
    for device in gpu_devices() {
        let model = DimeNetPlusPlusConfig::table1().init(&device);
        let batch = batch(&model, &device);
        let evaluate = model.evaluator();
        assert_eq!(numbers(evaluate(&batch)), numbers(evaluate(&batch)));
    }
}
