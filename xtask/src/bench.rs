//! `cargo xtask bench`: how fast the kernels, sampling and training are.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::dispatch::{cargo_bench, cargo_run_release};
use crate::reproduce::{Backend, Device, add_features, name_of};

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder with MP-20 [default: DRUSE_DATA, then the user's cache, then the embedded prototypes]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Device to measure [default: cpu]; its backend is compiled in
    #[arg(long)]
    pub device: Option<Device>,
    /// Backends to compile in beside the CPU's
    #[arg(long, value_delimiter = ',')]
    pub features: Vec<Backend>,
    /// Structures per batch, one measurement each [default: 32]
    #[arg(long, value_delimiter = ',')]
    pub batch_sizes: Vec<usize>,
    /// Also measure how cost grows with sites and operations
    #[arg(long)]
    pub growth: bool,
    /// Measure the potential instead: energies, forces, relaxation, and whether device and processor agree
    #[arg(long, conflicts_with = "growth")]
    pub potential: bool,
    /// With --potential: few-step samples that are relaxed [default: 20]
    #[arg(long, value_name = "N", requires = "potential")]
    pub relaxed: Option<usize>,
    /// Write the figures here, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Measure the single kernels instead, on every device that is compiled in and found
    #[arg(long, conflicts_with_all = ["data", "batch_sizes", "growth", "potential", "json"])]
    pub kernels: bool,
}

/// Builds and starts the measurement.
///
/// # Errors
/// If cargo cannot be started.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let cargo = cargo_arguments(arguments);
    if arguments.kernels { cargo_bench(&cargo) } else { cargo_run_release(&cargo) }
}

fn cargo_arguments(arguments: &Arguments) -> Vec<OsString> {
    let package = if arguments.kernels { "tensor-ops" } else { "experiments" };
    let mut cargo: Vec<OsString> = ["--package", package].map(Into::into).into();
    add_features(&mut cargo, &arguments.features, arguments.device);
    if arguments.kernels {
        return cargo;
    }
    let program = if arguments.potential { "potential-throughput" } else { "throughput" };
    cargo.extend(["--", program].map(OsString::from));
    let mut option = |name: &str, value: Option<OsString>| {
        if let Some(value) = value {
            cargo.extend([name.into(), value]);
        }
    };
    option("--data", arguments.data.clone().map(Into::into));
    option("--device", arguments.device.map(|device| name_of(device).into()));
    let sizes: Vec<String> = arguments.batch_sizes.iter().map(ToString::to_string).collect();
    option("--batch-sizes", (!sizes.is_empty()).then(|| sizes.join(",").into()));
    option("--relaxed", arguments.relaxed.map(|relaxed| relaxed.to_string().into()));
    option("--json", arguments.json.clone().map(Into::into));
    if arguments.growth {
        cargo.push("--growth".into());
    }
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_lines::{line, parsed};

    fn cargo_line(words: &str) -> String {
        line(&cargo_arguments(&parsed(words).expect("a legal command line")))
    }

    #[test]
    fn options_reach_the_program() {
        assert_eq!(cargo_line(""), "--package experiments -- throughput");
        assert_eq!(
            cargo_line("--device cuda --data d --batch-sizes 1,32 --growth --json f"),
            "--package experiments --features cuda -- throughput --data d --device cuda --batch-sizes 1,32 --json f --growth"
        );
        assert_eq!(
            cargo_line("--potential --device cuda --batch-sizes 400 --relaxed 1000"),
            "--package experiments --features cuda -- potential-throughput --device cuda --batch-sizes 400 --relaxed 1000"
        );
        assert!(parsed::<Arguments>("--relaxed 7").is_err(), "only the potential relaxes");
        assert_eq!(cargo_line("--kernels --features wgpu"), "--package tensor-ops --features wgpu");
    }
}
