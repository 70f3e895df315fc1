//! How fast sampling, training and their parts are, against ceilings measured in the same run.

mod growth;
mod kept;
pub mod potential;
mod processor;
pub mod roofline;
mod stages;
mod timing;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use burn::Tensor;
use burn::tensor::{Device, Distribution};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use crystal_core::{CrystalState, SiteMode};
use datasets::{LoadOptions, Split, load, locate};
use dimenetpp::DimeNetPlusPlusConfig;
use druse::provenance::GIT_REVISION;
use druse::training::states_of;
use druse::{DeviceName, Devices};
use langevin::{FewStep, Method, Outcome, Sampler, SamplerConfig, SamplingError, SamplingOrder};
use multigraph::GraphConfig;
use score_model::{DenoisingObjective, Description, ModelConfig, NoiseSchedule, Trained, TrainingConfig};
use tensor_ops::{DeviceFailure, has_kernels};
use training::{Exchange, Identity, OptimiserConfig, Trainer, TrainingError};

use kept::Kept;
pub use kept::Reports;
pub use timing::Measurement;

use crate::table1::reference::{draw_orders, order_of};
use timing::{Seconds, significant};

/// Network evaluations of a structure in the paper's schedule: 10 levels of 80 steps of both processes.
const EVALUATIONS: f64 = 1600.0;
/// Levels of the schedule are sampled with this many steps each: the cost of a step does not depend on how many there
/// are.
const STEPS_PER_LEVEL: usize = 2;
/// Evaluations of the network where a structure is sampled in few steps.
const FEW_EVALUATIONS: usize = 64;
/// Passes over the schedule that are timed.
const PASSES: usize = 3;
/// Training steps before the clock starts, and of each of the blocks that are timed.
const WARM_UP: u64 = 30;
const BLOCK: u64 = 20;
const BLOCKS: u64 = 3;
/// Rows and width of the products, and values of the vector, that the ceilings are measured with: on a GPU and on a
/// processor.
const GPU_SIZES: (usize, usize, usize) = (1 << 20, 128, 1 << 26);
const CPU_SIZES: (usize, usize, usize) = (1 << 14, 128, 1 << 24);
/// Edge of the square matrices of the tensor library's own product.
const SQUARE: (usize, usize) = (4096, 1024);

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct ThroughputOptions {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Structures per batch.
    #[arg(long, value_delimiter = ',', default_value = "32")]
    pub batch_sizes: Vec<usize>,
    /// Devices that share every training batch, and the structures that are sampled; only cuda has more than one.
    #[arg(long, default_value_t = 1)]
    pub gpus: usize,
    /// How they add their gradients: host, or collective (NCCL).
    #[arg(long, default_value_t)]
    pub exchange: Exchange,
    /// Also measures how the cost of sampling grows with the number of sites and of operations.
    #[arg(long)]
    pub growth: bool,
    /// Files of figures.
    #[command(flatten)]
    pub reports: Reports,
}

/// What the device reaches at best.
struct Ceilings {
    bytes: f64,
    operations: f64,
}

/// Measures everything and returns the table.
///
/// # Errors
/// If the device cannot be opened, the data cannot be read, or a part fails.
pub fn run(options: &ThroughputOptions) -> Result<String> {
    if options.batch_sizes.contains(&0) {
        bail!("a batch needs at least one structure");
    }
    let earlier = options.reports.earlier()?;
    let devices = options.device.open_several(options.gpus, options.exchange)?;
    let device = devices.first.clone();
    let data = load(&locate(options.data.as_deref()), &LoadOptions { min_space_group: 16, ..LoadOptions::default() })?;
    let train = states_of(&data, Split::Train, SiteMode::General);
    if train.is_empty() {
        bail!("{}: no training structure could be reduced", data.name);
    }
    let pool: Vec<SamplingOrder> = data.split(Split::Test).iter().filter_map(order_of).collect();
    if pool.is_empty() {
        bail!("{}: no test structure could be reduced; orders cannot be taken from it", data.name);
    }
    let (ceilings, mut figures) = ceilings(options.device, &device)?;
    for &batch in &options.batch_sizes {
        tracing::info!("batches of {batch}");
        figures.extend(stages::measure(&train, batch, &ceilings, &device)?);
        let orders = draw_orders(&pool, batch, 0);
        figures.push(sampling("sampling, the paper's schedule", &orders, batch, std::slice::from_ref(&device))?);
        // A processor takes seconds a structure.
        if has_kernels(&device) {
            figures.push(few_steps(&orders, batch, &device)?);
        }
        if !devices.helpers.is_empty() {
            // A batch for each, as in training.
            let all: Vec<Device> = std::iter::once(device.clone()).chain(devices.helpers.clone()).collect();
            let what = format!("sampling, the paper's schedule, {} devices", all.len());
            figures.push(sampling(&what, &draw_orders(&pool, batch * all.len(), 0), batch, &all)?);
        }
        figures.extend(memory("memory after sampling", batch, options.device));
        match training(&train, batch, &devices) {
            Ok(measured) => figures.extend(measured),
            // A batch that samples may be too large to train with.
            Err(error) if out_of_memory(&error) => {
                tracing::warn!("training with batches of {batch} left out: {error:#}")
            }
            Err(error) => return Err(error),
        }
        figures.extend(memory("memory after training", batch, options.device));
    }
    if options.growth {
        tracing::info!("growth of the cost");
        figures.extend(growth::measure(&device)?);
    }
    let about = serde_json::json!({
        "device": options.device,
        "data": data.name,
        "data_sha256": data.sha256,
        "gpus": options.gpus,
        "exchange": options.exchange.to_string(),
        "git": GIT_REVISION,
    });
    let about = about.as_object().map(|about| about.clone().into_iter().collect()).unwrap_or_default();
    options.reports.finish(&Kept { about, figures }, earlier.as_ref())
}

/// All figures, one a row.
fn table(figures: &[Measurement]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "what",
        "batch",
        "figure",
        "lowest – highest",
        "unit",
        "of its ceiling",
    ]);
    for Measurement { what, batch, value, range, unit, of_ceiling } in figures {
        let batch = batch.map_or_else(|| "–".to_owned(), |batch| batch.to_string());
        let share = of_ceiling.map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share));
        let range = format!("{} – {}", significant(range.0), significant(range.1));
        table.add_row([what.clone(), batch, significant(*value), range, unit.to_string(), share]);
    }
    table.to_string()
}

fn ceilings(name: DeviceName, device: &Device) -> Result<(Ceilings, Vec<Measurement>)> {
    let (n_rows, width, n_values) = if name == DeviceName::Cpu { CPU_SIZES } else { GPU_SIZES };
    let square = if name == DeviceName::Cpu { SQUARE.1 } else { SQUARE.0 };
    let vector = Tensor::<1>::zeros([n_values], device);
    let copy = Seconds::of(device, || {
        drop(vector.clone().add_scalar(1.0));
        Ok(())
    })?;
    let random = |rows: usize, columns: usize| Tensor::<2>::random([rows, columns], Distribution::Default, device);
    let (x, weight, matrix) = (random(n_rows, width), random(width, width), random(square, square));
    let layer = Seconds::of(device, || {
        drop(tensor_ops::matrix_product(x.clone(), weight.clone()));
        Ok(())
    })?;
    let product = Seconds::of(device, || {
        drop(matrix.clone().matmul(matrix.clone()));
        Ok(())
    })?;
    let bytes = 2.0 * 4.0 * n_values as f64;
    let layer_operations = 2.0 * (n_rows * width * width) as f64;
    let product_operations = 2.0 * (square as f64).powi(3);
    let own = format!("ceiling: own product, {n_rows} × {width} by {width} × {width}");
    let library = format!("ceiling: the tensor library's product of {square} × {square} matrices");
    let best = (layer_operations / layer.median()).max(product_operations / product.median());
    Ok((
        Ceilings { bytes: bytes / copy.median(), operations: best },
        vec![
            copy.rate("ceiling: read and write a vector", None, bytes / 1e9, "GB/s"),
            layer.rate(&own, None, layer_operations / 1e12, "TFLOP/s"),
            product.rate(&library, None, product_operations / 1e12, "TFLOP/s"),
        ],
    ))
}

/// Sampling of `orders`, in batches of `batch` on each device.
pub(crate) fn sampling(what: &str, orders: &[SamplingOrder], batch: usize, devices: &[Device]) -> Result<Measurement> {
    let config = SamplerConfig { steps_per_level: STEPS_PER_LEVEL, ..SamplerConfig::default() };
    let evaluations = config.evaluations_per_structure(&NoiseSchedule::default()) as f64;
    sampled(what, config, evaluations / EVALUATIONS, orders, batch, devices)
}

/// Sampling of `orders` in few steps, from start to finished structures.
fn few_steps(orders: &[SamplingOrder], batch: usize, device: &Device) -> Result<Measurement> {
    let few_step = FewStep { evaluations: FEW_EVALUATIONS, ..FewStep::default() };
    let config = SamplerConfig { method: Method::FewStep(few_step), ..SamplerConfig::default() };
    let what = format!("sampling in {FEW_EVALUATIONS} evaluations");
    sampled(&what, config, 1.0, orders, batch, std::slice::from_ref(device))
}

/// Structures per second, where a pass is this `share` of a structure's evaluations.
fn sampled(
    what: &str,
    config: SamplerConfig,
    share: f64,
    orders: &[SamplingOrder],
    batch: usize,
    devices: &[Device],
) -> Result<Measurement> {
    let structures: usize = orders.iter().map(|order| order.count).sum();
    let on_device = |device: &Device| {
        let description = Description::untrained(NoiseSchedule::default(), GraphConfig::default(), orders[0].mode());
        Trained::new::<DimeNetPlusPlusConfig>(DimeNetPlusPlusConfig::table1().init(device), description)
    };
    let models: Vec<Trained<_>> = devices.iter().map(on_device).collect();
    let config = SamplerConfig { batch_size: batch, max_redraws: 0, ..config };
    let sampler = Sampler::on_devices(&models, &config, devices)?;
    let pass = || -> Result<f64> {
        let start = Instant::now();
        sampler.run::<SamplingError>(orders, |_| (), |_: Outcome| Ok(()))?;
        Ok(start.elapsed().as_secs_f64())
    };
    pass()?;
    let seconds = Seconds::from_blocks((0..PASSES).map(|_| pass()).collect::<Result<_>>()?);
    Ok(seconds.rate(what, Some(batch), structures as f64 * share, "structures/s"))
}

fn training(train: &[CrystalState], batch: usize, devices: &Devices) -> Result<[Measurement; 2]> {
    let steps = WARM_UP + BLOCKS * BLOCK;
    let optimiser = OptimiserConfig { batch_size: batch, steps, read_every: 10, ..OptimiserConfig::default() };
    let config = TrainingConfig { optimiser: optimiser.clone(), ..TrainingConfig::default() };
    let Devices { first, helpers, exchange } = devices;
    let network = DimeNetPlusPlusConfig::table1().init(first);
    let trainer = Trainer::new(network, optimiser, Identity::default(), first)?;
    let mut trainer = trainer.with_helpers(helpers, *exchange);
    let mut marks = Vec::new();
    trainer.run(&DenoisingObjective::new(train, &config), None, |curve| {
        let timed = (curve.len() as u64).checked_sub(WARM_UP);
        if timed.is_some_and(|step| step.is_multiple_of(BLOCK)) {
            marks.push(Instant::now());
        }
        true
    })?;
    let blocks: Vec<f64> = marks.windows(2).map(|mark| (mark[1] - mark[0]).as_secs_f64() / BLOCK as f64).collect();
    if blocks.is_empty() {
        bail!("no step was timed");
    }
    let seconds = Seconds::from_blocks(blocks);
    Ok([
        seconds.rate("training", Some(batch), 1.0, "steps/s"),
        seconds.rate("training, both losses", Some(batch), batch as f64, "structures/s"),
    ])
}

fn out_of_memory(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(TrainingError::Device(DeviceFailure::OutOfMemory(_))))
}

/// Memory in use on the first NVIDIA GPU, as its driver's tool tells; the pool keeps what it once took, so this is the
/// most so far.
fn memory(what: &str, batch: usize, device: DeviceName) -> Option<Measurement> {
    if device != DeviceName::Cuda {
        return None;
    }
    let arguments = ["--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"];
    let output = std::process::Command::new("nvidia-smi").args(arguments).output().ok()?;
    let mebibytes: f64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    let value = mebibytes / 1024.0;
    Some(Measurement {
        what: what.to_owned(),
        batch: Some(batch),
        value,
        range: (value, value),
        unit: "GiB".into(),
        of_ceiling: None,
    })
}
