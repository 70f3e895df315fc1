//! Structure prediction: how often the structure comes out that space group and formula, or Wyckoff letters, were taken
//! from.

mod config;
mod part;
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
use druse::checkpoint::{self, Checkpoint};
use druse::config::to_ron;
use druse::output::{writable_folder, write_file, write_json};
use druse::shard::ShardRecord;
use druse::{Provenance, Shard};
use langevin::{Outcome, Sampler, SamplerConfig, SamplingOrder};
use serde::Serialize;
use wyckoff_assignment::WyckoffAssignment;

pub use config::{CspConfig, Given, Positions};
pub(crate) use part::merge;
pub(crate) use score::{BINS, bin_of};
pub use score::{Rate, Symmetry};
pub use table::CspRow;

use crate::command;
use crate::progress::bar;
use crate::run_options::RunOptions;
use crate::samplers::NamedSampler;
use crate::statistics::choose;
use part::{Head, OfShard, RowPart, finish};
use positions::PositionSource;
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
    /// Only every Nth try from the Kth on, each as in the whole run; `experiments merge` joins the shards.
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
}

/// Name in the records of shards.
pub(crate) const COMMAND: &str = "experiments csp";

/// What a run is of: the same here gives the same rows.
#[derive(Serialize)]
struct Identity<'a> {
    config: &'a CspConfig,
    checkpoint_sha256: &'a str,
    positions: &'a str,
    provenance: &'a Provenance,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<Shard>,
}

impl<'a> Identity<'a> {
    fn of(head: &'a Head) -> Self {
        Self {
            config: &head.config,
            checkpoint_sha256: &head.checkpoint_sha256,
            positions: &head.positions,
            provenance: &head.provenance,
            shard: None,
        }
    }

    fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
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
    let CspOptions { run: options, checkpoint, proposer, resume, shard } = options;
    let config: CspConfig = options.configuration()?;
    let experiment = shard.map_or_else(|| "csp".to_owned(), |shard| format!("csp-{}", shard.in_names()));
    let folder = options.folder(&experiment, RESULT);
    let there = ShardRecord::read(&folder)?;
    if folder.join(RESULT).exists() || there.as_ref().is_some_and(ShardRecord::is_finished) {
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
    let head = Head {
        described: options.described(),
        data: data.name.clone(),
        free: targets.iter().map(Target::n_free).collect(),
        not_reduced,
        positions: source_of_positions.described(),
        checkpoint: network.path.clone(),
        checkpoint_sha256: network.sha256.clone(),
        provenance: Provenance::of(&data, options.place.seed, options.place.device),
        config,
    };
    let config = &head.config;
    let identity = Identity { shard: *shard, ..Identity::of(&head) }.text()?;
    if interrupted && read_text(&folder.join(RUN))? != identity {
        bail!(
            "{}: the run that was interrupted there had another configuration, checkpoint, seed, device, data or shard, or is of \
             another build (its {RUN} tells); choose another --name",
            folder.display()
        );
    }
    let record = match shard {
        Some(shard) => {
            let of = [
                ("seed", options.place.seed.to_string()),
                ("configuration", serde_json::to_string(config)?),
                ("checkpoint with SHA-256", head.checkpoint_sha256.clone()),
                ("positions", head.positions.clone()),
                ("data with SHA-256", head.provenance.data_sha256.clone()),
            ];
            Some(ShardRecord::begin(&folder, COMMAND, *shard, &of, options.place.device)?)
        }
        None => {
            ShardRecord::refuse_in(&folder)?;
            None
        }
    };
    writable_folder(&folder)?;
    write_file(&folder.join("config.ron"), to_ron(config)?)?;
    write_file(&folder.join(command::FILE), command::of_this_process() + "\n")?;
    write_file(&folder.join(RUN), identity)?;

    let mine = |number: usize| shard.is_none_or(|shard| shard.has(number));
    let random = |(index, target): (usize, &Target)| {
        let attempt = |attempt: usize| {
            let wanted = mine(index * config.tries + attempt);
            let one = || targets::random_coordinates(target, attempt, index as u64, options.place.seed).ok();
            if wanted { one() } else { None }
        };
        (0..config.tries).map(attempt).collect::<Vec<_>>()
    };
    let chance: Vec<Vec<Option<Structure>>> = targets.iter().enumerate().map(random).collect();
    let part = |name: &str, given: Given, tries: &[Vec<Option<Structure>>]| {
        RowPart::measure(name, given.described(), &targets, tries, mine)
    };
    let mut parts = vec![part("random coordinates", Given::Letters, &chance)];
    let mut rows = vec![parts[0].row(&head.free, config.tries)];
    for given in &config.given {
        for NamedSampler { name, sampling, .. } in &config.samplers {
            let stem = format!("{}-{name}", given.described());
            let finished = folder.join(format!("{stem}.{}", if shard.is_some() { "shard" } else { "json" }));
            if interrupted && finished.exists() {
                tracing::info!("{}: finished before", finished.display());
                let text = read_text(&finished)?;
                let unread = || finished.display().to_string();
                match shard {
                    Some(_) => parts.push(serde_json::from_str(&text).with_context(unread)?),
                    None => rows.push(serde_json::from_str(&text).with_context(unread)?),
                }
                continue;
            }
            let orders = match given {
                Given::Letters => targets::orders_of_letters(&targets, config.tries),
                Given::Formula => {
                    let candidates = sampling.candidates();
                    source_of_positions.orders(&targets, config.tries, candidates, options.place.seed)?
                }
            };
            let n_tries = shard.map_or(orders.len(), |shard| shard.count(orders.len()));
            tracing::info!("{n_tries} tries, {} given, by {name}", given.described());
            let predicted = predict(&network, sampling, &orders, config.tries, mine, &device)?;
            let Predicted { tries, redraws, given_up, seconds } = predicted;
            write_tries(&folder.join(format!("{stem}.jsonl.zst")), &targets, &tries)?;
            let evaluations = Some(sampling.evaluations_per_structure(schedule));
            let seconds = Some(seconds);
            let part = RowPart { evaluations, redraws, given_up, seconds, ..part(name, *given, &tries) };
            if shard.is_some() {
                write_json(&finished, &part)?;
                parts.push(part);
            } else {
                let row = part.row(&head.free, config.tries);
                write_file(&finished, serde_json::to_string_pretty(&row)? + "\n")?;
                rows.push(row);
            }
        }
    }
    match record {
        Some(record) => {
            let text = format!(
                "Shard {} of a structure prediction: {} rows in part; `experiments merge` joins the shards\n",
                record.shard,
                parts.len()
            );
            record.finish(&folder, &OfShard { head, rows: parts })?;
            Ok(text)
        }
        None => finish(&folder, &head, &rows),
    }
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
    seconds: f64,
}

/// Samples the orders whose number is wanted.
fn predict(
    network: &Checkpoint,
    sampling: &SamplerConfig,
    orders: &[SamplingOrder],
    tries: usize,
    wanted: impl Fn(usize) -> bool,
    device: &Device,
) -> Result<Predicted> {
    const UNITS: f64 = 100.0;
    let sampler = Sampler::new(&network.trained, sampling.clone(), device)?;
    let n_wanted = (0..orders.len()).filter(|number| wanted(*number)).count();
    let bar = bar("sampling", whole::count_64(n_wanted as f64 * UNITS));
    let mut found: Vec<Vec<Option<Structure>>> = vec![vec![None; tries]; orders.len() / tries];
    let (mut redraws, mut given_up, mut done) = (0, 0, 0.0);
    let clock = Instant::now();
    sampler.run_some::<anyhow::Error>(
        orders,
        wanted,
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
    Ok(Predicted { tries: found, redraws, given_up, seconds })
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
