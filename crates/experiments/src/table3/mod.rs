//! Table 3 and Figure 8: new compounds in chemical systems (the paper's section 5.4).

mod config;
mod published;
mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use crystal_core::SiteMode;
use druse::DeviceName;
use druse::checkpoint::{self, Checkpoint};
use druse::config::to_ron;
use druse::output::{writable_folder, write_file, write_json};
use druse::provenance::{GIT_REVISION, VERSION, dirty};
use potential::Nequix;
use search::{Budget, KnownStructures, Settings, Tools, milli, open_reference, search, write_report, write_results};
use serde::Serialize;
use stability::ReferenceSet;

pub use config::Table3Config;
pub use published::{Family, PUBLISHED, Published};
pub use table::SystemRow;

use crate::command;
use crate::progress::bar;
use crate::run_options::RunOptions;

/// Written first: what the run is of.
const CONFIG: &str = "config.ron";
/// Written again after every system; whole when all of them are in it.
const RESULT: &str = "table3.json";
/// A search without a limit of rounds: until all orders are done.
const ALL: u64 = u64::MAX;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct Table3Options {
    /// Presets: one sample of each combination in 8 groups in 'quick', the paper's 60 in 32 groups in 'full'.
    #[command(flatten)]
    pub run: RunOptions,
    /// Other systems than the preset's, such as Cu-Si-K; may be repeated.
    #[arg(long, value_name = "A-B-C")]
    pub system: Vec<String>,
    /// Time for everything, minutes: what is unfinished then stays, and the table is of what is there. Default: none.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..))]
    pub minutes: Option<u64>,
    /// Sample with this checkpoint of the general mode instead of the compiled-in one.
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Weights of a Nequix potential instead of those that are compiled in.
    #[arg(long)]
    pub potential: Option<PathBuf>,
    /// Phases of the hull instead of those that are compiled in; made with the same potential.
    #[arg(long)]
    pub reference: Option<PathBuf>,
    /// Structures that are known beside the phases of the hull: a file or folder.
    #[arg(long)]
    pub known: Option<PathBuf>,
    /// Go on with an interrupted run, or with one whose time ended.
    #[arg(long)]
    pub resume: bool,
}

/// What a run leaves behind.
#[derive(Debug, Serialize)]
struct Document<'a> {
    rows: &'a [SystemRow],
    /// Systems that no time was left for.
    missing: Vec<&'a str>,
    config: &'a Table3Config,
    checkpoint: (&'a str, &'a str),
    potential: (&'a str, &'a str),
    reference: (&'a str, &'a str),
    reference_data: (&'a str, &'a str),
    version: &'a str,
    git: &'a str,
    dirty: bool,
    seed: u64,
    device: DeviceName,
    seconds: f64,
}

/// Everything that the searches work with.
struct Equipment {
    device: Device,
    device_name: DeviceName,
    checkpoint: Checkpoint,
    potential: Nequix,
    reference: ReferenceSet,
    reference_name: String,
}

/// Searches the systems and writes everything into `runs/<name>/`: a folder for each system as `druse find` leaves it,
/// and the table. Returns the table as text.
///
/// # Errors
/// If the configuration makes no sense, the tools do not go together, or a file cannot be read or written.
pub fn run(options: &Table3Options) -> Result<String> {
    let run = &options.run;
    let mut config: Table3Config = run.configuration()?;
    if !options.system.is_empty() {
        config.systems.clone_from(&options.system);
    }
    let searches = config.searches(run.place.seed).with_context(|| run.described())?;
    let folder = if options.resume { run.latest_folder("table3", RESULT) } else { run.folder("table3", RESULT) };
    if folder.join(CONFIG).exists() && !options.resume {
        bail!("{}: a run lies there already; go on with it (--resume) or choose another --name", folder.display());
    }
    let equipment = equipment(options)?;
    writable_folder(&folder)?;
    write_file(&folder.join(CONFIG), to_ron(&config)?)?;
    write_file(&folder.join(command::FILE), command::of_this_process() + "\n")?;
    let clock = Instant::now();
    let time = options.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let mut rows: Vec<SystemRow> = Vec::new();
    for (index, (name, settings)) in searches.iter().enumerate() {
        // Every system gets its share of what is left.
        let left = time.map(|time| time.saturating_sub(clock.elapsed()).div_f64((searches.len() - index) as f64));
        if left.is_some_and(|left| left.is_zero()) {
            tracing::warn!("{name}: no time is left; --resume goes on with it");
            continue;
        }
        let budget = Budget { time: left, rounds: Some(ALL) };
        let row = one(options, name, settings, &budget, &config, &equipment, &folder)
            .with_context(|| format!("searching {name}"))?;
        rows.push(row);
        write(&folder, &rows, &config, &equipment, run.place.seed, clock.elapsed().as_secs_f64())?;
    }
    Ok(table::text(&rows))
}

fn equipment(options: &Table3Options) -> Result<Equipment> {
    let (reference, reference_name) = open_reference(options.reference.as_deref())?;
    let device = options.run.place.device.open()?;
    let potential = match &options.potential {
        Some(path) => Nequix::load(path, &device)?,
        None => Nequix::bundled(&device)?,
    };
    let checkpoint = checkpoint::for_mode(options.checkpoint.as_deref(), SiteMode::General, &device)?;
    Ok(Equipment { device, device_name: options.run.place.device, checkpoint, potential, reference, reference_name })
}

/// One system, searched in its own folder.
fn one(
    options: &Table3Options,
    name: &str,
    settings: &Settings,
    budget: &Budget,
    config: &Table3Config,
    equipment: &Equipment,
    folder: &Path,
) -> Result<SystemRow> {
    let known = match &options.known {
        None => None,
        Some(path) => {
            let (known, problems) = KnownStructures::read(path, &settings.elements)?;
            problems.iter().for_each(|problem| tracing::warn!("{problem}"));
            Some(known)
        }
    };
    let tools = Tools {
        checkpoint: &equipment.checkpoint,
        proposer: None,
        device: &equipment.device,
        device_name: equipment.device_name,
        potential: &equipment.potential,
        reference: &equipment.reference,
        reference_name: &equipment.reference_name,
        known: known.as_ref(),
    };
    let folder = folder.join(name);
    let bar = bar(name, settings.n_samples().unwrap_or_default());
    let mut next = Instant::now();
    let found = search(settings, &tools, budget, config.top, &folder, options.resume, &mut |told| {
        bar.set_position(told.done as u64);
        bar.set_message(told.stage.name());
        if Instant::now() >= next {
            next = Instant::now() + Duration::from_secs(20);
            let best = told.best.first().map(|best| {
                format!("{} in {}, {} meV/atom", best.formula, best.space_group, milli(best.energy_above_hull))
            });
            tracing::info!("{name}: {} {}, best: {}", told.stage.name(), told.done, best.unwrap_or_default());
        }
    })?;
    bar.finish_and_clear();
    write_results(&found, &folder, &equipment.device_name.to_string())?;
    write_report(&found, &equipment.reference, &folder)?;
    Ok(SystemRow::of(name, &found))
}

fn write(
    folder: &Path,
    rows: &[SystemRow],
    config: &Table3Config,
    equipment: &Equipment,
    seed: u64,
    seconds: f64,
) -> Result<()> {
    use potential::Potential;
    let identity = equipment.potential.identity();
    let data = equipment.reference.data();
    let is_missing = |system: &&String| rows.iter().all(|row| row.system != **system);
    let document = Document {
        rows,
        missing: config.systems.iter().filter(is_missing).map(String::as_str).collect(),
        config,
        checkpoint: (&equipment.checkpoint.path, &equipment.checkpoint.sha256),
        potential: (&identity.name, &identity.sha256),
        reference: (&equipment.reference_name, equipment.reference.sha256()),
        reference_data: (&data.name, &data.sha256),
        version: VERSION,
        git: GIT_REVISION,
        dirty: dirty(),
        seed,
        device: equipment.device_name,
        seconds,
    };
    write_file(&folder.join("table3.md"), table::markdown(rows))?;
    write_file(&folder.join("table3.txt"), table::text(rows))?;
    write_json(&folder.join(RESULT), &document)?;
    Ok(())
}
