//! The paper's Table 2: 36 known compounds that the network has not seen, rebuilt from space group and sites per
//! element, and relaxed.

mod rows;
mod score;
mod seen;
mod table;
mod targets;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use crystal_core::{Composition, Structure, io};
use druse::checkpoint::{self, Checkpoint};
use druse::output::{writable_folder, write_file, write_json};
use druse::provenance::{GIT_REVISION, dirty};
use langevin::SamplerConfig;
use potential::{Nequix, Potential};
use relax::{Mode, Options, Rattle};

use crate::command;
use crate::relaxing::{Deadline, Stages};
use crate::run_options::{Leg, Place};
use crate::sampling;
use rows::Given;
use score::{Ceiling, Row};
use targets::Target;

/// Relaxed within the space group, then without it.
const STAGES: [&str; 2] = ["symmetric", "free"];
/// Written last.
const RESULT: &str = "table2.json";
/// What is said if there is no table yet.
const OUT_OF_TIME: &str = "the time is over before all was relaxed; go on with --resume";
/// Indices of the targets themselves among the relaxations lie above those of all samples.
const OF_TARGETS: usize = 1 << 40;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct Table2Options {
    /// Samples of each target and row.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub samples: usize,
    /// The list of targets; default: table2/targets.jsonl in the folder of the data or beside it.
    #[arg(long, value_name = "FILE")]
    pub targets: Option<PathBuf>,
    /// Only this many targets, the first.
    #[arg(long, value_name = "N")]
    pub first: Option<usize>,
    /// Folder of MP-20, in which the targets are looked for.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder of the paper's set of stable structures, in which they are looked for too.
    #[arg(long, value_name = "DIR")]
    pub stable_data: Option<PathBuf>,
    /// A checkpoint of the general mode instead of the compiled-in one.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// A checkpoint of the Wyckoff mode instead of the compiled-in one.
    #[arg(long, value_name = "FILE")]
    pub wyckoff_checkpoint: Option<PathBuf>,
    /// Sample in this many evaluations instead of the paper's 80 steps at each of 10 levels.
    #[arg(long, value_name = "N")]
    pub evaluations: Option<usize>,
    /// Where it lies and what it works with.
    #[command(flatten)]
    pub place: Place,
    /// How far this leg goes.
    #[command(flatten)]
    pub leg: Leg,
}

impl Table2Options {
    fn folder(&self) -> PathBuf {
        self.place.folder("table2")
    }

    fn sampler(&self) -> SamplerConfig {
        sampling::config(self.evaluations, self.place.seed)
    }

    /// Settings of both stages.
    fn relaxations(&self) -> [Options; 2] {
        let symmetric = Options { batch_sites: self.leg.batch_sites, ..Options::default() };
        let rattle = Some(Rattle::with_seed(self.place.seed));
        [symmetric, Options { mode: Mode::Free { rattle }, ..symmetric }]
    }
}

/// Samples, relaxes, compares, and writes everything into the run's folder. Returns the table.
///
/// # Errors
/// If an input, the device or the folder cannot be used, or the run in the folder is another one.
pub fn run(options: &Table2Options) -> Result<String> {
    let deadline = Deadline::after(Instant::now(), options.leg.minutes);
    ensure!(options.samples > 0, "--samples is 0, which leaves nothing to do; give at least 1");
    let folder = options.folder();
    if folder.join(RESULT).exists() {
        bail!("{}: a finished run lies there already; choose another --name", folder.display());
    }
    let path = targets::file_of(options.targets.as_deref(), options.data.as_deref())?;
    let mut targets = targets::read(&path)?;
    targets.truncate(options.first.unwrap_or(usize::MAX).max(1));
    let device = options.place.device.open()?;
    let network = |given: Given, file: &Option<PathBuf>| checkpoint::for_mode(file.as_deref(), given.mode(), &device);
    let general = network(Given::Sites, &options.checkpoint)?;
    let wyckoff = network(Given::Positions, &options.wyckoff_checkpoint)?;
    let config = options.sampler();
    config.check(&general.trained.description.schedule).context("--evaluations")?;
    let potential = Nequix::bundled(&device).context("the potential that is compiled in")?;
    writable_folder(&folder)?;
    let identity = identity(options, &targets, &general, &wyckoff, &potential);
    let mut stages = Stages::open(&folder, &identity, options.leg.resume, &potential, deadline)?;
    write_file(&folder.join(command::FILE), command::of_this_process() + "\n")?;
    let folders: Vec<&Path> =
        [&options.data, &options.stable_data].into_iter().flatten().map(PathBuf::as_path).collect();
    let look = || seen::look(&targets, &folders, &[&general, &wyckoff]);
    let seen = (!folders.is_empty()).then(look).transpose()?;

    let settings = options.relaxations();
    let ceiling = |index: usize| OF_TARGETS + index;
    let starts = targets.iter().enumerate().map(|(index, target)| (ceiling(index), target.structure.clone()));
    if !relax_all(&mut stages, &settings, starts.collect())? {
        return Ok(OUT_OF_TIME.to_owned());
    }
    let mut rows = Vec::new();
    for given in Given::ALL {
        let network = if given == Given::Sites { &general } else { &wyckoff };
        let samples = sampled(given, network, &config, &targets, options, &folder, &device)?;
        let index = |target: usize, sample: usize| (given as usize * 1_000 + target) * 1_000_000 + sample;
        // What has another composition than the target can never match it.
        let starts = samples.iter().enumerate().flat_map(|(target, samples)| {
            let formula = &targets[target].formula;
            let fits = move |(_, structure): &(usize, &Structure)| Composition::of(structure).reduced() == *formula;
            let samples = samples.iter().enumerate().filter_map(|(sample, found)| Some((sample, found.as_ref()?)));
            samples.filter(fits).map(move |(sample, structure)| (index(target, sample), structure.clone()))
        });
        if !relax_all(&mut stages, &settings, starts.collect())? {
            return Ok(OUT_OF_TIME.to_owned());
        }
        rows.push(Row::of(given, &targets, &samples, |stage, target, sample| {
            stages.relaxed(stage, index(target, sample)).map(|relaxed| relaxed.structure.clone())
        })?);
    }
    let ceiling = Ceiling::of(&targets, |stage, target| stages.outcome(stage, ceiling(target)).cloned())?;
    let head = format!(
        "Table 2: {} targets, {} samples of each, seed {}, source {GIT_REVISION}{}\nNetworks: {} ({}), {} ({})\nPotential: {} \
         {}; relaxed within the group to 0.02 eV/Å and 0.1 GPa, then without it after a kick of 0.05 Å and 1 %, at most 500 \
         steps each\n{}\n",
        targets.len(),
        options.samples,
        options.place.seed,
        if dirty() { " (changed)" } else { "" },
        general.path,
        general.trained.description.data.name,
        wyckoff.path,
        wyckoff.trained.description.data.name,
        potential.identity().name,
        potential.identity().sha256,
        seen.as_ref().map_or_else(
            || "Whether the targets are in the training data was NOT checked: give --data".to_owned(),
            seen::Seen::text
        ),
    );
    let text = format!("{head}\n{}", table::markdown(&targets, &ceiling, &rows, options.samples));
    write_file(&folder.join("table2.md"), &text)?;
    let document = serde_json::json!({ "identity": identity, "seen": seen, "ceiling": ceiling, "rows": rows });
    write_json(&folder.join(RESULT), &document)?;
    Ok(text)
}

/// Both stages, the second from the results of the first.
fn relax_all(stages: &mut Stages<'_>, settings: &[Options; 2], starts: Vec<(usize, Structure)>) -> Result<bool> {
    let indices: Vec<usize> = starts.iter().map(|(index, _)| *index).collect();
    let [symmetric, free] = settings;
    if !stages.run(STAGES[0], symmetric, starts)? {
        return Ok(false);
    }
    let relaxed = |index: usize| Some((index, stages.relaxed(STAGES[0], index)?.structure.clone()));
    let starts: Vec<_> = indices.into_iter().filter_map(relaxed).collect();
    stages.run(STAGES[1], free, starts)
}

/// The samples of a row: read back if the row was sampled before.
fn sampled(
    given: Given,
    network: &Checkpoint,
    config: &SamplerConfig,
    targets: &[Target],
    options: &Table2Options,
    folder: &Path,
    device: &Device,
) -> Result<Vec<Vec<Option<Structure>>>> {
    let samples = options.samples;
    let mut found: Vec<Vec<Option<Structure>>> = vec![vec![None; samples]; targets.len()];
    let file = folder.join(format!("samples-{}.jsonl", given.name()));
    let name = |target: usize, sample: usize| format!("{}_{sample}", targets[target].id);
    if file.exists() {
        let all = (0..targets.len()).flat_map(|target| (0..samples).map(move |sample| (target, sample)));
        let places: HashMap<String, (usize, usize)> = all.map(|place| (name(place.0, place.1), place)).collect();
        for entry in io::read_all(&file)? {
            let (target, sample) =
                *places.get(&entry.id).with_context(|| format!("{}: {}", file.display(), entry.id))?;
            found[target][sample] = Some(entry.structure?);
        }
        return Ok(found);
    }
    let orders = given.orders(targets, samples, options.place.seed)?;
    let name_of_bar = format!("sampling, {}", given.name());
    sampling::sample_each(&name_of_bar, network, config.clone(), &orders, device, |order, structure| {
        found[order / samples][order % samples] = Some(structure);
    })?;
    let entry = |(target, sample): (usize, usize)| Some((name(target, sample), found[target][sample].clone()?));
    let all = (0..targets.len()).flat_map(|target| (0..samples).map(move |sample| (target, sample)));
    let entries: Vec<(String, Structure)> = all.filter_map(entry).collect();
    ensure!(!entries.is_empty(), "every draw of every sample of the row '{}' failed", given.name());
    io::write_all(&file, &entries)?;
    Ok(found)
}

/// What makes two legs one run.
fn identity(
    options: &Table2Options,
    targets: &[Target],
    general: &Checkpoint,
    wyckoff: &Checkpoint,
    potential: &Nequix,
) -> String {
    let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
    format!(
        "{} samples, seed {}, {:?}\nnetworks {} {}\npotential {}\ntargets {}\n",
        options.samples,
        options.place.seed,
        options.sampler().method,
        general.sha256,
        wyckoff.sha256,
        potential.identity().sha256,
        ids.join(" ")
    )
}
