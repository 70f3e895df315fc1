//! The command that runs the paper's experiments.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use experiments::ablation::{self, AblationOptions};
use experiments::cdvae::{self, CdvaeCommand};
use experiments::cgcnn_training::{self, CgcnnOptions};
use experiments::csp::{self, CspOptions};
use experiments::csp_formula::{self, CspFormulaOptions};
use experiments::figures::{self, FiguresConfig, FiguresOptions};
use experiments::hull_agreement::{self, HullAgreementOptions};
use experiments::hull_reference::{self, HullReferenceOptions};
use experiments::merge::{self, MergeOptions};
use experiments::parity::{self, ParityOptions};
use experiments::peers::{self, PeersOptions};
use experiments::pgcgm::{self, PgcgmCommand};
use experiments::pgcgm_bound::{self, PgcgmBoundOptions};
use experiments::prior::{self, PriorOptions};
use experiments::robustness::{self, RobustnessSamplesOptions};
use experiments::stability::{self, StabilityOptions};
use experiments::table1::report::{self, ReportOptions};
use experiments::table1::{Table1Options, run, write_reference};
use experiments::table2::{self, Table2Options};
use experiments::table3::{self, Table3Options};
use experiments::throughput::potential::PotentialThroughputOptions;
use experiments::throughput::roofline::{self, RooflineOptions};
use experiments::throughput::{self, ThroughputOptions};
use experiments::wyckoff_model::{self, WyckoffModelCommand};
use tensor_ops::{Precision, set_precision};

/// Runs the experiments of arXiv 2310.10695.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Products on tensor cores: tf32 (factors rounded to 11 bits), or single (slower); energies are single always.
    #[arg(long, global = true, default_value_t = Precision::Tf32)]
    precision: Precision,
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Subcommand)]
enum Experiment {
    /// Table 1: coverage and Fréchet distances of generated structures against the test split.
    Table1(Table1Options),
    /// Computes what is compiled in for Table 1: orders and fingerprints of the test split, and draws of training
    /// structures.
    Reference(ReferenceArguments),
    /// Variations of Table 1, one change at a time, trained and measured on the validation split; goes on where it
    /// stopped.
    Ablation(AblationOptions),
    /// The paper's figures 4 to 7: crystal families, space groups, elements and sites per element of the data in use.
    Figures(FiguresArguments),
    /// Makes the report of a finished run of Table 1 again.
    Report(ReportOptions),
    /// Structure prediction: how often the structure comes out whose space group and formula, or Wyckoff letters, are
    /// given.
    Csp(CspOptions),
    /// Joins the shards of a run of structure prediction (`csp --shard K/N`).
    Merge(MergeOptions),
    /// Structure prediction from a formula alone: group and positions by the proposer, METRe and cRMSE.
    CspFormula(CspFormulaOptions),
    /// Table 3: searches chemical systems for new compounds: samples, relaxation, hull, phonons.
    Table3(Table3Options),
    /// CDVAE, a row of Table 1: its training, and crystals from it.
    #[command(subcommand)]
    Cdvae(CdvaeCommand),
    /// Trains the network behind FD CGCNN on formation energies.
    Cgcnn(CgcnnOptions),
    /// Structures per second of sampling and training with the network of Table 1, and of their parts.
    Throughput(ThroughputOptions),
    /// Energies, forces and relaxations per second of the potential, and how device and processor agree.
    PotentialThroughput(PotentialThroughputOptions),
    /// Draws kept figures of throughput under their ceilings.
    Roofline(RooflineOptions),
    /// Learns which Wyckoff positions, space groups and cell sizes are likely, from the training split, and writes them
    /// as one file.
    Prior(PriorOptions),
    /// Whether a device computes what the processor computes: graphs, noise, Langevin steps, dense layers, network; and
    /// the speed of its layers.
    Parity(ParityOptions),
    /// Relaxes MP-20 and the paper's stable set by the shipped potential and writes the reference set of hulls.
    HullReference(HullReferenceOptions),
    /// How well the hull of the reference set agrees with the Materials Project's own.
    HullAgreement(HullAgreementOptions),
    /// Table 2: known compounds that the network has not seen, rebuilt from space group and sites per element.
    Table2(Table2Options),
    /// Shares of stable, unique and novel structures among samples.
    Stability(StabilityOptions),
    /// A load of samples in few steps: how many are finite and have the space group and the sites that were asked for.
    RobustnessSamples(RobustnessSamplesOptions),
    /// Published samples of other models through the metrics of Table 1, with their stability beside them.
    Peers(PeersOptions),
    /// PGCGM, an adversarial network for crystals of three elements: training and samples.
    #[command(subcommand)]
    Pgcgm(PgcgmCommand),
    /// Sends real crystals through the representation and the finishing of PGCGM: what the best generator could reach.
    PgcgmBound(PgcgmBoundOptions),
    /// The proposer of space groups and Wyckoff positions.
    #[command(subcommand)]
    WyckoffModel(WyckoffModelCommand),
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

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,experiments=info,druse=info,datasets=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let arguments = Arguments::parse();
    set_precision(arguments.precision);
    let result = match arguments.experiment {
        Experiment::Table1(options) => run(&options),
        Experiment::Ablation(options) => ablation::run(&options),
        Experiment::Reference(ReferenceArguments { data, out }) => write_reference(data.as_deref(), &out),
        Experiment::Figures(FiguresArguments { data, out, name, min_space_group, symprec }) => {
            figures::run(&FiguresOptions { data, out, name, config: FiguresConfig { min_space_group, symprec } })
        }
        Experiment::Report(options) => report::run(&options),
        Experiment::Csp(options) => csp::run(&options),
        Experiment::Merge(options) => merge::run(&options),
        Experiment::CspFormula(options) => csp_formula::run(&options),
        Experiment::Table3(options) => table3::run(&options),
        Experiment::Cdvae(command) => cdvae::run(&command),
        Experiment::Cgcnn(options) => cgcnn_training::run(&options),
        Experiment::Throughput(options) => throughput::run(&options),
        Experiment::PotentialThroughput(options) => throughput::potential::run(&options),
        Experiment::Roofline(options) => roofline::run(&options),
        Experiment::Prior(options) => prior::run(&options),
        Experiment::HullReference(options) => hull_reference::run(&options),
        Experiment::HullAgreement(options) => hull_agreement::run(&options),
        Experiment::Table2(options) => table2::run(&options),
        Experiment::Peers(options) => peers::run(&options),
        Experiment::Stability(options) => stability::run(&options),
        Experiment::RobustnessSamples(options) => robustness::run(&options),
        Experiment::Pgcgm(command) => pgcgm::run(&command),
        Experiment::PgcgmBound(options) => pgcgm_bound::run(&options),
        Experiment::WyckoffModel(command) => wyckoff_model::run(&command),
        Experiment::Parity(options) => parity::run(&options).and_then(|(tables, passed)| {
            if !passed {
                println!("{tables}");
                anyhow::bail!("some comparisons failed");
            }
            Ok(tables)
        }),
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
