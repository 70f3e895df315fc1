//! `cargo xtask robustness`: damaged files, crystals through every format, killed programs and full disks, as figures.
//!
//! The work is done by tests, which ordinary runs of the tests make short; this command makes them long and collects
//! what they tell.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;

/// What begins the line of a figure; the rest is what was tried, a bar, and what came of it.
const MARK: &str = "robustness: ";

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Damaged files for each of the eleven readers
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub executions: u64,
    /// Random crystals that go through every format
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub crystals: u64,
    /// How often each program is killed
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub kills: u64,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Build as the tests do instead of in release mode
    #[arg(long)]
    pub dev: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The readers of structures under damaged files.
    Structures,
    /// The readers of configurations, orders, archives, checkpoints, sealed files and priors.
    Archives,
    /// Random crystals in 530 settings through every format.
    Crystals,
    /// `druse`, killed, on a full disk, in a folder that cannot be written.
    Command,
    /// `experiments`, killed.
    Experiments,
}

impl Part {
    /// Package, test binary and, where only some of its tests are meant, what their names begin with.
    fn tests(self) -> (&'static str, &'static str, Option<&'static str>) {
        match self {
            Self::Structures => ("crystal-core", "fuzz", None),
            Self::Archives => ("druse", "fuzz", None),
            Self::Crystals => ("crystal-core", "io_robust", None),
            Self::Command => ("druse-cli", "cli", Some("kills::")),
            Self::Experiments => ("experiments", "runs", Some("kill_")),
        }
    }
}

/// Runs the tests and prints their figures as a table.
///
/// # Errors
/// If cargo cannot be started.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let all = [Part::Structures, Part::Archives, Part::Crystals, Part::Command, Part::Experiments];
    let parts: Vec<Part> =
        all.into_iter().filter(|part| arguments.only.is_empty() || arguments.only.contains(part)).collect();
    let mut figures = Vec::new();
    let mut failed = Vec::new();
    for part in parts {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&cargo);
        command.args(cargo_arguments(part, arguments.dev));
        command.env("DRUSE_FUZZ_EXECUTIONS", arguments.executions.to_string());
        command.env("DRUSE_ROUND_TRIPS", arguments.crystals.to_string());
        command.env("DRUSE_KILLS", arguments.kills.to_string());
        let mut child =
            command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", cargo.display()))?;
        let output = child.stdout.take().context("the output of cargo")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("the output of cargo cannot be read")?;
            println!("{line}");
            figures.extend(figure(&line));
        }
        if !child.wait().context("cargo was lost")?.success() {
            failed.push(part);
        }
    }
    println!("\n| what | figures |\n| --- | --- |");
    for (what, figures) in &figures {
        println!("| {what} | {figures} |");
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: failed in {failed:?}; what went wrong stands above");
    Ok(ExitCode::FAILURE)
}

fn cargo_arguments(part: Part, dev: bool) -> Vec<OsString> {
    let (package, binary, tests) = part.tests();
    let mut words = vec!["test"];
    if !dev {
        words.push("--release");
    }
    // One after the other: times and memory are those of one test.
    words.extend(["--package", package, "--test", binary, "--", "--nocapture", "--test-threads", "1"]);
    words.extend(tests);
    words.into_iter().map(OsString::from).collect()
}

/// The figure that a line tells. With `--nocapture` the name of the test stands before it.
fn figure(line: &str) -> Option<(String, String)> {
    let (_, told) = line.split_once(MARK)?;
    let (what, figures) = told.split_once(" | ")?;
    Some((what.to_owned(), figures.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found() {
        let told = figure("test fuzz_cif ... robustness: fuzz CIF | 10 executions, longest 1.0 ms");
        assert_eq!(told, Some(("fuzz CIF".to_owned(), "10 executions, longest 1.0 ms".to_owned())));
        assert_eq!(figure("test fuzz_cif ... ok"), None);
    }

    #[test]
    fn tests_are_started_one_by_one() {
        let words = |part, dev| {
            let words = cargo_arguments(part, dev);
            words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            words(Part::Command, false),
            "test --release --package druse-cli --test cli -- --nocapture --test-threads 1 kills::"
        );
        assert_eq!(
            words(Part::Structures, true),
            "test --package crystal-core --test fuzz -- --nocapture --test-threads 1"
        );
    }
}
