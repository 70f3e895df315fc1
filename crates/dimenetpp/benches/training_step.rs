//! Time of one training step's forward and backward pass on the CPU, and of making the batch: 32 structures of about
//! 320 edges, for both presets.

use std::hint::black_box;

use burn::optim::GradientsParams;
use burn::tensor::Device;
use criterion::{Criterion, criterion_group, criterion_main};
use crystal_states::testing::{join, random_graph};
use dimenetpp::DimeNetPlusPlusConfig;
use multigraph::BatchedMultiGraph;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::{GraphBatch, ModelConfig, ScoreNetwork};

fn graph() -> BatchedMultiGraph {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let parts: Vec<_> = (0..32).map(|_| random_graph(6, 171, &mut rng)).collect();
    join(&parts)
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("training_step");
    group.sample_size(10);
    let graph = graph();
    let levels: Vec<usize> = (0..graph.n_structures()).map(|s| s % 10).collect();
    let presets = [("small", DimeNetPlusPlusConfig::small()), ("table1", DimeNetPlusPlusConfig::table1())];
    for (name, config) in presets {
        let basis = config.basis();
        group.bench_function(format!("{name}/batch"), |bencher| {
            bencher
                .iter(|| GraphBatch::new(black_box(&graph), &levels, &basis, &Device::flex()).expect("a valid batch"));
        });
        let model = config.init(&Device::flex());
        let batch = GraphBatch::new(&graph, &levels, &basis, &Device::flex()).expect("a valid batch");
        group.bench_function(format!("{name}/forward"), |bencher| {
            bencher.iter(|| model.forward(black_box(&batch)).position.into_data());
        });
        let device = Device::flex().autodiff();
        let model = config.init(&device);
        let batch = GraphBatch::new(&graph, &levels, &basis, &device).expect("a valid batch");
        group.bench_function(format!("{name}/forward_backward"), |bencher| {
            bencher.iter(|| {
                let estimate = model.forward(black_box(&batch));
                let loss = estimate.position.powi_scalar(2).mean() + estimate.lattice.powi_scalar(2).mean();
                GradientsParams::from_grads(loss.backward(), &model)
            });
        });
    }
    group.finish();
}

criterion_group!(step, benches);
criterion_main!(step);
