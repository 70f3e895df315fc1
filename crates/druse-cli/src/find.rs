//! `druse find`.

mod shard;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use crystal_core::{Composition, SpaceGroupNumber};
use druse::shard::ShardRecord;
use druse::{DeviceName, Proposing, Shard};
use indicatif::ProgressBar;
use search::{
    Best, Budget, Document, EndedBy, Found, REPORT, Settings, Told, Tools, milli, search, write_report, write_results,
};
use stability::SystemName;

use super::requests::ProposerArgs;
use super::tools::ToolArgs;
use super::{Completion, terminal, values};
pub(super) use shard::{COMMAND, merge};

/// Searches a chemical system for stable compounds: generates structures, relaxes them, puts them on the convex hull
/// and the best through phonons.
///
/// Writes a folder with the ranked candidates (CIF, POSCAR and a certificate each), candidates.csv and report.html,
/// which needs nothing beside itself. `druse verify` computes a certificate again. Work is counted in rounds of 8
/// samples: a budget of time says how many are done, --rounds repeats that many exactly. A search that was killed goes
/// on with --resume and loses nothing that was finished.
#[derive(Args)]
#[command(after_help = "Examples:\n  druse find --system Cu-Si-K --out found\n  \
                  druse find --system Na-Cl --budget 1m --out salt\n  \
                  druse find --formula SrTiO3 --space-group 221 --rounds 4 --out perovskite --json\n  \
                  druse find --system Na-Cl --rounds 8 --shard 1/2 --out part1")]
pub(super) struct FindArgs {
    /// Chemical system, such as Cu-Si-K; every candidate holds all of its elements
    #[arg(long, value_name = "A-B-C", required_unless_present = "formula")]
    system: Option<SystemName>,
    /// Only this formula, such as KCu2Si
    #[arg(long, value_name = "FORMULA", value_parser = values::formula)]
    formula: Option<Composition>,
    #[command(flatten)]
    proposer: ProposerArgs,
    /// Only this space group, 1 to 230
    #[arg(long, value_name = "NUMBER", value_parser = values::space_group, allow_negative_numbers = true)]
    space_group: Option<SpaceGroupNumber>,
    /// Time for everything, such as 90s, 10m or 2h [default: 10m, or none with --rounds]
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_negative_numbers = true)]
    budget: Option<Duration>,
    /// Rounds of 8 samples
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    rounds: Option<usize>,
    /// Sample and relax only every Nth structure from the Kth on, each as in the whole search of --rounds; `druse
    /// merge` joins the shards and finds the best
    #[arg(long, value_name = "K/N", requires = "rounds", conflicts_with = "budget")]
    shard: Option<Shard>,
    /// Candidates that are relaxed tightly, go through phonons and are written
    #[arg(long, value_name = "N", default_value = "20", value_parser = values::at_least_one, allow_negative_numbers = true)]
    top: usize,
    /// Folder for the results; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Go on with the search in the folder
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    tools: ToolArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// Time when neither a time nor rounds are named.
const USUAL_TIME: Duration = Duration::from_secs(600);

impl FindArgs {
    fn settings(&self) -> Result<Settings> {
        let of_formula =
            || self.formula.iter().flat_map(|formula| formula.iter().map(|(element, _)| element)).collect();
        let elements = self.system.as_ref().map_or_else(of_formula, |system| system.elements().clone());
        let mut settings = Settings::new(elements).with_seed(self.seed);
        if self.proposer.proposing()? == Proposing::Prior {
            settings = settings.by_prior();
        }
        if let Some(formula) = &self.formula {
            settings = settings.with_formula(formula)?;
        }
        if let Some(space_group) = self.space_group {
            settings = settings.in_group(space_group);
        }
        Ok(settings)
    }

    fn budget(&self) -> Budget {
        let rounds = self.rounds.map(|rounds| rounds as u64);
        Budget { time: self.budget.or(if rounds.is_none() { Some(USUAL_TIME) } else { None }), rounds }
    }
}

pub(super) fn run(args: &FindArgs) -> Result<Completion> {
    // All that can be refused is refused before a network is read.
    let (settings, budget) = (args.settings()?, args.budget());
    settings.check()?;
    budget.check()?;
    if let Some(shard) = args.shard {
        return shard::run(args, shard, &settings);
    }
    ShardRecord::refuse_in(&args.out)?;
    let opened = args.tools.open(&settings)?.with_proposer(&settings, &args.proposer.proposing()?)?;
    let tools = opened.tools();
    let mut live = Live::new();
    let found = search(&settings, &tools, &budget, args.top, &args.out, args.resume, &mut |told| live.show(told));
    terminal::finish(&live.bar);
    Outcome { found: found?, out: &args.out, device: args.tools.device(), json: args.json }.write(&tools)
}

/// A search that has ended, and where its results go.
struct Outcome<'a> {
    found: Found,
    out: &'a Path,
    device: DeviceName,
    json: bool,
}

impl Outcome<'_> {
    fn write(&self, tools: &Tools<'_>) -> Result<Completion> {
        let found = &self.found;
        let document = write_results(found, self.out, &self.device.to_string())?;
        write_report(found, tools.reference, self.out)?;
        if found.candidates.is_empty() {
            bail!(
                "nothing came of {} samples in {}: each of them diverged or lost its form; more rounds or another seed may help",
                found.counts.sampled,
                found.identity.settings.system()
            );
        }
        if self.json {
            terminal::print_json(&document)?;
        } else {
            print(&document, found, self.out)?;
        }
        Ok(Completion::Everything)
    }
}

fn print(document: &Document, found: &Found, out: &Path) -> Result<()> {
    let mut table = terminal::table(&[
        "rank",
        "formula",
        "group",
        "above the hull, meV/atom",
        "heat of formation, kJ/mol",
        "lowest frequency, THz",
        "new",
        "nearest known",
        "prototype",
        "times",
    ]);
    let dash = || "–".to_owned();
    for (row, candidate) in document.candidates.iter().zip(&found.candidates) {
        table.add_row([
            row.rank.to_string(),
            row.formula.clone(),
            row.space_group.map_or_else(dash, |group| group.to_string()),
            milli(row.energy_above_hull),
            format!("{:.2}", candidate.formation_energy_kj_per_mol()),
            row.min_frequency_thz.map_or_else(dash, |frequency| format!("{frequency:.2}")),
            terminal::yes_or_no(row.novel).to_owned(),
            row.nearest_known.clone().unwrap_or_else(dash),
            row.prototype.clone().unwrap_or_else(dash),
            row.times.to_string(),
        ]);
    }
    terminal::print_table(&table)?;
    let counts = &document.counts;
    terminal::print(&format!(
        "{} sampled, {} relaxed, {} different, {} of them new, {} at most 0.1 eV/atom above the hull of {}\n",
        counts.sampled, counts.relaxed, counts.unique, counts.novel, counts.below_limit, document.reference.name
    ))?;
    let why = match document.ended_by {
        EndedBy::Time => "the time ended",
        EndedBy::Rounds => "as asked",
        EndedBy::Orders => "nothing new was left to order",
    };
    let rounds = document.rounds;
    let unfinished = match found.unfinished {
        0 => String::new(),
        more => format!("; {more} candidates have no phonons yet, --resume goes on with them"),
    };
    terminal::print(&format!("{rounds} rounds ({why}); --rounds {rounds} repeats them{unfinished}\n"))?;
    terminal::print(&format!("{}\n", out.join(REPORT).display()))
}

/// What is seen while a search runs: the stage and the best so far, or, where there is no terminal, a line of the log
/// every now and then.
struct Live {
    bar: ProgressBar,
    next: Instant,
}

impl Live {
    const INTERVAL: Duration = Duration::from_secs(10);

    fn new() -> Self {
        Self { bar: terminal::live("searching"), next: Instant::now() + Self::INTERVAL }
    }

    fn show(&mut self, told: &Told) {
        let of = if told.total > 0 { format!(" of {}", told.total) } else { String::new() };
        let lines: String = told.best.iter().map(|best| format!("\n  {}", line(best))).collect();
        self.bar.set_prefix(told.stage.name());
        self.bar.set_message(format!("{}{of}{lines}", told.done));
        let now = Instant::now();
        if now >= self.next && self.bar.is_hidden() {
            self.next = now + Self::INTERVAL;
            let best = told.best.first().map(|best| format!("; best: {}", line(best))).unwrap_or_default();
            tracing::info!(target: "druse::progress", "{} {}{of}{best}", told.stage.name(), told.done);
        }
    }
}

fn line(best: &Best) -> String {
    let Best { formula, space_group, energy_above_hull, min_frequency_thz } = best;
    let frequency = min_frequency_thz.map(|frequency| format!(", lowest frequency {frequency:.2} THz"));
    let frequency = frequency.unwrap_or_default();
    format!("{formula} in {space_group}, {} meV/atom{frequency}", milli(*energy_above_hull))
}
