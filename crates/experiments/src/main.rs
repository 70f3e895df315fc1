//! The command that runs the paper's experiments.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use druse::DeviceName;
use experiments::parity::{self, ParityOptions};
use experiments::table1::{Table1Options, run};
use experiments::throughput::{self, ThroughputOptions};

/// Runs the experiments of arXiv 2310.10695.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Subcommand)]
enum Experiment {
    /// Table 1: coverage and Fréchet distances of generated structures against the test split.
    Table1(Table1Arguments),
    /// Structures per second of sampling and training with the network of Table 1, and of their parts.
    Throughput(ThroughputArguments),
    /// Whether a device computes what the processor computes: graphs, noise, Langevin steps, dense layers, network; and the speed of its layers.
    Parity(ParityArguments),
}

#[derive(clap::Args)]
struct ParityArguments {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    data: Option<PathBuf>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Structures whose graphs are compared at each noise level.
    #[arg(long, default_value_t = 1000)]
    structures: usize,
    /// Writes the figures here, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Compares only.
    #[arg(long)]
    no_timing: bool,
    /// Leaves out the cases of more rows.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    max_rows: usize,
}

#[derive(clap::Args)]
struct ThroughputArguments {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    data: Option<PathBuf>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Structures per batch.
    #[arg(long, value_delimiter = ',', default_value = "32")]
    batch_sizes: Vec<usize>,
    /// Devices that share every training batch; only cuda has more than one.
    #[arg(long, default_value_t = 1)]
    gpus: usize,
    /// Also measures how the cost of sampling grows with the number of sites and of operations.
    #[arg(long)]
    growth: bool,
    /// Writes the figures here, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Table1Arguments {
    /// 'quick' (two processor cores, minutes) or 'full' (the paper's network and 1000 structures, on a GPU).
    #[arg(long, default_value = "quick")]
    preset: String,
    /// A configuration in RON instead of a preset.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder that holds the runs.
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// Name of the run's folder; default: table1-<preset>-<device>-<seed>, with a number where a finished run has that name.
    #[arg(long)]
    name: Option<String>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Seed of every stage.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Go on with an interrupted run of the same name.
    #[arg(long)]
    resume: bool,
    /// Sample with this checkpoint instead of training.
    #[arg(long, conflicts_with = "resume")]
    checkpoint: Option<PathBuf>,
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,experiments=info,druse=info,datasets=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let result = match Arguments::parse().experiment {
        Experiment::Table1(arguments) => {
            let Table1Arguments { preset, config, data, out, name, device, seed, resume, checkpoint } = arguments;
            run(&Table1Options { preset, config, data, out, name, device, seed, resume, checkpoint })
        }
        Experiment::Throughput(ThroughputArguments { data, device, batch_sizes, gpus, growth, json }) => {
            throughput::run(&ThroughputOptions { data, device, batch_sizes, gpus, growth, json })
        }
        Experiment::Parity(ParityArguments { data, device, structures, json, no_timing, max_rows }) => {
            parity::run(&ParityOptions { data, device, structures, json, no_timing, max_rows }).and_then(|(tables, passed)| {
                if !passed {
                    println!("{tables}");
                    anyhow::bail!("some comparisons failed");
                }
                Ok(tables)
            })
        }
    };
    match result {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
