//! `cargo xtask reproduce`: runs an experiment of the paper by the program of the crate `experiments`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::ValueEnum;

use crate::dispatch::cargo_run_release;

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to reproduce
    pub target: Target,
    /// Size of the run [default: quick on the processor, full elsewhere]
    #[arg(long)]
    pub preset: Option<Preset>,
    /// Train a network first, on the data, and sample with that instead of the one that is compiled in
    #[arg(long)]
    pub train: bool,
    /// Folder with MP-20 [default: DRUSE_DATA, then the user's cache, then what is compiled in]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder for results [default: runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Name of the run, a folder inside --out [default: TARGET-PRESET-DEVICE-SEED, or figures]
    #[arg(long)]
    pub name: Option<String>,
    /// Device to compute on [default: that of --features, cuda first, else cpu]; its backend is compiled in
    #[arg(long)]
    pub device: Option<Device>,
    /// Backends to compile in beside the CPU's
    #[arg(long, value_delimiter = ',')]
    pub features: Vec<Backend>,
    /// Seed of every random number of the run [default: 0]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Further rows of Table 1 by the names of their samplers, such as annealed; none for none
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub samplers: Vec<String>,
    /// Go on with the run of this name where it stopped
    #[arg(long)]
    pub resume: bool,
    /// table2: samples of each target [default: 50]; stability: samples in all [default: 1000]
    #[arg(long, value_name = "N")]
    pub samples: Option<usize>,
    /// stability: judge these structures instead of sampling: a file, a folder or a table
    #[arg(long, value_name = "PATH")]
    pub generated: Option<PathBuf>,
    /// Further options for the experiments program, after `--`, such as --config FILE
    #[arg(last = true, value_name = "OPTION")]
    pub rest: Vec<OsString>,
}

/// What can be reproduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The paper's Table 1: coverage and Fréchet distances of generated structures
    Table1,
    /// Structure prediction: how often a structure comes out whose formula, or Wyckoff letters, are given
    Csp,
    /// Structure prediction from a formula: group and positions proposed, one of several tries chosen; METRe, cRMSE
    CspFormula,
    /// The paper's Table 3: new compounds in four chemical systems, on the hull and through phonons
    Table3,
    /// The paper's figures 4 to 7: crystal families, space groups, elements and sites of the data
    Figures,
    /// The reference set of `druse hull`: MP-20 and the paper's stable set, relaxed by the potential
    HullReference,
    /// How well the hull of the reference set agrees with the Materials Project's
    HullAgreement,
    /// The paper's Table 2: 36 known compounds, rebuilt from space group and sites per element
    Table2,
    /// Shares of stable, unique and novel structures among samples
    Stability,
    /// Published samples of other models (-- --peers DIR), measured like our own
    Peers,
}

/// How large a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// 64 structures (csp: 100), minutes on two cores; with --train a small network
    Quick,
    /// 1000 structures, for a GPU; with --train the paper's network
    Full,
}

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The processor
    Cpu,
    /// Vulkan, Metal or DirectX 12
    Wgpu,
    /// An NVIDIA GPU
    Cuda,
}

/// A backend that is compiled in only on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// Vulkan, Metal or DirectX 12
    Wgpu,
    /// NVIDIA GPUs
    Cuda,
}

/// Builds and starts the experiment.
///
/// # Errors
/// If an option has no meaning for what is reproduced, or cargo cannot be started.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    check(arguments)?;
    cargo_run_release(&cargo_arguments(arguments))
}

/// Refuses before the build what the program would refuse after it.
fn check(arguments: &Arguments) -> anyhow::Result<()> {
    let train = ("--train", arguments.train);
    let resume = ("--resume", arguments.resume);
    let preset = ("--preset", arguments.preset.is_some());
    let device = ("--device", arguments.device.is_some());
    let seed = ("--seed", arguments.seed.is_some());
    let name = ("--name", arguments.name.is_some());
    let data = ("--data", arguments.data.is_some());
    let samples = ("--samples", arguments.samples.is_some());
    let generated = ("--generated", arguments.generated.is_some());
    ensure!(
        arguments.target == Target::Table1 || arguments.samplers.is_empty(),
        "the rows of Table 1 have samplers to choose from, nothing else has: leave out --samplers"
    );
    let (given, why): (Vec<(&str, bool)>, &str) = match arguments.target {
        Target::Table1 => (vec![samples, generated], "Table 1 has presets and `-- --structures N`"),
        Target::Csp => (vec![train, resume, samples, generated], "structures are predicted with a trained network"),
        Target::CspFormula => (
            vec![preset, train, samples, generated],
            "structures are predicted with trained networks, `-- --formulas N`",
        ),
        Target::Table3 => {
            let why = "compounds are searched for with a trained network and the phases of the hull";
            (vec![train, data, samples, generated], why)
        }
        Target::Figures => (vec![preset, device, seed, train, resume, samples, generated], "figures only count"),
        Target::HullReference => {
            (vec![preset, seed, train, name, samples, generated], "all structures of the data are relaxed")
        }
        Target::HullAgreement => {
            (vec![preset, device, seed, train, name, resume, samples, generated], "energies are only compared")
        }
        Target::Table2 => (vec![preset, train, generated], "the targets are sampled with a trained network"),
        Target::Peers => (vec![preset, train, resume, generated], "the structures of --peers are measured"),
        Target::Stability => (vec![preset, train], "structures are sampled with a trained network"),
    };
    let unused: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(option, _)| *option).collect();
    ensure!(unused.is_empty(), "{why}: leave out {}", unused.join(", "));
    Ok(())
}

fn cargo_arguments(arguments: &Arguments) -> Vec<OsString> {
    let mut cargo = ["--package", "experiments"].map(OsString::from).to_vec();
    add_features(&mut cargo, &arguments.features, arguments.device);
    let device = arguments.device.or_else(|| device_of(&arguments.features));
    cargo.extend(["--".into(), name_of(arguments.target).into()]);
    // Only what was asked for is handed on: the defaults live in the experiments program alone.
    let mut option = |flag: &str, value: Option<OsString>| {
        if let Some(value) = value {
            cargo.extend([flag.into(), value]);
        }
    };
    option("--preset", arguments.preset.map(|preset| name_of(preset).into()));
    option("--data", arguments.data.as_ref().map(|path| path.clone().into()));
    option("--out", arguments.out.as_ref().map(|path| path.clone().into()));
    option("--name", arguments.name.as_ref().map(|name| name.into()));
    option("--device", device.map(|device| name_of(device).into()));
    option("--samplers", (!arguments.samplers.is_empty()).then(|| arguments.samplers.join(",").into()));
    option("--seed", arguments.seed.map(|seed| seed.to_string().into()));
    option("--samples", arguments.samples.map(|samples| samples.to_string().into()));
    option("--generated", arguments.generated.as_ref().map(|path| path.clone().into()));
    for (flag, given) in [("--train", arguments.train), ("--resume", arguments.resume)] {
        if given {
            cargo.push(flag.into());
        }
    }
    cargo.extend(arguments.rest.iter().cloned());
    cargo
}

/// Who compiles a backend in wants to compute with it.
fn device_of(features: &[Backend]) -> Option<Device> {
    let device = |backend: &Backend| match backend {
        Backend::Wgpu => Device::Wgpu,
        Backend::Cuda => Device::Cuda,
    };
    features.iter().max_by_key(|backend| **backend as u8).map(device)
}

/// Adds the backends to compile in to what cargo is told.
pub(crate) fn add_features(cargo: &mut Vec<OsString>, features: &[Backend], device: Option<Device>) {
    let mut features = features.to_vec();
    // A device without its backend can only fail, and does so after a long build.
    features.extend(match device {
        Some(Device::Wgpu) => Some(Backend::Wgpu),
        Some(Device::Cuda) => Some(Backend::Cuda),
        Some(Device::Cpu) | None => None,
    });
    features.sort_by_key(|backend| *backend as u8);
    features.dedup();
    if !features.is_empty() {
        let names = features.iter().map(|backend| name_of(*backend)).collect::<Vec<_>>();
        cargo.extend(["--features".into(), names.join(",").into()]);
    }
}

/// The name of a value on the command line.
pub(crate) fn name_of(value: impl ValueEnum) -> String {
    value.to_possible_value().expect("no value of these enums is hidden").get_name().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_lines::{line, parsed};

    fn cargo_line(words: &str) -> String {
        line(&cargo_arguments(&parsed(words).expect("a legal command line")))
    }

    /// Why a line of known options is refused.
    fn refusal(words: &str) -> String {
        check(&parsed(words).expect("known options")).expect_err(words).to_string()
    }

    #[test]
    fn nothing_is_added_to_a_bare_command() {
        assert_eq!(cargo_line("table1"), "--package experiments -- table1");
    }

    #[test]
    fn a_device_brings_its_backend_once() {
        assert_eq!(cargo_line("table1 --device cuda"), "--package experiments --features cuda -- table1 --device cuda");
        assert_eq!(
            cargo_line("table1 --features cuda,wgpu --device cuda"),
            "--package experiments --features wgpu,cuda -- table1 --device cuda"
        );
        assert_eq!(cargo_line("table1 --device cpu"), "--package experiments -- table1 --device cpu");
    }

    #[test]
    fn a_backend_brings_its_device() {
        assert_eq!(
            cargo_line("table1 --features wgpu"),
            "--package experiments --features wgpu -- table1 --device wgpu"
        );
        assert_eq!(
            cargo_line("table1 --features wgpu,cuda"),
            "--package experiments --features wgpu,cuda -- table1 --device cuda"
        );
        assert_eq!(
            cargo_line("table1 --features cuda --device cpu"),
            "--package experiments --features cuda -- table1 --device cpu"
        );
    }

    #[test]
    fn every_option_reaches_the_program() {
        assert_eq!(
            cargo_line("table1 --preset full --data d --out o --name n --seed 7 --train --resume -- --structures 120"),
            "--package experiments -- table1 --preset full --data d --out o --name n --seed 7 --train --resume --structures 120"
        );
        assert_eq!(
            cargo_line("table1 --preset quick --samplers annealed,few-step-16"),
            "--package experiments -- table1 --preset quick --samplers annealed,few-step-16"
        );
    }

    #[test]
    fn figures_take_data_and_a_place() {
        assert_eq!(cargo_line("figures"), "--package experiments -- figures");
        assert_eq!(
            cargo_line("figures --data d --out o --name n -- --min-space-group 16"),
            "--package experiments -- figures --data d --out o --name n --min-space-group 16"
        );
        assert_eq!(refusal("figures --seed 1 --resume"), "figures only count: leave out --seed, --resume");
    }

    #[test]
    fn prediction_from_a_formula_and_peers_hand_their_options_on() {
        assert_eq!(
            cargo_line("csp-formula --data d --device cuda --resume -- --formulas 0 --rank energy"),
            "--package experiments --features cuda -- csp-formula --data d --device cuda --resume --formulas 0 --rank energy"
        );
        assert_eq!(
            cargo_line("peers --data d --samples 9 -- --peers p"),
            "--package experiments -- peers --data d --samples 9 --peers p"
        );
        for (words, unused) in [("csp-formula --train", "--train"), ("peers --resume", "--resume")] {
            assert!(refusal(words).ends_with(&format!("leave out {unused}")));
        }
    }

    #[test]
    fn prediction_takes_no_training() {
        assert_eq!(cargo_line("csp --data d --seed 3"), "--package experiments -- csp --data d --seed 3");
        assert!(refusal("csp --train").contains("leave out --train"));
        assert!(refusal("csp --samplers annealed").contains("leave out --samplers"));
    }

    #[test]
    fn table_3_goes_on_where_it_stopped() {
        assert_eq!(
            cargo_line("table3 --device cuda --resume -- --minutes 20 --system Cu-Si-K"),
            "--package experiments --features cuda -- table3 --device cuda --resume --minutes 20 --system Cu-Si-K"
        );
        assert!(refusal("table3 --train").contains("leave out --train"));
    }

    #[test]
    fn runs_of_the_potential_take_no_presets() {
        assert_eq!(
            cargo_line("hull-reference --data d --out o --device cuda --resume -- --stable-data s --minutes 20"),
            "--package experiments --features cuda -- hull-reference --data d --out o --device cuda --resume \
             --stable-data s --minutes 20"
        );
        assert_eq!(
            cargo_line("table2 --data d --samples 2 --seed 1"),
            "--package experiments -- table2 --data d --seed 1 --samples 2"
        );
        assert_eq!(
            cargo_line("stability --generated g --samples 9"),
            "--package experiments -- stability --samples 9 --generated g"
        );
        for (words, unused) in [
            ("hull-reference --seed 1", "--seed"),
            ("hull-agreement --resume", "--resume"),
            ("table2 --generated g", "--generated"),
            ("stability --preset full", "--preset"),
            ("table1 --samples 3", "--samples"),
        ] {
            let error = refusal(words);
            assert!(error.ends_with(&format!("leave out {unused}")), "{error}");
        }
    }

    #[test]
    fn unknown_targets_and_negative_seeds_are_refused() {
        for words in ["table9", "table1 --seed -1", ""] {
            assert!(parsed::<Arguments>(words).is_err(), "{words}");
        }
    }
}
