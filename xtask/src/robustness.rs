//! `cargo xtask robustness`: damaged files, crystals through every format, symmetry of all structures, killed programs,
//! full disks and a load of samples, as figures.
//!
//! The work is done by tests and by `experiments robustness-samples`; ordinary runs of the tests make it short, this
//! command makes it long, collects what they tell, and keeps it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;
use xshell::{Shell, cmd};

mod figures;
mod record;

use figures::Figures;

/// Where structures are listed for which the two symmetry finders differ.
const DISAGREEMENTS: &str = "experiments/results/robustness-symmetry.csv";

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Seconds to minutes for each part instead of hours; prints the figures and keeps nothing
    #[arg(long)]
    pub quick: bool,
    /// Damaged files for each of the twelve readers [default: 1000000; 20000 with --quick]
    #[arg(long, value_name = "N")]
    pub executions: Option<u64>,
    /// Random crystals that go through every format [default: 10000; 530 with --quick]
    #[arg(long, value_name = "N")]
    pub crystals: Option<u64>,
    /// How often each program is killed on its way [default: 20; 3 with --quick]
    #[arg(long, value_name = "N")]
    pub kills: Option<u64>,
    /// The symmetry of every N-th structure of the shared data, where they are [default: 1; 200 with --quick]
    #[arg(long, value_name = "N")]
    pub symmetry_every: Option<u64>,
    /// Structures sampled in each of the two modes [default: 1000; 16 with --quick]
    #[arg(long, value_name = "N")]
    pub samples: Option<u64>,
    /// Device of the samples: cpu, wgpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Build as the tests do instead of in release mode
    #[arg(long)]
    pub dev: bool,
    /// Run nothing: take what the programs printed elsewhere, shards added up, and keep it
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["only", "dev"])]
    pub add: Vec<PathBuf>,
    /// The git revision of the programs whose lines are added
    #[arg(long, value_name = "REVISION", requires = "add")]
    pub revision: Option<String>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The readers of structures under damaged files.
    Structures,
    /// The readers of configurations, orders, archives, checkpoints, sealed files and priors.
    Archives,
    /// Random crystals in 530 settings through every format, and other programs that read them.
    Crystals,
    /// The symmetry of all structures of the shared data.
    Symmetry,
    /// `druse`, killed, on a full disk, in a folder that cannot be written.
    Command,
    /// `experiments`, killed, on a full disk, in a folder that cannot be written.
    Experiments,
    /// A load of samples in both modes: finite, with the group and, where positions are given, the formula asked for.
    Samples,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Structures,
        Self::Archives,
        Self::Crystals,
        Self::Symmetry,
        Self::Command,
        Self::Experiments,
        Self::Samples,
    ];

    /// As the command line writes it.
    fn name(self) -> &'static str {
        match self {
            Self::Structures => "structures",
            Self::Archives => "archives",
            Self::Crystals => "crystals",
            Self::Symmetry => "symmetry",
            Self::Command => "command",
            Self::Experiments => "experiments",
            Self::Samples => "samples",
        }
    }

    /// The part that tells a figure of this name.
    fn of(what: &str) -> Option<Self> {
        const STRUCTURES: [&str; 6] =
            ["CIF", "POSCAR", "extended XYZ", "pymatgen JSON", "JSON lines", "compressed lines"];
        let part = match what.split_once(' ')? {
            ("fuzz", reader) if STRUCTURES.contains(&reader) => Self::Structures,
            ("fuzz", _) => Self::Archives,
            ("round", _) | ("other", _) => Self::Crystals,
            ("symmetry", _) => Self::Symmetry,
            ("sampled", _) => Self::Samples,
            (_, rest) if rest.contains("experiments") => Self::Experiments,
            ("kill" | "full" | "unwritable", _) => Self::Command,
            _ => return None,
        };
        Some(part)
    }

    /// What cargo is called with, one call after the other.
    fn calls(self, arguments: &Arguments) -> Vec<Vec<OsString>> {
        let mut words = match self {
            Self::Samples => return ["general", "positions"].map(|mode| samples_call(arguments, mode)).to_vec(),
            _ => vec!["test"],
        };
        if !arguments.dev {
            words.push("--release");
        }
        let (package, binary, tests) = match self {
            Self::Structures => ("crystal-core", "fuzz", None),
            Self::Archives => ("druse", "fuzz", None),
            Self::Crystals => ("crystal-core", "io_robust", None),
            Self::Symmetry => ("crystal-core", "finders", Some("data::a_load_of_structures")),
            Self::Command => ("druse-cli", "cli", Some("kills::")),
            Self::Experiments | Self::Samples => ("experiments", "runs", Some("kills::")),
        };
        // One after the other: times and memory are those of one test.
        words.extend(["--package", package, "--test", binary, "--", "--nocapture", "--test-threads", "1"]);
        words.extend(tests);
        vec![words.into_iter().map(OsString::from).collect()]
    }
}

fn samples_call(arguments: &Arguments, mode: &str) -> Vec<OsString> {
    let samples = arguments.amount(arguments.samples, 1000, 16).to_string();
    let device = arguments.device.as_str();
    let mut words = vec!["run"];
    if !arguments.dev {
        words.push("--release");
    }
    words.extend(["--package", "experiments"]);
    if device != "cpu" {
        words.extend(["--features", device]);
    }
    words.extend(["--", "robustness-samples", "--mode", mode, "--samples", &samples, "--device", device]);
    words.into_iter().map(OsString::from).collect()
}

impl Arguments {
    fn amount(&self, asked: Option<u64>, long: u64, quick: u64) -> u64 {
        asked.unwrap_or(if self.quick { quick } else { long })
    }

    /// What the tests read of the environment.
    fn environment(&self, root: &Path) -> Vec<(&'static str, OsString)> {
        let number = |asked, long, quick| OsString::from(self.amount(asked, long, quick).to_string());
        let mut all = vec![
            ("DRUSE_FUZZ_EXECUTIONS", number(self.executions, 1_000_000, 20_000)),
            ("DRUSE_ROUND_TRIPS", number(self.crystals, 10_000, 530)),
            ("DRUSE_KILLS", number(self.kills, 20, 3)),
            ("DRUSE_SYMMETRY_EVERY", number(self.symmetry_every, 1, 200)),
        ];
        if !self.quick {
            all.push(("DRUSE_SYMMETRY_LIST", root.join(DISAGREEMENTS).into_os_string()));
        }
        all
    }
}

/// Runs the parts, prints their figures as a table and keeps them.
///
/// # Errors
/// If cargo cannot be started, or a file cannot be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let shell = Shell::new().context("cannot read the current directory")?;
    let root = PathBuf::from(cmd!(shell, "git rev-parse --show-toplevel").read().context("no git checkout here")?);
    let mut figures = Figures::default();
    let mut failed = Vec::new();
    if arguments.add.is_empty() {
        for part in Part::ALL.into_iter().filter(|part| arguments.only.is_empty() || arguments.only.contains(part)) {
            if !measure(part, arguments, &root, &mut figures)? {
                failed.push(part.name());
            }
        }
    }
    for path in &arguments.add {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        text.lines().for_each(|line| figures.add(line));
    }
    // What was printed elsewhere may be of other sources.
    let here = arguments.add.is_empty();
    let described = || cmd!(shell, "git describe --always --abbrev=12 --dirty").read().ok();
    let revision = if here { described() } else { arguments.revision.clone() };
    let build = if arguments.dev { "dev" } else { "release" };
    let rows = figures.rows(revision.as_deref(), here.then_some(build));
    println!("\n{}", record::table(&rows));
    let bad = figures.failures();
    bad.iter().for_each(|bad| eprintln!("error: {bad}"));
    if !failed.is_empty() {
        eprintln!("error: failed in {}; what went wrong stands above", failed.join(", "));
    }
    if !failed.is_empty() || !bad.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    if rows.is_empty() {
        anyhow::bail!("no figure was told; run the tests with --nocapture, and `experiments` to its end");
    }
    if !arguments.quick {
        record::keep(&root, &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a part and collects what it tells. Whether it passed.
fn measure(part: Part, arguments: &Arguments, root: &Path, figures: &mut Figures) -> anyhow::Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut passed = true;
    for call in part.calls(arguments) {
        let mut command = Command::new(&cargo);
        command.args(call).envs(arguments.environment(root)).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", cargo.display()))?;
        let output = child.stdout.take().context("the output of cargo")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("the output of cargo cannot be read")?;
            println!("{line}");
            figures.add(&line);
        }
        passed &= child.wait().context("cargo was lost")?.success();
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_lines::{line, parsed};

    fn arguments(words: &str) -> Arguments {
        parsed(words).expect("arguments")
    }

    fn calls(part: Part, words: &str) -> Vec<String> {
        part.calls(&arguments(words)).iter().map(|call| line(call)).collect()
    }

    #[test]
    fn tests_are_started_one_by_one() {
        assert_eq!(
            calls(Part::Command, ""),
            ["test --release --package druse-cli --test cli -- --nocapture --test-threads 1 kills::"]
        );
        assert_eq!(
            calls(Part::Structures, "--dev"),
            ["test --package crystal-core --test fuzz -- --nocapture --test-threads 1"]
        );
    }

    #[test]
    fn samples_are_of_both_modes() {
        let calls = calls(Part::Samples, "--quick --device cuda");
        assert_eq!(
            calls[1],
            "run --release --package experiments --features cuda -- robustness-samples --mode positions --samples 16 \
             --device cuda"
        );
        assert!(calls.len() == 2 && calls[0].contains("--mode general"));
    }

    #[test]
    fn quick_is_short_and_keeps_nothing() {
        let value = |words: &str, name: &str| {
            let all = arguments(words).environment(Path::new("/r"));
            all.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string_lossy().into_owned())
        };
        assert_eq!(value("", "DRUSE_KILLS").as_deref(), Some("20"));
        assert_eq!(value("--quick", "DRUSE_KILLS").as_deref(), Some("3"));
        assert_eq!(value("--quick --kills 5", "DRUSE_KILLS").as_deref(), Some("5"));
        assert_eq!(value("--quick", "DRUSE_SYMMETRY_LIST"), None);
        assert!(value("", "DRUSE_SYMMETRY_LIST").is_some());
    }

    #[test]
    fn figures_belong_to_parts() {
        for (what, part) in [
            ("fuzz CIF", Part::Structures),
            ("fuzz priors", Part::Archives),
            ("round trips", Part::Crystals),
            ("symmetry at 0.1 Å", Part::Symmetry),
            ("kill druse sample", Part::Command),
            ("kill experiments csp", Part::Experiments),
            ("full disk, experiments", Part::Experiments),
            ("unwritable folder", Part::Command),
            ("sampled structures, positions given", Part::Samples),
        ] {
            assert_eq!(Part::of(what), Some(part), "{what}");
        }
    }
}
