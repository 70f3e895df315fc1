//! How fast sampling, training and their parts are, against ceilings measured in the same run.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::Tensor;
use burn::tensor::{Device, Distribution};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use crystal_core::CrystalState;
use datasets::{LoadOptions, Split, load, locate};
use druse::DeviceName;
use druse::output::write_file;
use druse::provenance::GIT_REVISION;
use druse::training::states_of;
use langevin::{Outcome, Sampler, SamplerConfig, SamplingError};
use multigraph::{BatchedMultiGraph, GraphConfig};
use score_model::{DimeNetPlusPlusConfig, EpochOrder, ScoreModel, StateSet, Trainer, TrainingConfig, noised_batch};
use serde::Serialize;

use crate::table1::orders::orders_from;

/// Network evaluations of a structure in the paper's schedule: 10 levels of 80 steps of both processes.
const EVALUATIONS: f64 = 1600.0;
/// Levels of the schedule are sampled with so many steps each: the cost of a step does not depend on how many there are.
const STEPS_PER_LEVEL: usize = 2;
/// Training steps before the clock starts, and timed.
const WARM_UP: u64 = 20;
const TIMED: u64 = 60;
/// Repetitions of a part's timing.
const REPETITIONS: usize = 10;
/// Edge length of the square matrices, and values of the vector, that the ceilings are measured with: on a GPU and on a processor.
const GPU_SIZES: (usize, usize) = (4096, 1 << 26);
const CPU_SIZES: (usize, usize) = (1024, 1 << 24);

/// What the command line chooses.
#[derive(Debug, Clone)]
pub struct ThroughputOptions {
    /// Folder of the data; see `datasets::locate`.
    pub data: Option<PathBuf>,
    /// The device.
    pub device: DeviceName,
    /// Structures per batch.
    pub batch_sizes: Vec<usize>,
    /// Where the figures go as JSON.
    pub json: Option<PathBuf>,
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// What was measured.
    pub what: String,
    /// Structures per batch; none for a ceiling.
    pub batch: Option<usize>,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
}

/// Measures everything and returns the table.
///
/// # Errors
/// If the device cannot be opened, the data cannot be read, or a part fails.
pub fn run(options: &ThroughputOptions) -> Result<String> {
    if options.batch_sizes.contains(&0) {
        bail!("a batch needs at least one structure");
    }
    let device = options.device.open()?;
    let data = load(&locate(options.data.as_deref()), &LoadOptions { min_space_group: 16, ..LoadOptions::default() })?;
    let train = states_of(&data, Split::Train);
    if train.is_empty() {
        bail!("{}: no training structure could be reduced", data.name);
    }
    let mut figures = ceilings(options.device, &device)?;
    for &batch in &options.batch_sizes {
        tracing::info!("batches of {batch}");
        figures.extend(parts(&train, batch, &device)?);
        figures.push(sampling(&data, batch, &device)?);
        figures.extend(training(&train, batch, &device)?);
    }
    if let Some(path) = &options.json {
        let document = serde_json::json!({
            "device": options.device, "data": data.name, "data_sha256": data.sha256, "git": GIT_REVISION, "figures": figures,
        });
        write_file(path, serde_json::to_string_pretty(&document)? + "\n")?;
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(["what", "batch", "figure", "unit"]);
    for Measurement { what, batch, value, unit } in &figures {
        let batch = batch.map_or_else(|| "–".to_owned(), |batch| batch.to_string());
        table.add_row([what.clone(), batch, significant(*value), (*unit).to_owned()]);
    }
    Ok(table.to_string())
}

/// Four significant digits.
fn significant(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { (3 - value.abs().log10().floor() as i32).max(0) as usize };
    format!("{value:.digits$}")
}

/// Seconds of one repetition; the first ones are not counted.
fn seconds(device: &Device, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    for _ in 0..2 {
        work()?;
    }
    device.sync().context("waiting for the device")?;
    let start = Instant::now();
    for _ in 0..REPETITIONS {
        work()?;
    }
    device.sync().context("waiting for the device")?;
    Ok(start.elapsed().as_secs_f64() / REPETITIONS as f64)
}

fn ceilings(name: DeviceName, device: &Device) -> Result<Vec<Measurement>> {
    let (n_rows, n_values) = if name == DeviceName::Cpu { CPU_SIZES } else { GPU_SIZES };
    let vector = Tensor::<1>::zeros([n_values], device);
    let copy = seconds(device, || {
        drop(vector.clone().add_scalar(1.0));
        Ok(())
    })?;
    let matrix = Tensor::<2>::random([n_rows, n_rows], Distribution::Default, device);
    let product = seconds(device, || {
        drop(score_model::ops::matrix_product(matrix.clone(), matrix.clone()));
        Ok(())
    })?;
    let bytes = 2.0 * 4.0 * n_values as f64;
    let operations = 2.0 * (n_rows as f64).powi(3);
    Ok(vec![
        Measurement { what: "ceiling: read and write a vector".to_owned(), batch: None, value: bytes / copy / 1e9, unit: "GB/s" },
        Measurement {
            what: format!("ceiling: own product of {n_rows} × {n_rows} matrices"),
            batch: None,
            value: operations / product / 1e12,
            unit: "TFLOP/s",
        },
    ])
}

/// The stages of one evaluation of a batch.
fn parts(train: &[CrystalState], batch: usize, device: &Device) -> Result<Vec<Measurement>> {
    // Noised structures, as sampling and training meet them.
    let config = TrainingConfig { batch_size: batch.div_ceil(2), ..TrainingConfig::default() };
    let set = StateSet::new(train, device)?;
    let mut order = EpochOrder::default();
    let noise = seconds(device, || {
        noised_batch(&set, &mut order, &config, 0)?;
        Ok(())
    })?;
    let mut noised = noised_batch(&set, &mut order, &config, 0)?;
    let model = DimeNetPlusPlusConfig::table1().init(device);
    let basis = model.basis();
    let graph = seconds(device, || {
        noised.states.score_batch(&noised.levels, &basis, &config.graph)?;
        Ok(())
    })?;
    let input = noised.states.score_batch(&noised.levels, &basis, &config.graph)?;
    let forward = seconds(device, || {
        drop(model.forward(&input));
        Ok(())
    })?;
    let states: Vec<CrystalState> = train.iter().cycle().take(batch).cloned().collect();
    let host_graph = seconds(device, || {
        BatchedMultiGraph::from_states(&states, &GraphConfig::default())?;
        Ok(())
    })?;
    let edges = input.n_edges() as f64;
    let operations = edges * DimeNetPlusPlusConfig::table1().dense_operations_per_edge() as f64;
    let milliseconds =
        |what: &str, seconds: f64| Measurement { what: what.to_owned(), batch: Some(batch), value: 1e3 * seconds, unit: "ms" };
    let measured = |what: &str, value: f64, unit| Measurement { what: what.to_owned(), batch: Some(batch), value, unit };
    Ok(vec![
        milliseconds("noise of a training batch", noise),
        milliseconds("multigraphs and edge features", graph),
        milliseconds("evaluation", forward),
        measured("evaluation: edges", edges / forward / 1e6, "million edges/s"),
        measured("evaluation: dense layers alone", operations / forward / 1e12, "TFLOP/s"),
        milliseconds("multigraphs on the processor, for comparison", host_graph),
    ])
}

fn sampling(data: &datasets::DataSet, batch: usize, device: &Device) -> Result<Measurement> {
    let orders = orders_from(data.split(Split::Test), batch, 0)?;
    let model = DimeNetPlusPlusConfig::table1().init(device);
    let config =
        SamplerConfig { steps_per_level: STEPS_PER_LEVEL, batch_size: batch, max_redraws: 0, ..SamplerConfig::default() };
    let sampler = Sampler::new(&model, config, device)?;
    let evaluations = sampler.evaluations() as f64;
    let pass = || -> Result<f64> {
        let start = Instant::now();
        sampler.run::<SamplingError>(&orders, |_| (), |_: Outcome| Ok(()))?;
        Ok(start.elapsed().as_secs_f64())
    };
    pass()?;
    let seconds = pass()?;
    Ok(Measurement {
        what: "sampling, the paper's schedule".to_owned(),
        batch: Some(batch),
        value: batch as f64 * evaluations / EVALUATIONS / seconds,
        unit: "structures/s",
    })
}

fn training(train: &[CrystalState], batch: usize, device: &Device) -> Result<[Measurement; 2]> {
    let config = TrainingConfig { batch_size: batch, steps: WARM_UP + TIMED, read_every: WARM_UP, ..TrainingConfig::default() };
    let mut trainer = Trainer::new(DimeNetPlusPlusConfig::table1().init(device), config, device)?;
    let mut started = None;
    trainer.run(train, None, |_| {
        started.get_or_insert_with(Instant::now);
        true
    })?;
    let seconds = started.context("no step was made")?.elapsed().as_secs_f64() / TIMED as f64;
    let measured = |what: &str, value: f64, unit| Measurement { what: what.to_owned(), batch: Some(batch), value, unit };
    Ok([
        measured("training", 1.0 / seconds, "steps/s"),
        measured("training, both losses", batch as f64 / seconds, "structures/s"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits() {
        assert_eq!(significant(0.019_234), "0.01923");
        assert_eq!(significant(7_421.6), "7422");
        assert_eq!(significant(18.3), "18.30");
    }
}
