//! Structure prediction: how often the structure comes out that space group and formula, or Wyckoff letters, were taken
//! from.

mod config;
mod positions;
mod score;
mod table;
mod targets;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use crystal_core::whole;
use crystal_core::{SiteMode, Structure, io};
use datasets::{DataSet, LoadOptions, Source, load, locate};
use druse::Provenance;
use druse::checkpoint::{self, Checkpoint};
use druse::config::to_ron;
use druse::output::{writable_folder, write_file};
use langevin::{Outcome, Sampler, SamplerConfig, SamplingOrder};
use metrics::StructureMatcher;
use serde::Serialize;
use wyckoff_assignment::WyckoffAssignment;

pub use config::{CspConfig, Given, Positions};
pub(crate) use score::{BINS, bin_of};
pub use score::{Rate, Symmetry};
pub use table::CspRow;

use crate::command;
use crate::progress::bar;
use crate::run_options::RunOptions;
use crate::samplers::NamedSampler;
use crate::statistics::choose;
use positions::PositionSource;
use score::Distances;
use targets::Target;

/// Stream of the seed for the choice of the targets.
const TARGET_STREAM: u64 = 1 << 33;
/// Written first: what the run is of. A run with this file and without [`RESULT`] was interrupted.
const RUN: &str = "run.json";
/// Written last: a run with this file is finished.
const RESULT: &str = "csp.json";

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct CspOptions {
    /// Presets: 100 structures in 'quick', 1000 in 'full'.
    #[command(flatten)]
    pub run: RunOptions,
    /// Sample with this checkpoint of the Wyckoff mode instead of the compiled-in one.
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// A proposer of `wyckoff-model train` instead of the compiled-in one.
    #[arg(long, value_name = "FILE")]
    pub proposer: Option<PathBuf>,
    /// Go on with an interrupted run: rows that are finished stay.
    #[arg(long)]
    pub resume: bool,
}

/// What a run is of: the same here gives the same rows.
#[derive(Serialize)]
struct Identity<'a> {
    config: &'a CspConfig,
    checkpoint_sha256: &'a str,
    positions: &'a str,
    provenance: &'a Provenance,
}

/// What a run leaves behind.
#[derive(Serialize)]
struct Document<'a> {
    rows: &'a [CspRow],
    n_targets: usize,
    /// Structures of the split that the symmetry finder could not reduce: they cannot be predicted, and are not among
    /// the targets.
    not_reduced: usize,
    tries: usize,
    checkpoint: &'a str,
    checkpoint_sha256: &'a str,
    /// Where positions came from if only the formula was given.
    positions: &'a str,
    provenance: &'a Provenance,
}

/// Predicts structures of a split and writes everything into `runs/<name>/`. Returns the tables as text.
///
/// # Errors
/// If the configuration makes no sense, the checkpoint is one of the general mode, or a file cannot be read or written.
pub fn run(options: &CspOptions) -> Result<String> {
    let CspOptions { run: options, checkpoint, proposer, resume } = options;
    let config: CspConfig = options.configuration()?;
    let folder = options.folder("csp", RESULT);
    if folder.join(RESULT).exists() {
        bail!("{}: a finished run lies there already; choose another --name", folder.display());
    }
    let interrupted = folder.join(RUN).exists();
    if interrupted && !resume {
        bail!("{}: an interrupted run lies there; go on with it (--resume) or choose another --name", folder.display());
    }
    let device = options.place.device.open()?;
    let network = checkpoint::for_mode(checkpoint.as_deref(), SiteMode::Wyckoff, &device)?;
    let schedule = &network.trained.description.schedule;
    config.check(schedule).with_context(|| options.described())?;
    let config = config.resolve(options.place.seed);
    let source_of_positions = PositionSource::open(config.positions, proposer.clone())?;
    let positions = source_of_positions.described();
    let source = locate(options.data.as_deref());
    if source == Source::Embedded {
        tracing::warn!("no data were found: the embedded prototypes are predicted, which says little; give --data DIR");
    }
    let data = load(
        &source,
        &LoadOptions {
            min_space_group: config.data.min_space_group,
            symprec: config.data.symprec,
            ..LoadOptions::default()
        },
    )?;
    let (targets, not_reduced) = targets_of(&data, &config, options.place.seed)?;
    let provenance = Provenance::of(&data, options.place.seed, options.place.device);
    let identity = Identity {
        config: &config,
        checkpoint_sha256: &network.sha256,
        positions: &positions,
        provenance: &provenance,
    };
    let identity = serde_json::to_string_pretty(&identity)? + "\n";
    if interrupted && read_text(&folder.join(RUN))? != identity {
        bail!(
            "{}: the run that was interrupted there had another configuration, checkpoint, seed, device or data, or is of another build \
             (its {RUN} tells); choose another --name",
            folder.display()
        );
    }
    writable_folder(&folder)?;
    write_file(&folder.join("config.ron"), to_ron(&config)?)?;
    write_file(&folder.join(command::FILE), command::of_this_process() + "\n")?;
    write_file(&folder.join(RUN), identity)?;
    let matcher = StructureMatcher::default();

    let random = |(index, target): (usize, &Target)| {
        let attempt =
            |attempt: usize| targets::random_coordinates(target, attempt, index as u64, options.place.seed).ok();
        (0..config.tries).map(attempt).collect::<Vec<_>>()
    };
    let chance: Vec<Vec<Option<Structure>>> = targets.iter().enumerate().map(random).collect();
    let row = |name: &str, given: Given, tries: &[Vec<Option<Structure>>]| {
        let distances = Distances::of(&targets, tries, &matcher);
        CspRow::new(name, given.described(), &distances, Symmetry::of(&targets, tries))
    };
    let mut rows = vec![row("random coordinates", Given::Letters, &chance)];
    for given in &config.given {
        for NamedSampler { name, sampling, .. } in &config.samplers {
            let finished = folder.join(format!("{}-{name}.json", given.described()));
            if interrupted && finished.exists() {
                tracing::info!("{}: finished before", finished.display());
                let row =
                    serde_json::from_str(&read_text(&finished)?).with_context(|| finished.display().to_string())?;
                rows.push(row);
                continue;
            }
            let orders = match given {
                Given::Letters => targets::orders_of_letters(&targets, config.tries),
                Given::Formula => {
                    let candidates = sampling.candidates();
                    source_of_positions.orders(&targets, config.tries, candidates, options.place.seed)?
                }
            };
            tracing::info!("{} tries, {} given, by {name}", orders.len(), given.described());
            let predicted = predict(&network, sampling, &orders, config.tries, &device)?;
            let Predicted { tries, redraws, given_up, structures_per_second } = predicted;
            write_tries(&folder.join(format!("{}-{name}.jsonl.zst", given.described())), &targets, &tries)?;
            let structures_per_second = Some(structures_per_second);
            let evaluations = Some(sampling.evaluations_per_structure(schedule));
            let row = CspRow { evaluations, redraws, given_up, structures_per_second, ..row(name, *given, &tries) };
            write_file(&finished, serde_json::to_string_pretty(&row)? + "\n")?;
            rows.push(row);
        }
    }
    let text = format!(
        "Structure prediction, {} of {} ({} structures of the {} split, {} tries each), {}, device {}, seed {}\n\
         Positions of the rows 'formula': {positions}\n\n{}",
        options.described(),
        data.name,
        targets.len(),
        config.reference.name(),
        config.tries,
        network.path,
        options.place.device,
        options.place.seed,
        table::as_text(&rows, config.tries),
    );
    write_file(&folder.join("csp.txt"), &text)?;
    write_file(&folder.join("csp.md"), table::as_markdown(&rows, config.tries))?;
    let document = Document {
        rows: &rows,
        n_targets: targets.len(),
        not_reduced,
        tries: config.tries,
        checkpoint: &network.path,
        checkpoint_sha256: &network.sha256,
        positions: &positions,
        provenance: &provenance,
    };
    write_file(&folder.join(RESULT), serde_json::to_string_pretty(&document)? + "\n")?;
    Ok(text)
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))
}

/// Random structures of the split that have a reduced form, and how many have none.
fn targets_of(data: &DataSet, config: &CspConfig, seed: u64) -> Result<(Vec<Target>, usize)> {
    let records = data.split(config.reference.split());
    let reduced: Vec<_> = records.iter().filter(|record| record.unit.is_ok()).collect();
    let n = if config.n_structures == 0 { reduced.len() } else { config.n_structures.min(reduced.len()) };
    if n == 0 {
        bail!("no structure of the {} split of {} has a reduced form", config.reference.name(), data.name);
    }
    let target = |index: usize| {
        let record = reduced[index];
        let unit = record.unit.clone().map_err(anyhow::Error::msg)?;
        let assignment = WyckoffAssignment::of(&unit).with_context(|| record.id.clone())?;
        Ok(Target { id: record.id.clone(), structure: record.structure.clone(), unit, assignment })
    };
    let targets = choose(reduced.len(), n, seed, TARGET_STREAM).into_iter().map(target).collect::<Result<Vec<_>>>()?;
    Ok((targets, records.len() - reduced.len()))
}

/// What came of the sampling.
struct Predicted {
    /// The tries at each target.
    tries: Vec<Vec<Option<Structure>>>,
    redraws: usize,
    given_up: usize,
    structures_per_second: f64,
}

fn predict(
    network: &Checkpoint,
    sampling: &SamplerConfig,
    orders: &[SamplingOrder],
    tries: usize,
    device: &Device,
) -> Result<Predicted> {
    const UNITS: f64 = 100.0;
    let sampler = Sampler::new(&network.trained, sampling.clone(), device)?;
    let bar = bar("sampling", whole::count_64(orders.len() as f64 * UNITS));
    let mut found: Vec<Vec<Option<Structure>>> = vec![vec![None; tries]; orders.len() / tries];
    let (mut redraws, mut given_up, mut done) = (0, 0, 0.0);
    let clock = Instant::now();
    sampler.run::<anyhow::Error>(
        orders,
        |structures| {
            done += structures * UNITS;
            bar.set_position(whole::count_64(done));
        },
        |outcome| {
            match outcome {
                Outcome::Sampled(sample) => {
                    redraws += sample.redraws;
                    found[sample.order / tries][sample.order % tries] = Some(sample.structure);
                }
                Outcome::GivenUp { .. } => given_up += 1,
            }
            Ok(())
        },
    )?;
    bar.finish_and_clear();
    let seconds = clock.elapsed().as_secs_f64();
    let structures_per_second = (orders.len() - given_up) as f64 / seconds.max(1e-9);
    Ok(Predicted { tries: found, redraws, given_up, structures_per_second })
}

fn write_tries(path: &Path, targets: &[Target], tries: &[Vec<Option<Structure>>]) -> Result<()> {
    let of_target = |(target, tries): (&Target, &Vec<Option<Structure>>)| {
        let named = |(index, structure): (usize, &Option<Structure>)| {
            Some((format!("{}_{}", target.id, index + 1), structure.clone()?))
        };
        tries.iter().enumerate().filter_map(named).collect::<Vec<_>>()
    };
    let entries: Vec<(String, Structure)> = targets.iter().zip(tries).flat_map(of_target).collect();
    Ok(io::write_all(path, &entries)?)
}
