//! `cargo xtask robustness`: damaged files, crystals through every format, killed programs and full disks, as figures.
//!
//! The work is done by tests, which ordinary runs of the tests make short; this command makes them long and collects
//! what they tell.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;
use serde::Deserialize;

/// What begins the line of a figure; the rest is what was tried, a bar, and what came of it.
const MARK: &str = "robustness: ";

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Damaged files for each of the twelve readers
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub executions: u64,
    /// Random crystals that go through every format
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub crystals: u64,
    /// How often each program is killed
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub kills: u64,
    /// The symmetry of every N-th structure of the shared data, where they are
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub symmetry_every: u64,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Build as the tests do instead of in release mode
    #[arg(long)]
    pub dev: bool,
    /// Run nothing: make the table of what the test programs printed elsewhere, shards added up
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["only", "dev"])]
    pub add: Vec<PathBuf>,
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
            Self::Symmetry => ("crystal-core", "symmetry_data", Some("a_load_of_structures")),
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
    let mut figures = Figures::default();
    if !arguments.add.is_empty() {
        for path in &arguments.add {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            text.lines().for_each(|line| figures.add(line));
        }
        return Ok(figures.print());
    }
    let all = [Part::Structures, Part::Archives, Part::Crystals, Part::Symmetry, Part::Command, Part::Experiments];
    let parts: Vec<Part> =
        all.into_iter().filter(|part| arguments.only.is_empty() || arguments.only.contains(part)).collect();
    let mut failed = Vec::new();
    for part in parts {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&cargo);
        command.args(cargo_arguments(part, arguments.dev));
        command.env("DRUSE_FUZZ_EXECUTIONS", arguments.executions.to_string());
        command.env("DRUSE_ROUND_TRIPS", arguments.crystals.to_string());
        command.env("DRUSE_KILLS", arguments.kills.to_string());
        command.env("DRUSE_SYMMETRY_EVERY", arguments.symmetry_every.to_string());
        let mut child =
            command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", cargo.display()))?;
        let output = child.stdout.take().context("the output of cargo")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("the output of cargo cannot be read")?;
            println!("{line}");
            figures.add(&line);
        }
        if !child.wait().context("cargo was lost")?.success() {
            failed.push(part);
        }
    }
    let code = figures.print();
    if failed.is_empty() {
        return Ok(code);
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

/// What a fuzz loop prints as JSON.
#[derive(Debug, Clone, Deserialize)]
struct Fuzz {
    fuzz: String,
    shard: String,
    executions: u64,
    seconds: f64,
    longest_ms: f64,
    mebibytes: u64,
    panics: u64,
    slow: u64,
}

/// What was told so far.
#[derive(Default)]
struct Figures {
    /// By reader, in their order.
    fuzz: Vec<(String, Vec<Fuzz>)>,
    /// The others.
    told: Vec<(String, String)>,
}

impl Figures {
    /// Adds what a line tells, if anything. With `--nocapture` the name of the test stands before it.
    fn add(&mut self, line: &str) {
        let Some((_, told)) = line.split_once(MARK) else { return };
        if let Ok(one) = serde_json::from_str::<Fuzz>(told) {
            match self.fuzz.iter_mut().find(|(name, _)| *name == one.fuzz) {
                Some((_, all)) => all.push(one),
                None => self.fuzz.push((one.fuzz.clone(), vec![one])),
            }
        } else if let Some((what, figures)) = told.split_once(" | ") {
            self.told.push((what.to_owned(), figures.to_owned()));
        }
    }

    /// What and figures, one row each.
    fn rows(&self) -> Vec<(String, String)> {
        let of_reader = |(name, all): &(String, Vec<Fuzz>)| (format!("fuzz {name}"), sum(all));
        self.fuzz.iter().map(of_reader).chain(self.told.iter().cloned()).collect()
    }

    /// Prints the table. Fails where a reader failed or a shard is missing.
    fn print(&self) -> ExitCode {
        println!("\n| what | figures |\n| --- | --- |");
        for (what, figures) in self.rows() {
            println!("| {what} | {figures} |");
        }
        let bad: Vec<String> = self
            .fuzz
            .iter()
            .filter(|(_, all)| missing(all) > 0 || all.iter().any(|one| one.panics + one.slow > 0))
            .map(|(name, all)| format!("fuzz {name}: {}", sum(all)))
            .collect();
        bad.iter().for_each(|bad| eprintln!("error: {bad}"));
        if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Shards of the largest set that told nothing: processes that ended on their way.
fn missing(all: &[Fuzz]) -> usize {
    let mut shards: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for one in all {
        let (_, of) = one.shard.split_once('/').unwrap_or(("1", "1"));
        shards.entry(of.parse().unwrap_or(1)).or_default().push(&one.shard);
    }
    let absent = |(of, mut told): (usize, Vec<&str>)| {
        told.sort_unstable();
        told.dedup();
        of.saturating_sub(told.len())
    };
    shards.into_iter().map(absent).sum()
}

/// The figures of one reader, shards added up.
fn sum(all: &[Fuzz]) -> String {
    let executions: u64 = all.iter().map(|one| one.executions).sum();
    let seconds: f64 = all.iter().map(|one| one.seconds).sum();
    let longest = all.iter().map(|one| one.longest_ms).fold(0.0, f64::max);
    let mebibytes = all.iter().map(|one| one.mebibytes).max().unwrap_or_default();
    let (panics, slow) = all.iter().fold((0, 0), |(panics, slow), one| (panics + one.panics, slow + one.slow));
    let missing = match missing(all) {
        0 => String::new(),
        n => format!(", {n} shards missing"),
    };
    format!(
        "{executions} executions in {seconds:.0} s of {} processes, longest {longest:.1} ms, at most {mebibytes} MiB \
         allocated, {panics} panics, {slow} too slow{missing}",
        all.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(shard: &str, executions: u64, panics: u64) -> String {
        format!(
            "test fuzz_cif ... robustness: {{\"fuzz\":\"CIF\",\"shard\":\"{shard}\",\"executions\":{executions},\
             \"seconds\":2.0,\"longest_ms\":1.5,\"mebibytes\":2,\"panics\":{panics},\"slow\":0}}"
        )
    }

    #[test]
    fn figures_are_added_up() {
        let mut figures = Figures::default();
        for line in [&one("1/2", 10, 0), &one("2/2", 12, 0), "robustness: full disk | nothing torn", "test a ... ok"] {
            figures.add(line);
        }
        let [(fuzz, sum), (disk, torn)] = &figures.rows()[..] else { panic!("{:?}", figures.rows()) };
        assert_eq!((fuzz.as_str(), disk.as_str(), torn.as_str()), ("fuzz CIF", "full disk", "nothing torn"));
        assert_eq!(
            sum,
            "22 executions in 4 s of 2 processes, longest 1.5 ms, at most 2 MiB allocated, 0 panics, 0 too slow"
        );
        assert_eq!(figures.print(), ExitCode::SUCCESS);
    }

    #[test]
    fn panics_and_lost_processes_fail() {
        for line in [one("1/2", 10, 0), one("1/1", 10, 1)] {
            let mut figures = Figures::default();
            figures.add(&line);
            assert_eq!(figures.print(), ExitCode::FAILURE, "{line}");
        }
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
