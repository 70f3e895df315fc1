//! The command that runs the paper's experiments.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use druse::DeviceName;
use experiments::ablation::{self, AblationOptions};
use experiments::cgcnn_training::{self, CgcnnOptions};
use experiments::figures::{self, FiguresConfig, FiguresOptions};
use experiments::parity::{self, ParityOptions};
use experiments::report::{self, ReportOptions};
use experiments::table1::{Table1Options, run, write_reference};
use experiments::throughput::{self, ThroughputOptions};
use score_model::Exchange;
use score_model::ops::{Precision, set_precision};

/// Runs the experiments of arXiv 2310.10695.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// single: products as exact as single precision; tf32: faster on NVIDIA GPUs, factors rounded to 11 bits.
    #[arg(long, global = true, default_value = "single", value_parser = precision_of)]
    precision: Precision,
    #[command(subcommand)]
    experiment: Experiment,
}

fn precision_of(name: &str) -> Result<Precision, String> {
    match name {
        "single" => Ok(Precision::Single),
        "tf32" => Ok(Precision::Tf32),
        other => Err(format!("'{other}' is no precision; give single or tf32")),
    }
}

#[derive(Subcommand)]
enum Experiment {
    /// Table 1: coverage and Fréchet distances of generated structures against the test split.
    Table1(Table1Arguments),
    /// Computes what is compiled in for Table 1: orders and fingerprints of the test split, and draws of training structures.
    Reference(ReferenceArguments),
    /// Variations of Table 1, one change at a time, trained and measured on the validation split; goes on where it stopped.
    Ablation(AblationArguments),
    /// The paper's figures 4 to 7: crystal families, space groups, elements and sites per element of the data in use.
    Figures(FiguresArguments),
    /// Makes the report of a finished run of Table 1 again.
    Report(ReportArguments),
    /// Trains the network behind FD CGCNN on formation energies.
    Cgcnn(CgcnnArguments),
    /// Structures per second of sampling and training with the network of Table 1, and of their parts.
    Throughput(ThroughputArguments),
    /// Whether a device computes what the processor computes: graphs, noise, Langevin steps, dense layers, network; and the speed of its layers.
    Parity(ParityArguments),
}

#[derive(clap::Args)]
struct ReferenceArguments {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
}

#[derive(clap::Args)]
struct AblationArguments {
    /// The list of variations in RON, such as experiments/ablation/mp20.ron.
    #[arg(long)]
    config: PathBuf,
    /// Folder of the data; default: DRUSE_DATA, else the user's cache.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the variations.
    #[arg(long, default_value = "runs/ablation")]
    out: PathBuf,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Seed of every stage.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Runs only these variations.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

#[derive(clap::Args)]
struct FiguresArguments {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder that holds the runs.
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// Name of the run's folder.
    #[arg(long, default_value = "figures")]
    name: String,
    /// Leaves out structures of lower space-group number; 16 leaves what Table 1 is about.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=230))]
    min_space_group: u8,
    /// Tolerance of the symmetry finder, Å.
    #[arg(long, default_value_t = 0.1)]
    symprec: f64,
}

#[derive(clap::Args)]
struct ReportArguments {
    /// Folder of the run.
    #[arg(long)]
    run: PathBuf,
    /// Folder of the data that the run used; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    data: Option<PathBuf>,
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
struct CgcnnArguments {
    /// A configuration in RON instead of experiments/cgcnn.ron.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of the data, with formation energies; default: DRUSE_DATA, else the user's cache.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder for weights, curve and figures.
    #[arg(long, default_value = "runs/cgcnn")]
    out: PathBuf,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Passes over the training split, instead of the configuration's.
    #[arg(long)]
    epochs: Option<usize>,
    /// Structures per step, instead of the configuration's.
    #[arg(long)]
    batch_size: Option<usize>,
    /// Learning rate, instead of the configuration's.
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Seed of weights and order.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Takes no more than this many structures of each split: for trying out.
    #[arg(long)]
    limit: Option<usize>,
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
    /// How they add their gradients: host, or collective (NCCL).
    #[arg(long, default_value_t)]
    exchange: Exchange,
    /// Also measures how the cost of sampling grows with the number of sites and of operations.
    #[arg(long)]
    growth: bool,
    /// Writes the figures here, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Table1Arguments {
    /// 'quick' (64 structures; a small network where one is trained) or 'full' (1000 structures); default: quick on the processor, else full.
    #[arg(long)]
    preset: Option<String>,
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
    /// Devices that share every training batch; only cuda has more than one.
    #[arg(long, default_value_t = 1)]
    gpus: usize,
    /// How they add their gradients: host, or collective (NCCL).
    #[arg(long, default_value_t)]
    exchange: Exchange,
    /// Seed of every stage.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Go on with an interrupted run of the same name.
    #[arg(long)]
    resume: bool,
    /// Train a network on the data and sample with that.
    #[arg(long)]
    train: bool,
    /// Sample with this checkpoint instead of the compiled-in one.
    #[arg(long, conflicts_with_all = ["resume", "train"])]
    checkpoint: Option<PathBuf>,
    /// Weights for FD CGCNN instead of the compiled-in ones: a .safetensors file of `experiments cgcnn`, or a .pth.tar of the published program.
    #[arg(long)]
    cgcnn_weights: Option<PathBuf>,
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,experiments=info,druse=info,datasets=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let arguments = Arguments::parse();
    set_precision(arguments.precision);
    let result = match arguments.experiment {
        Experiment::Table1(arguments) => {
            let Table1Arguments {
                preset,
                config,
                data,
                out,
                name,
                device,
                gpus,
                exchange,
                seed,
                resume,
                train,
                checkpoint,
                cgcnn_weights,
            } = arguments;
            run(&Table1Options {
                preset,
                config,
                data,
                out,
                name,
                device,
                gpus,
                exchange,
                seed,
                resume,
                train,
                checkpoint,
                cgcnn_weights,
            })
        }
        Experiment::Ablation(AblationArguments { config, data, out, device, seed, only }) => {
            ablation::run(&AblationOptions { config, data, out, device, seed, only })
        }
        Experiment::Reference(ReferenceArguments { data, out }) => write_reference(data.as_deref(), &out),
        Experiment::Figures(FiguresArguments { data, out, name, min_space_group, symprec }) => {
            figures::run(&FiguresOptions { data, out, name, config: FiguresConfig { min_space_group, symprec } })
        }
        Experiment::Report(ReportArguments { run, data }) => report::run(&ReportOptions { run, data }),
        Experiment::Cgcnn(arguments) => {
            let CgcnnArguments { config, data, out, device, epochs, batch_size, learning_rate, seed, limit } = arguments;
            cgcnn_training::run(&CgcnnOptions { config, data, out, device, epochs, batch_size, learning_rate, seed, limit })
        }
        Experiment::Throughput(ThroughputArguments { data, device, batch_sizes, gpus, exchange, growth, json }) => {
            throughput::run(&ThroughputOptions { data, device, batch_sizes, gpus, exchange, growth, json })
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
