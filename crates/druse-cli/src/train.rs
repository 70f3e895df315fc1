//! `druse train`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use datasets::{DataSet, LoadOptions};
use druse::config::{TrainConfig, read_ron};
use druse::training::{TrainingRun, recent_losses, train};
use druse::{DeviceName, Provenance, checkpoint};
use serde::Serialize;
use tensor_ops::{Precision, set_precision};
use training::Exchange;

use super::{Completion, progress::Display, terminal, values};

/// Steps at the end of the run over which the losses printed are averaged.
const AVERAGED: usize = 100;

/// Trains a score network.
///
/// Writes into the folder: the resolved configuration, provenance, the training state that --resume goes on from, the
/// loss of every step and, at the end, checkpoint.safetensors for `druse sample`. Data: --data, else DRUSE_DATA, else
/// what `cargo xtask fetch-data` fetched, else the prototypes that are compiled in.
#[derive(Args)]
#[command(
    after_help = "Example:\n  druse train network.ron --out runs/network\n  druse train network.ron --out runs/network --resume"
)]
pub(super) struct TrainArgs {
    /// Configuration: network, training run, data
    #[arg(value_name = "CONFIG.ron")]
    config: PathBuf,
    /// Go on with the run in the folder; start it if there is none
    #[arg(long)]
    resume: bool,
    /// Folder that holds the data set
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of the run [default: runs/NAME, NAME being that of the configuration]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// cpu, wgpu or cuda, as far as this build has them
    #[arg(long, default_value_t)]
    device: DeviceName,
    /// Devices that share every batch; only cuda has more than one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = values::at_least_one, allow_negative_numbers = true)]
    gpus: usize,
    /// How they add their gradients: host, or collective (NCCL)
    #[arg(long, default_value_t)]
    exchange: Exchange,
    /// Products on tensor cores: tf32 (factors rounded to 11 bits), or single (slower)
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::Tf32)]
    precision: Precision,
    /// Seed, instead of the configuration's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    checkpoint: Checkpoint,
    steps: usize,
    loss: Loss,
    data: Data,
    device: String,
    seed: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Checkpoint {
    path: String,
    sha256: String,
}

/// Means over the last steps.
#[derive(Serialize)]
struct Loss {
    position: f32,
    lattice: f32,
}

#[derive(Serialize)]
struct Data {
    name: String,
    sha256: String,
}

pub(super) fn run(args: &TrainArgs) -> Result<Completion> {
    set_precision(args.precision);
    let config = configuration(args)?;
    let folder = match &args.out {
        Some(folder) => folder.clone(),
        None => Path::new("runs").join(args.config.file_stem().unwrap_or("train".as_ref())),
    };
    let devices = args.device.open_several(args.gpus, args.exchange)?;
    let data = load(args, &config)?;
    let provenance = Provenance::of(&data, config.training.optimiser.seed, args.device);
    let clock = Instant::now();
    let bar = terminal::training_bar(config.training.optimiser.steps);
    let mut display = Display::whole(&bar);
    let trained = train(&config, &data, &provenance, &devices, &folder, args.resume, &mut |told| display.show(told));
    terminal::finish(&bar);
    let TrainingRun { curve, checkpoint: file, .. } = trained?;
    let (position, lattice) = recent_losses(&curve, AVERAGED);
    let document = Document {
        checkpoint: Checkpoint { sha256: checkpoint::sha256_of(&file)?, path: file.display().to_string() },
        steps: curve.len(),
        loss: Loss { position, lattice },
        data: Data { name: data.name, sha256: data.sha256 },
        device: args.device.to_string(),
        seed: config.training.optimiser.seed,
        seconds: clock.elapsed().as_secs_f64(),
    };
    if args.json {
        terminal::print_json(&document)?;
    } else {
        terminal::print(&format!(
            "trained {} steps on {}\nloss over the last {} steps: position {position:.4}, lattice {lattice:.4}\nwrote {}\n",
            document.steps,
            document.data.name,
            document.steps.min(AVERAGED),
            document.checkpoint.path,
        ))?;
    }
    Ok(Completion::Everything)
}

fn configuration(args: &TrainArgs) -> Result<TrainConfig> {
    let mut config: TrainConfig = read_ron(&args.config)?;
    if let Some(seed) = args.seed {
        config = config.with_seed(seed);
    }
    config.check().with_context(|| args.config.display().to_string())?;
    Ok(config)
}

fn load(args: &TrainArgs, config: &TrainConfig) -> Result<DataSet> {
    let options = LoadOptions {
        min_space_group: config.data.min_space_group,
        symprec: config.data.symprec,
        progress: true,
        ..LoadOptions::default()
    };
    let data =
        datasets::load(&datasets::locate(args.data.as_deref()), &options).context("the data set cannot be loaded")?;
    if let [(id, reason), ..] = data.rejected.as_slice() {
        terminal::warning(&format!(
            "{}: {} rows were left out; the first: {id}: {reason}",
            data.name,
            data.rejected.len()
        ));
    }
    Ok(data)
}
