//! The stages of an evaluation and of a training step, one by one.

use anyhow::Result;
use burn::tensor::Device;
use crystal_core::CrystalState;
use crystal_states::{LangevinStep, StateBatch, StateSet};
use dimenetpp::DimeNetPlusPlusConfig;
use multigraph::{BatchedMultiGraph, GraphConfig};
use random_keys::{Purpose, RandomKey};
use score_model::{ModelConfig, ScoreNetwork, TrainingConfig, noised_batch};
use tensor_ops::has_kernels;
use training::{EpochOrder, OptimiserConfig, Share};

use super::timing::Seconds;
use super::{Ceilings, Measurement, processor};

/// Times each stage for noised structures, as sampling and training meet them.
pub(super) fn measure(
    train: &[CrystalState],
    batch: usize,
    ceilings: &Ceilings,
    device: &Device,
) -> Result<Vec<Measurement>> {
    let config = TrainingConfig {
        optimiser: OptimiserConfig { batch_size: batch.div_ceil(2), ..OptimiserConfig::default() },
        ..TrainingConfig::default()
    };
    let set = StateSet::new(train, device)?;
    let mut order = EpochOrder::new(config.optimiser.seed, train.len());
    let noise = Seconds::of(device, || {
        noised_batch(&set, &mut order, &config, 0, Share::WHOLE)?;
        Ok(())
    })?;
    let noised = noised_batch(&set, &mut order, &config, 0, Share::WHOLE)?;
    let levels = noised.levels;
    let states: Vec<CrystalState> = noised.states.into_states().into_iter().filter_map(Result::ok).collect();
    let levels = &levels[..states.len()];
    let streams: Vec<u64> = (0..states.len() as u64).collect();
    let mut walking = StateBatch::new(&states, &streams, RandomKey::new(0, Purpose::Sampling), device)?;
    let model = DimeNetPlusPlusConfig::table1().init(device);
    let basis = model.basis();
    let graph = Seconds::of(device, || {
        walking.graph_batch(levels, &basis, &config.graph)?;
        Ok(())
    })?;
    let input = walking.graph_batch(levels, &basis, &config.graph)?;
    let evaluate = model.evaluator();
    let forward = Seconds::of(device, || {
        drop(evaluate(&input));
        Ok(())
    })?;
    let estimate = evaluate(&input);
    // Without drift and noise: the graph stays the one that was timed.
    let still = LangevinStep { drift: 0.0, noise: 0.0, draw: 1 };
    let step = Seconds::of(device, || {
        walking.step_positions(estimate.position.clone(), still);
        walking.step_lattices(estimate.lattice.clone(), still);
        Ok(())
    })?;
    let clean: Vec<CrystalState> = train.iter().cycle().take(batch).cloned().collect();
    let host_graph = Seconds::of(device, || {
        BatchedMultiGraph::from_states(&clean, &GraphConfig::default())?;
        Ok(())
    })?;
    let edges = input.n_edges() as f64;
    let network = DimeNetPlusPlusConfig::table1();
    let operations = edges * network.dense_operations_per_edge() as f64;
    let bytes = edges * network.dense_bytes_per_edge() as f64;
    let some = Some(batch);
    let share = |figure: Measurement, ceiling: f64, scale: f64| {
        let of_ceiling = Some(figure.value * scale / ceiling);
        Measurement { of_ceiling, ..figure }
    };
    let mut figures = vec![
        noise.milliseconds("noise of a training batch", some),
        graph.milliseconds("multigraphs and edge features", some),
        graph.rate("multigraphs and edge features: edges", some, edges / 1e6, "million edges/s"),
        forward.milliseconds("evaluation", some),
        forward.rate("evaluation: edges", some, edges / 1e6, "million edges/s"),
        share(
            forward.rate("evaluation: dense layers' operations", some, operations / 1e12, "TFLOP/s"),
            ceilings.operations,
            1e12,
        ),
        share(forward.rate("evaluation: dense layers' memory", some, bytes / 1e9, "GB/s"), ceilings.bytes, 1e9),
        step.milliseconds("a step of both processes", some),
        host_graph.milliseconds("multigraphs on the processor, for comparison", some),
    ];
    if !has_kernels(device) {
        figures.extend(processor::measure(&model, &input, batch, device));
    }
    Ok(figures)
}
