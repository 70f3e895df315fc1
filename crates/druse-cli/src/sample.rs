//! `druse sample`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use crystal_core::{Composition, Finder, SiteMode, Structure, find_symmetry};
use druse::checkpoint::{self, Checkpoint};
use druse::request::Resolved;
use druse::sampling::{GivenUp, Written, sample};
use druse::types_with_positions_of;
use druse::wyckoff_assignment::WyckoffAssignment;
use druse::{DeviceCount, DeviceName, DruseError};
use langevin::{FewStep, Method, Sampler, SamplerConfig, Selection};
use rayon::prelude::*;
use serde::Serialize;
use tensor_ops::{Precision, set_precision};

use super::inputs::{self, Row};
use super::progress::Display;
use super::requests::{Asked, RequestArgs};
use super::{Completion, message, terminal, values};

/// Tolerances at which the symmetry of a sample is looked at, Å, with their names in the document.
const TOLERANCES: [(&str, f64); 2] = [("0.01", 0.01), ("0.1", 0.1)];

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
    /// Products on tensor cores: single, or tf32 (faster; factors rounded to 11 bits)
    #[arg(long, value_name = "PRECISION", default_value_t)]
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

#[derive(Serialize)]
struct Document {
    structures: Vec<Row<Sampled>>,
    structures_per_second: f64,
    evaluations_per_structure: usize,
    device: String,
    checkpoint: CheckpointFile,
}

#[derive(Serialize)]
struct CheckpointFile {
    path: String,
    sha256: String,
}

#[derive(Serialize)]
struct Sampled {
    file: String,
    space_group_requested: u8,
    /// By tolerance; null where the finder found none.
    space_group_found: BTreeMap<&'static str, Option<u8>>,
    formula: String,
    /// Elements on Wyckoff positions, where sites were bound to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    wyckoff: Option<String>,
    /// How likely the proposer finds group, cell and positions, where it proposed them.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    /// Structure types that have their sites on these positions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    structure_types: Vec<&'static str>,
    redraws: usize,
    /// Where candidates were compared: the less, the more plausible.
    #[serde(skip_serializing_if = "Option::is_none")]
    denoising_error: Option<f64>,
    seed: u64,
}

impl Sampled {
    fn new(written: &Written, seed: u64, probability: Option<f64>) -> Self {
        let structure = &written.sample.structure;
        Self {
            file: written.file.display().to_string(),
            space_group_requested: written.sample.state.space_group.number().get(),
            space_group_found: TOLERANCES.map(|(name, symprec)| (name, found_at(structure, symprec))).into(),
            formula: Composition::of(structure).reduced().formula(),
            wyckoff: written.positions.clone(),
            probability,
            structure_types: types_of(written),
            redraws: written.sample.redraws,
            denoising_error: written.sample.denoising_error,
            seed,
        }
    }
}

/// Structure types with the positions of the sample.
fn types_of(written: &Written) -> Vec<&'static str> {
    let group = written.sample.state.space_group;
    let text = written.positions.as_deref().unwrap_or_default();
    WyckoffAssignment::parse(group, text).map_or_else(|_| vec![], |assignment| types_with_positions_of(&assignment))
}

fn found_at(structure: &Structure, symprec: f64) -> Option<u8> {
    find_symmetry(structure, symprec, Finder::Moyo).ok().map(|report| report.number.get())
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
    let clock = Instant::now();
    let bar = terminal::share_bar("sampling");
    let mut display = Display::fractions(&bar);
    let sampled = sample(&sampler, &orders, &args.out, &mut |told| display.show(told));
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
    let lost = |lost: GivenUp| Row {
        error: Some(format!("{}: every draw diverged: {}", lost.id, lost.reason)),
        id: lost.id,
        numbers: None,
    };
    let structures_per_second = sampled.written.len() as f64 / seconds.max(1e-9);
    let structures: Vec<Row<Sampled>> =
        sampled.written.par_iter().map(row).chain(sampled.given_up.into_par_iter().map(lost)).collect();
    let completion = inputs::completion_of_rows(&structures)?;
    let document = Document {
        structures,
        structures_per_second,
        evaluations_per_structure: sampler.evaluations_per_structure(),
        device: args.device.to_string(),
        checkpoint: CheckpointFile { path: path.clone(), sha256: sha256.clone() },
    };
    if args.json {
        terminal::print_json(&document)?
    } else {
        print(&document)?
    }
    Ok(completion)
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

/// Structure types for people.
pub(super) fn types_as_text(types: &[&str]) -> String {
    if types.is_empty() { "–".to_owned() } else { types.join(", ") }
}

/// A probability for people.
pub(super) fn percent(probability: f64) -> String {
    format!("{:.1} %", 100.0 * probability)
}

fn print(document: &Document) -> Result<()> {
    let mut table = terminal::table(&[
        "formula",
        "space group",
        "Wyckoff positions",
        "probability",
        "structure types",
        "found at 0.01 Å",
        "found at 0.1 Å",
        "redraws",
        "denoising error",
        "file",
    ]);
    for row in &document.structures {
        if let Some(sampled) = &row.numbers {
            let found = |name| sampled.space_group_found[name].map_or("none".to_owned(), |number| number.to_string());
            table.add_row([
                sampled.formula.clone(),
                sampled.space_group_requested.to_string(),
                sampled.wyckoff.clone().unwrap_or_else(|| "–".to_owned()),
                sampled.probability.map_or_else(|| "–".to_owned(), percent),
                types_as_text(&sampled.structure_types),
                found("0.01"),
                found("0.1"),
                sampled.redraws.to_string(),
                sampled.denoising_error.map_or_else(|| "–".to_owned(), |error| format!("{error:.3}")),
                sampled.file.clone(),
            ]);
        }
    }
    terminal::print_table(&table)
}
