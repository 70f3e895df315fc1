//! `druse sample`.

mod result;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use crystal_core::SiteMode;
use druse::checkpoint::{self, Checkpoint};
use druse::request::Resolved;
use druse::sampling::{GivenUp, Written, sample_shard};
use druse::shard::ShardRecord;
use druse::{DeviceCount, DeviceName, DruseError, Shard};
use langevin::{FewStep, Method, Sampler, SamplerConfig, Selection};
use rayon::prelude::*;
use tensor_ops::{Precision, set_precision};

use super::inputs::Row;
use super::progress::Display;
use super::requests::{Asked, RequestArgs};
use super::{Completion, message, terminal, values};
use result::{CheckpointFile, Made, Sampled, run_of};
pub(super) use result::{merge, percent, types_as_text};

/// Name in the records of shards.
pub(super) const COMMAND: &str = "druse sample";
/// Grows crystal structures: a formula, elements on Wyckoff positions, sites per element, or nothing but a number in;
/// one CIF per structure out.
///
/// With --count alone, or with --elements, the crystals are new ones: a network chooses elements, counts, space group
/// and Wyckoff positions.
///
/// With --formula the structures stand on the most likely space groups and Wyckoff positions, each on its own
/// (`druse propose` lists them), and those behind the 32nd on drawn ones.
///
/// Sites stay on their Wyckoff positions: every structure has the composition and the symmetry asked for. With
/// --sites-per-element and in a search (--elements with --sites or --top-space-groups) sites go where they like, as in
/// the paper, and the number of atoms follows. With the same seed the n-th structure of an order is the same whatever
/// the batch size. A structure whose every draw diverges is reported and left out.
#[derive(Args)]
#[command(after_help = "Examples:\n  druse sample --formula Cu2KSi --space-group 62 --count 3 --out grown\n  \
                  druse sample --formula SrTiO3 --count 10 --out grown\n  \
                  druse sample --wyckoff \"Na@4a Cl@4b\" --space-group 225 --out grown\n  \
                  druse sample --count 100 --sampler few-step --out grown\n  \
                  druse sample --count 1000 --shard 1/4 --out part1\n  \
                  druse sample --elements Li,O,P --max-atoms 16 --count 10 --out grown\n  \
                  druse sample --elements Cu,Si,K --sites 1-2 --top-space-groups 32 --out grown\n  \
                  druse sample --template quartz.cif --noise 3 --count 5 --out grown\n  \
                  druse sample --sites-per-element Fe:1,Nd:1,Si:1 --space-group 139 --count 3 --out grown\n  \
                  druse sample --orders orders.jsonl.zst --checkpoint checkpoint.safetensors --out grown --json")]
pub(super) struct SampleArgs {
    #[command(flatten)]
    what: RequestArgs,
    /// Folder for the CIFs; made if it is not there, files of the same name are overwritten
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Trained network [default: the one that is compiled in]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// cpu, wgpu or cuda, as far as this build has them
    #[arg(long, default_value_t)]
    device: DeviceName,
    /// Devices that the structures are shared out over, a number or all; only cuda has more than one
    #[arg(long, value_name = "N|all", default_value_t)]
    gpus: DeviceCount,
    /// Products on tensor cores: tf32 (factors rounded to 11 bits), or single (slower)
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::Tf32)]
    precision: Precision,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// annealed: the paper's Langevin dynamics; few-step: a few large steps, much faster and less exact
    #[arg(long, value_enum, default_value_t)]
    sampler: SamplerName,
    /// Langevin steps per noise level, for the annealed sampler alone [default: what the orders say, else 80]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    steps_per_level: Option<usize>,
    /// Network evaluations per structure, for the few-step sampler [default: 32]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    evaluations: Option<usize>,
    /// Draw each structure N times, with --formula on positions drawn anew, and keep the draw that the network finds
    /// most plausible; with 1, only tell how plausible it is [default: draw once and do not ask]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    candidates: Option<usize>,
    /// Structures sampled at a time [default: 64, on a GPU as many as suit its memory]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    batch_size: Option<usize>,
    /// Grow only every Nth structure from the Kth on, each as in the whole run; `druse merge` joins the shards
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// The samplers by name.
#[derive(Clone, Copy, Default, ValueEnum)]
enum SamplerName {
    #[default]
    Annealed,
    FewStep,
}

pub(super) fn run(args: &SampleArgs) -> Result<Completion> {
    // All that can be refused is refused before anything is written.
    let method = method(args)?;
    let steps_unused = args.steps_per_level.is_some() || matches!(args.sampler, SamplerName::FewStep);
    let Asked { request, steps_per_level } = args.what.request(steps_unused)?;
    if let (Some(file), Method::FewStep(few_step), Some(_)) = (args.what.orders(), &method, steps_per_level) {
        let evaluations = few_step.evaluations;
        terminal::warning(&format!(
            "{}: steps_per_level is for the annealed sampler and is not used; the few-step sampler takes --evaluations, {evaluations} here",
            file.display()
        ));
    }
    let mut request = request.seed(args.seed).method(method);
    if let Some(candidates) = args.candidates {
        request = request.selection(Selection { candidates, ..Selection::default() });
    }
    let Resolved { orders, mode, template, config, probabilities, notices } =
        request.resolve().map_err(|error| match error {
            // The library does not know the flags.
            DruseError::TooManyOrders { .. } => anyhow!("{error}: narrow --sites or --top-space-groups"),
            other => other.into(),
        })?;
    notices.iter().for_each(|notice| terminal::warning(notice));
    set_precision(args.precision);
    let devices = args.device.open_many(args.gpus)?;
    let checkpoints: Vec<Checkpoint> = devices.iter().map(|device| load(args, mode, device)).collect::<Result<_>>()?;
    let Checkpoint { path, sha256, .. } = &checkpoints[0];
    let config = SamplerConfig {
        steps_per_level: args.steps_per_level.or(steps_per_level).unwrap_or(config.steps_per_level),
        batch_size: args.batch_size.unwrap_or(config.batch_size),
        ..config
    };
    if checkpoints[0].trained.converted {
        terminal::warning(&format!(
            "{path}: written by a release before 0.1 and converted while it was read; `druse checkpoint {path} --convert FILE` keeps the converted file",
        ));
    }
    let mut samplers = checkpoints.iter().zip(&devices).map(|(checkpoint, device)| match &template {
        Some(template) => Sampler::from_template(&checkpoint.trained, config.clone(), template.clone(), device),
        None => Sampler::new(&checkpoint.trained, config.clone(), device),
    });
    let first = samplers.next().context("there is a device")??;
    let sampler = first.with_others(samplers.collect::<Result<_, _>>()?);
    let record = match args.shard {
        Some(shard) => {
            let run = run_of(&orders, &config, template.as_ref().map(|template| format!("{template:?}")), sha256)?;
            Some(ShardRecord::begin(&args.out, COMMAND, shard, &run, args.device)?)
        }
        None => {
            ShardRecord::refuse_in(&args.out)?;
            None
        }
    };
    let clock = Instant::now();
    let bar = terminal::share_bar("sampling");
    let mut display = Display::fractions(&bar);
    let sampled = sample_shard(&sampler, &orders, args.shard, &args.out, &mut |told| display.show(told));
    terminal::finish(&bar);
    let sampled = sampled.with_context(|| format!("sampling into {}", args.out.display()))?;
    let seconds = clock.elapsed().as_secs_f64();

    let row = |written: &Written| {
        // Further candidates of a proposal stand on other positions than those that were proposed.
        let proposed = probabilities.get(written.sample.order).copied().flatten();
        let probability = proposed.filter(|_| written.sample.candidate == 0);
        let numbers = Some(Sampled::new(written, args.seed, probability));
        Row { id: written.id.clone(), numbers, error: None }
    };
    let lost = |lost: &GivenUp| Row {
        error: Some(format!("{}: every draw diverged: {}", lost.id, lost.reason)),
        id: lost.id.clone(),
        numbers: None,
    };
    let rows: Vec<Row<Sampled>> =
        sampled.written.par_iter().map(row).chain(sampled.given_up.par_iter().map(lost)).collect();
    let made = Made {
        rows,
        seconds,
        evaluations_per_structure: sampler.evaluations_per_structure(),
        device: args.device.to_string(),
        checkpoint: CheckpointFile { path: path.clone(), sha256: sha256.clone() },
    };
    if let Some(record) = record {
        let places = sampled.written.iter().map(|written| (written.sample.order, written.sample.index));
        let places: Vec<(usize, usize)> = places.chain(sampled.given_up.iter().map(|lost| lost.place)).collect();
        record.finish(&args.out, &made.of_shard(&orders, &places)?)?;
    }
    made.print(args.shard, args.json)
}

fn method(args: &SampleArgs) -> Result<Method> {
    match (args.sampler, args.steps_per_level, args.evaluations) {
        (SamplerName::Annealed, _, Some(_)) => {
            bail!("--evaluations is for --sampler few-step; the annealed sampler takes --steps-per-level")
        }
        (SamplerName::FewStep, Some(_), _) => {
            bail!("--steps-per-level is for --sampler annealed; the few-step sampler takes --evaluations")
        }
        (SamplerName::Annealed, _, None) => Ok(Method::Annealed),
        (SamplerName::FewStep, None, evaluations) => {
            let defaults = FewStep::default();
            Ok(Method::FewStep(FewStep { evaluations: evaluations.unwrap_or(defaults.evaluations), ..defaults }))
        }
    }
}

fn load(args: &SampleArgs, mode: SiteMode, device: &Device) -> Result<Checkpoint> {
    checkpoint::for_mode(args.checkpoint.as_deref(), mode, device).map_err(|error| match error {
        DruseError::Model(_) => {
            anyhow!(
                "{}; give the checkpoint.safetensors that a finished `druse train` wrote",
                message::of(&error.into())
            )
        }
        other => other.into(),
    })
}
