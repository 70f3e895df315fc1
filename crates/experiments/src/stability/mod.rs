//! Shares of stable, unique and novel structures among samples, by the protocol of the chapter 'Stability'.

mod diversity;
mod novelty;
mod phonons;
mod samples;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use crystal_core::Structure;
use druse::output::{writable_folder, write_file, write_json};
use druse::provenance::{GIT_REVISION, dirty};
use potential::{Nequix, Potential};
use relax::{CellFreedom, Mode, Options, Rattle};
use stability::{ReferenceSet, Source, StabilityCounts};

use crate::command;
use crate::relaxing::{Deadline, Stages};
use crate::run_options::{Leg, Place};
use novelty::{Judged, Known};
use samples::Wanted;
pub(crate) use samples::{Given, read_given};
use table::{Failures, Figures};

/// In the group with the cell fixed, then with the cell, then without the group after a kick.
const STAGES: [&str; 3] = ["fixed-cell", "group", "kicked"];
/// A kicked structure is taken if it is lower by this much, eV/atom.
const GAIN: f64 = 1e-3;
/// Written last.
const RESULT: &str = "stability.json";
/// Bootstrap samples behind the intervals.
const REPLICATES: usize = 2000;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct StabilityOptions {
    /// Samples in all; of --generated the first ones.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub samples: usize,
    /// Judge these structures instead of sampling: a table (CSV), a file or a folder of structures.
    #[arg(long, value_name = "PATH")]
    pub generated: Option<PathBuf>,
    /// Sample crystals of an open composition: elements, counts, group and positions by the proposer, instead of the
    /// orders of the training split.
    #[arg(long, conflicts_with = "generated")]
    pub de_novo: bool,
    /// With --de-novo: a proposer of `wyckoff-model train` instead of the compiled-in one.
    #[arg(long, value_name = "FILE", requires = "de_novo")]
    pub proposer: Option<PathBuf>,
    /// With --de-novo: the temperature of the proposer's choices [default: 1].
    #[arg(long, value_name = "T", requires = "de_novo", allow_negative_numbers = true)]
    pub temperature: Option<f64>,
    /// Folder of MP-20: orders are taken from its training split, and novelty is judged against it.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Further known structures; novelty against them and MP-20 is told apart.
    #[arg(long, value_name = "FILE")]
    pub novelty: Option<PathBuf>,
    /// The reference set of the hull; default: the one that is compiled in.
    #[arg(long, value_name = "FILE")]
    pub reference: Option<PathBuf>,
    /// A checkpoint of the Wyckoff mode instead of the compiled-in one.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Sample in this many evaluations instead of the paper's 80 steps at each of 10 levels.
    #[arg(long, value_name = "N")]
    pub evaluations: Option<usize>,
    /// Phonons of this many relaxed samples, the first.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub phonons: usize,
    /// Where it lies and what it works with.
    #[command(flatten)]
    pub place: Place,
    /// How far this leg goes.
    #[command(flatten)]
    pub leg: Leg,
}

impl StabilityOptions {
    fn folder(&self) -> PathBuf {
        let stem = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            format!("-{}", name.split('.').next().unwrap_or_default())
        };
        let of = self.generated.as_ref().map(stem).unwrap_or_default();
        let of = if self.de_novo { "-de-novo".to_owned() } else { of };
        self.place.out.join(
            self.place
                .name
                .clone()
                .unwrap_or_else(|| format!("stability{of}-{}-{}", self.place.device, self.place.seed)),
        )
    }

    /// Settings of the three stages.
    fn relaxations(&self) -> [Options; 3] {
        let group = Options { fmax: 0.05, smax_gpa: 0.1, batch_sites: self.leg.batch_sites, ..Options::default() };
        let rattle = Some(Rattle::with_seed(self.place.seed));
        [Options { cell: CellFreedom::Fixed, ..group }, group, Options { mode: Mode::Free { rattle }, ..group }]
    }
}

/// A sample at the end of the stages.
#[derive(Debug, Clone)]
struct End {
    structure: Structure,
    energy_per_atom: f64,
    /// Whether the kick led lower.
    fell: bool,
    converged: bool,
}

/// Samples or reads, relaxes, judges, and writes everything into the run's folder. Returns the table.
///
/// # Errors
/// If an input, the device or the folder cannot be used, or the run in the folder is another one.
pub fn run(options: &StabilityOptions) -> Result<String> {
    let deadline = Deadline::after(Instant::now(), options.leg.minutes);
    ensure!(options.samples > 0, "--samples is 0, which leaves nothing to do; give at least 1");
    let folder = options.folder();
    if folder.join(RESULT).exists() {
        bail!("{}: a finished run lies there already; choose another --name", folder.display());
    }
    let set = match &options.reference {
        Some(path) => ReferenceSet::read(path)?,
        None => ReferenceSet::shipped()?,
    };
    let device = options.place.device.open()?;
    let potential = Nequix::bundled(&device).context("the potential that is compiled in")?;
    let source = Source { name: potential.identity().name.clone(), sha256: potential.identity().sha256.clone() };
    set.check(&source)?;
    let known = Known::read(&options.data, options.novelty.as_deref())?;
    let wanted = Wanted::of(options, &known, &device)?;
    writable_folder(&folder)?;
    let identity = format!("{}potential {}\nseed {}\n", wanted.identity(), source.sha256, options.place.seed);
    let mut stages = Stages::open(&folder, &identity, options.leg.resume, &potential, deadline)?;
    write_file(&folder.join(command::FILE), command::of_this_process() + "\n")?;
    let samples = wanted.get(&known, &folder, options.place.seed, &device)?;

    let sound =
        samples.structures.iter().enumerate().filter_map(|(index, one)| Some((index, one.as_ref().ok()?.clone())));
    let mut starts: Vec<(usize, Structure)> = sound.collect();
    for (stage, settings) in STAGES.into_iter().zip(options.relaxations()) {
        let indices: Vec<usize> = starts.iter().map(|(index, _)| *index).collect();
        if !stages.run(stage, &settings, starts)? {
            return Ok("the time is over before all was relaxed; go on with --resume".to_owned());
        }
        let relaxed = |index: usize| Some((index, stages.relaxed(stage, index)?.structure.clone()));
        starts = indices.into_iter().filter_map(relaxed).collect();
    }
    let ends: Vec<Result<End, String>> =
        samples.structures.iter().enumerate().map(|(index, start)| end_of(start, index, &stages)).collect();
    let above: Vec<Result<f64, String>> = ends
        .iter()
        .map(|end| {
            let End { structure, energy_per_atom, .. } = end.as_ref().map_err(Clone::clone)?;
            let raw = energy_per_atom * structure.n_sites() as f64;
            let placed = set.place(&source, structure, raw).map_err(|error| error.to_string())?;
            Ok(placed.energy_above_hull)
        })
        .collect();
    let relaxed: Vec<Option<Structure>> = ends.iter().map(|end| Some(end.as_ref().ok()?.structure.clone())).collect();
    let unrelaxed: Vec<Option<Structure>> = samples.structures.iter().map(|one| one.clone().ok()).collect();
    let figures: Vec<Figures> = Judged::all(&relaxed, &unrelaxed, &known)?
        .into_iter()
        .map(|judged| {
            let counts = StabilityCounts::of(&judged.verdicts(&above), REPLICATES, options.place.seed);
            Figures { name: judged.name, counts }
        })
        .collect();
    let failures = Failures::of(&samples, &ends, &above);
    let diversity = diversity::compared(&samples.name, &relaxed, &known.train, options.place.seed);
    let Some(phonons) = phonons::measure(options, &potential, &relaxed, &folder, &identity, deadline)? else {
        return Ok("the time is over before all phonons were computed; go on with --resume".to_owned());
    };
    let text = format!(
        "Stability of {}: {} samples, seed {}, source {GIT_REVISION}{}\nPotential: {source}. Hull: {} phases, SHA-256 {}, {}.\n\
         Known structures: {}\n\n{}\n{}\n{}\n\n{}\n",
        samples.name,
        samples.structures.len(),
        options.place.seed,
        if dirty() { " (changed)" } else { "" },
        set.n_phases(),
        &set.sha256()[..12],
        set.data(),
        known.described(),
        table::markdown(&figures),
        failures.text(),
        phonons.text(),
        diversity::markdown(&diversity),
    );
    write_file(&folder.join("samples.csv"), table::csv(&samples, &ends, &above))?;
    write_file(&folder.join("stability.md"), &text)?;
    let document = table::document(&identity, &set, &figures, &failures, &phonons, &diversity);
    write_json(&folder.join(RESULT), &document)?;
    Ok(text)
}

/// The lower of the last two stages; the kicked one only if it gains enough.
fn end_of(start: &Result<Structure, String>, index: usize, stages: &Stages<'_>) -> Result<End, String> {
    start.as_ref().map_err(Clone::clone)?;
    for stage in &STAGES[..2] {
        if let Some(Err(reason)) = stages.outcome(stage, index) {
            return Err(format!("{stage}: {reason}"));
        }
    }
    let group = stages.relaxed(STAGES[1], index).ok_or("not relaxed")?;
    let kicked = stages.relaxed(STAGES[2], index);
    let lower = kicked.filter(|kicked| kicked.energy_per_atom <= group.energy_per_atom - GAIN);
    let taken = lower.unwrap_or(group);
    Ok(End {
        structure: taken.structure.clone(),
        energy_per_atom: taken.energy_per_atom,
        fell: lower.is_some(),
        converged: taken.converged,
    })
}
