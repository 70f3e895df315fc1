//! The reference set behind `druse hull`: all structures of MP-20 and of the paper's stable set, relaxed by the shipped
//! potential.

mod finish;
mod items;
mod record;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use druse::DeviceName;
use druse::output::writable_folder;
use druse::provenance::{GIT_REVISION, dirty};
use potential::{Nequix, Potential};
use relax::{Mode, Options};
use stability::CorrectionScheme;

use crate::journal::Journal;
use crate::progress::bar;
use crate::relaxing::{Deadline, Waiting, relax_until};
use crate::run_options::Leg;
use items::{Item, Items};
use record::Record;

pub use finish::FILE;

/// Its journal.
const JOURNAL: &str = "hull-reference";
/// The builds that worked on the run.
const LEGS: &str = "legs";
/// What is added to the energies.
const SCHEME: CorrectionScheme = CorrectionScheme::MaterialsProject2020;

/// How a structure gets its energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EnergyMode {
    /// At the minimum within its space group.
    Relax,
    /// As it is given.
    SinglePoint,
}

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct HullReferenceOptions {
    /// Folder of MP-20, or one that holds it as mp_20.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder of the stable set; without it the hull lacks phases with more than 20 atoms.
    #[arg(long, value_name = "DIR")]
    pub stable_data: Option<PathBuf>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Folder of the run.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Relax nothing: write the file of what the run in the folder has finished.
    #[arg(long)]
    pub finish: bool,
    /// Only this many structures, the smallest.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Relax, or evaluate as given.
    #[arg(long, value_enum, default_value = "relax")]
    pub mode: EnergyMode,
    /// Only structures of at most this many atoms.
    #[arg(long, value_name = "N")]
    pub max_atoms: Option<usize>,
    /// How far this leg goes.
    #[command(flatten)]
    pub leg: Leg,
    /// Batches in flight; default: 2.
    #[arg(long, value_name = "N")]
    pub batches: Option<usize>,
}

impl HullReferenceOptions {
    fn relaxation(&self) -> Options {
        let defaults = Options::default();
        Options {
            mode: Mode::Symmetric { symprec: 0.01 },
            max_steps: match self.mode {
                EnergyMode::Relax => defaults.max_steps,
                EnergyMode::SinglePoint => 0,
            },
            batch_sites: self.leg.batch_sites,
            batches: self.batches.unwrap_or(defaults.batches),
            ..defaults
        }
    }

    fn check(&self) -> Result<()> {
        let zero = [("--limit", self.limit), ("--max-atoms", self.max_atoms), ("--batch-sites", self.leg.batch_sites)];
        for (name, value) in zero {
            ensure!(value != Some(0), "{name} is 0, which leaves nothing to do; give at least 1");
        }
        let minutes = self.leg.minutes.is_none_or(|minutes| minutes.is_finite() && minutes > 0.0);
        ensure!(minutes, "--minutes must be a positive number");
        Ok(())
    }
}

/// Relaxes, then writes the reference file. Returns what is there and what is missing.
///
/// # Errors
/// If data, device or folder cannot be used, or the run in the folder is another one.
pub fn run(options: &HullReferenceOptions) -> Result<String> {
    let start = Instant::now();
    options.check()?;
    let relaxation = options.relaxation();
    relaxation.check()?;
    let items = Items::read(&options.data, options.stable_data.as_deref())?;
    let (potential, place) = if options.finish {
        let weights = potential::Weights::bundled()?;
        (Nequix::new(&weights, &DeviceName::Cpu.open()?), DeviceName::Cpu)
    } else {
        let device = options.device.open()?;
        (Nequix::bundled(&device).context("the potential that is compiled in")?, options.device)
    };
    writable_folder(&options.out)?;
    let identity = identity(&relaxation, &potential, &items);
    let go_on = options.leg.resume || options.finish;
    let (mut journal, mut records) = Journal::<Record>::open(&options.out, JOURNAL, &identity, go_on)?;
    let (mut legs, mut builds) = Journal::<String>::open(&options.out, LEGS, "", true)?;
    if !options.finish {
        let build = format!("{GIT_REVISION}{} on {place}", if dirty() { " (changed)" } else { "" });
        if !builds.contains(&build) {
            legs.add(&build)?;
            builds.push(build);
        }
        let waiting = items.waiting(&records, options.max_atoms, options.limit);
        let deadline = Deadline::after(start, options.leg.minutes);
        evaluate(&potential, &relaxation, &items, waiting, &deadline, &mut journal, &mut records)?;
    } else if records.is_empty() {
        bail!("{}: no structure is finished there; start the run without --finish", options.out.display());
    }
    finish::write(options, &items, &records, potential.identity(), &builds, &settings(&relaxation, options.mode))
}

fn evaluate(
    potential: &Nequix,
    options: &Options,
    items: &Items,
    waiting: Vec<usize>,
    deadline: &Deadline,
    journal: &mut Journal<Record>,
    records: &mut Vec<Record>,
) -> Result<()> {
    let bar = bar("relaxing", waiting.len() as u64);
    tracing::info!("{} structures to do, {} done before", waiting.len(), records.len());
    let waiting = waiting.into_iter().map(|index| {
        let Item { structure, .. } = &items.all[index];
        // End members first: without them a run that ends early has no hull at all.
        let rank = u8::from(crystal_core::Composition::of(structure).n_elements() > 1);
        Waiting { index, rank, crystal: structure.clone().into() }
    });
    let (mut n_done, clock) = (0_usize, Instant::now());
    let ended = relax_until(potential, options, waiting.collect(), deadline, |index, result| {
        let record = Record::new(&items.all[index], result);
        journal.add(&record)?;
        records.push(record);
        n_done += 1;
        bar.inc(1);
        if n_done.is_multiple_of(1000) {
            let seconds = clock.elapsed().as_secs_f64();
            tracing::info!("{n_done} done in {seconds:.0} s, {:.1} per second", n_done as f64 / seconds);
        }
        Ok(())
    });
    bar.finish_and_clear();
    if !ended? {
        tracing::warn!("the time is over: go on with --resume");
    }
    Ok(())
}

/// What makes two legs one run: the same here gives the same energies.
fn identity(options: &Options, potential: &Nequix, items: &Items) -> String {
    let Options { mode, cell, pressure_gpa, fmax, smax_gpa, max_steps, method, limits, .. } = options;
    let potential::Identity { name, sha256 } = potential.identity();
    format!(
        "potential {name} {sha256}\ndata {} {}\n{mode:?} {cell:?} {pressure_gpa} GPa {fmax} eV/Å {smax_gpa} GPa \
         {max_steps} steps {method:?} {limits:?}\n",
        items.source.name, items.source.sha256,
    )
}

/// How energies were found, in words.
fn settings(options: &Options, mode: EnergyMode) -> String {
    match mode {
        EnergyMode::SinglePoint => "energies of the structures as given, not relaxed".to_owned(),
        EnergyMode::Relax => format!(
            "relaxed within the space group found at 0.01 Å from the structures as given, L-BFGS, forces below {} eV/Å, \
             stress below {} GPa, at most {} steps",
            options.fmax, options.smax_gpa, options.max_steps
        ),
    }
}
