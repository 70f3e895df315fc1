//! Structure prediction from a formula: group and positions by the proposer, coordinates by the network, one of several
//! tries chosen; match rate, METRe and cRMSE.

mod choice;
mod questions;
mod score;
mod table;
mod tries;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use crystal_core::SiteMode;
use datasets::{LoadOptions, load, locate};
use druse::checkpoint;
use druse::output::{writable_folder, write_file, write_json};
use druse::{Proposing, Provenance};
use langevin::{FewStep, Method, SamplerConfig, Selection};
use potential::{Nequix, Potential};
use relax::Options;
use serde::{Deserialize, Serialize};

use crate::command;
use crate::relaxing::{Deadline, Stages};
use crate::run_options::{Leg, Place};
use crate::samplers::ReferenceSplit;
use choice::Choice;
use questions::{Question, Task};
use score::{Distances, Row};
use tries::{Planned, Try};

/// Written last.
const RESULT: &str = "csp-formula.json";
/// The relaxation behind the choice by energy.
const STAGE: &str = "group";
/// What is said if there is no table yet.
const OUT_OF_TIME: &str = "the time is over before all was done; go on with --resume";

/// What the sampler is told of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Given {
    /// Formula and number of formula units: the atoms of the primitive cell.
    Cell,
    /// The reduced formula; cells of up to 20 atoms are proposed.
    Formula,
}

impl Given {
    fn described(self) -> &'static str {
        match self {
            Self::Cell => "formula of the primitive cell",
            Self::Formula => "formula alone",
        }
    }
}

/// How one of the tries is chosen beside the ways that need the network alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Rank {
    /// By the networks alone.
    Network,
    /// By the potential's energy after relaxation as well.
    Energy,
}

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct CspFormulaOptions {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Predicts structures of the validation split instead of the test split: for choosing settings.
    #[arg(long)]
    pub validation: bool,
    /// This many random formulas of the split, each with all its structures; 0: all.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub formulas: usize,
    /// What is given.
    #[arg(long, value_enum, default_value = "cell")]
    pub given: Given,
    /// Tries at each formula, spread over the likeliest groups and positions.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub tries: usize,
    /// Network evaluations of a draw.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub evaluations: usize,
    /// Draws of each try, of which the network keeps the most plausible.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub candidates: usize,
    /// energy: rows chosen by the potential's energy after relaxation as well.
    #[arg(long, value_enum, default_value = "network")]
    pub rank: Rank,
    /// A checkpoint of the Wyckoff mode instead of the compiled-in one.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// A proposer of `wyckoff-model train` instead of the compiled-in one.
    #[arg(long, value_name = "FILE")]
    pub proposer: Option<PathBuf>,
    /// Where it lies and what it works with.
    #[command(flatten)]
    pub place: Place,
    /// How far this leg goes.
    #[command(flatten)]
    pub leg: Leg,
}

impl CspFormulaOptions {
    fn folder(&self) -> PathBuf {
        self.place.folder(&format!("csp-formula-{}", format!("{:?}", self.given).to_lowercase()))
    }

    fn reference(&self) -> ReferenceSplit {
        if self.validation { ReferenceSplit::Validation } else { ReferenceSplit::Test }
    }

    fn sampler(&self) -> SamplerConfig {
        let method = Method::FewStep(FewStep { evaluations: self.evaluations, ..FewStep::default() });
        let selection = Some(Selection { candidates: self.candidates, ..Selection::default() });
        SamplerConfig { method, selection, seed: self.place.seed, ..SamplerConfig::default() }
    }
}

/// Proposes, samples, chooses, compares, and writes everything into the run's folder. Returns the table.
///
/// # Errors
/// If an input, the device or the folder cannot be used, or the run in the folder is another one.
pub fn run(options: &CspFormulaOptions) -> Result<String> {
    let deadline = Deadline::after(Instant::now(), options.leg.minutes);
    ensure!(options.tries > 0, "--tries is 0, which leaves nothing to do; give at least 1");
    let folder = options.folder();
    if folder.join(RESULT).exists() {
        bail!("{}: a finished run lies there already; choose another --name", folder.display());
    }
    let device = options.place.device.open()?;
    let network = checkpoint::for_mode(options.checkpoint.as_deref(), SiteMode::Wyckoff, &device)?;
    let sampler = options.sampler();
    let schedule = &network.trained.description.schedule;
    sampler.check(schedule).context("--evaluations or --candidates")?;
    let proposing = options.proposer.clone().map_or(Proposing::Mp20, Proposing::File);
    let proposer = proposing.open()?.context("a network was asked for")?;
    let potential = match options.rank {
        Rank::Network => None,
        Rank::Energy => Some(Nequix::bundled(&device).context("the potential that is compiled in")?),
    };
    let data = load(
        &locate(options.data.as_deref()),
        &LoadOptions { min_space_group: 1, symprec: 0.1, ..Default::default() },
    )?;
    let provenance = Provenance::of(&data, options.place.seed, options.place.device);
    let records = data.split(options.reference().split());
    let task = Task::new(records, options.given, options.formulas, options.place.seed)?;
    ensure!(!task.questions.is_empty(), "the {} split of {} is empty", options.reference().name(), data.name);
    writable_folder(&folder)?;
    let identity = format!(
        "{:?}, {} formulas of {} {}, {} tries, {} evaluations, {} candidates, seed {}\nnetwork {}\nproposer {}\n",
        options.given,
        options.formulas,
        options.reference().name(),
        provenance.data_sha256,
        options.tries,
        options.evaluations,
        options.candidates,
        options.place.seed,
        network.sha256,
        proposer.weights().sha256,
    );
    let clock = Instant::now();
    let planned = tries::planned(&task, &proposer, options.tries, &folder, &identity, options.leg.resume, deadline)?;
    let Some(planned) = planned else { return Ok(OUT_OF_TIME.to_owned()) };
    let seconds_proposing = clock.elapsed().as_secs_f64();
    write_file(&folder.join(command::FILE), command::of_this_process() + "\n")?;
    let clock = Instant::now();
    let (tries, sampled_now) = tries::sampled(&planned, &network, &sampler, &folder, &device)?;
    let seconds_sampling = sampled_now.then(|| clock.elapsed().as_secs_f64());

    let relaxed = match &potential {
        None => None,
        Some(potential) => {
            let identity = format!("{identity}potential {}\n", potential.identity().sha256);
            let resume = options.leg.resume || folder.join("relaxations.run").exists();
            let mut stages = Stages::open(&folder, &identity, resume, potential, deadline)?;
            let settings = Options {
                fmax: 0.05,
                smax_gpa: 0.1,
                max_steps: 200,
                batch_sites: options.leg.batch_sites,
                ..Options::default()
            };
            let start = |(index, one): (usize, &Option<Try>)| Some((index, one.as_ref()?.structure.clone()));
            let starts: Vec<_> = tries.iter().enumerate().filter_map(start).collect();
            if !stages.run(STAGE, &settings, starts)? {
                return Ok(OUT_OF_TIME.to_owned());
            }
            let energy = |index: usize| stages.relaxed(STAGE, index).cloned();
            Some((0..tries.len()).map(energy).collect::<Vec<_>>())
        }
    };
    let as_sampled = Distances::of(&task, &tries, |index| tries[index].as_ref().map(|one| &one.structure));
    let mut rows = vec![];
    let energies: Vec<Option<f64>> = match &relaxed {
        Some(relaxed) => relaxed.iter().map(|one| Some(one.as_ref()?.energy_per_atom)).collect(),
        None => vec![None; tries.len()],
    };
    let ranked = |choice: Choice| choice::rankings(choice, &task, &planned, &tries, &energies);
    for choice in [Choice::Likeliest, Choice::Plausible, Choice::LikeliestPlausible, Choice::Weighed] {
        rows.push(Row::of(choice.described(), &task, &as_sampled, &ranked(choice)));
    }
    if let Some(relaxed) = &relaxed {
        let distances = Distances::of(&task, &tries, |index| relaxed[index].as_ref().map(|one| &one.structure));
        let ranking = ranked(Choice::Energy);
        rows.push(Row::of("least energy of the potential (*), as sampled", &task, &as_sampled, &ranking));
        rows.push(Row::of("least energy of the potential (*), relaxed", &task, &distances, &ranking));
    }
    let n_sampled = tries.iter().flatten().count();
    let text = format!(
        "Structure prediction, given the {}: {} structures of {} formulas of the {} split of {}, seed {}, device {}\n\
         Network {} (SHA-256 {}…), few-step, {} evaluations a try; proposer {} (SHA-256 {}…)\n\
         {} tries at each question, {} questions; {} of {} came out{}; {:.0} s of proposals\n\n{}",
        options.given.described(),
        task.entries.len(),
        task.n_formulas,
        options.reference().name(),
        data.name,
        options.place.seed,
        options.place.device,
        network.path,
        &network.sha256[..12],
        sampler.evaluations_per_structure(schedule),
        proposer.weights().path,
        &proposer.weights().sha256[..12],
        options.tries,
        task.questions.len(),
        n_sampled,
        planned.iter().map(Vec::len).sum::<usize>(),
        seconds_sampling.map_or_else(String::new, |s| format!(", {:.0} structures/s", n_sampled as f64 / s.max(1e-9))),
        seconds_proposing,
        table::markdown(&rows, &task, score::proposed(&task, &planned), potential.is_some()),
    );
    write_file(&folder.join("csp-formula.md"), &text)?;
    let document = serde_json::json!({
        "identity": identity,
        "given": options.given,
        "n_structures": task.entries.len(),
        "n_formulas": task.n_formulas,
        "n_questions": task.questions.len(),
        "rows": rows,
        "true_positions_proposed": score::proposed(&task, &planned),
        "seconds": {"proposing": seconds_proposing, "sampling": seconds_sampling},
        "provenance": provenance,
    });
    write_json(&folder.join(RESULT), &document)?;
    Ok(text)
}
