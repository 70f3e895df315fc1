//! The run itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use cgcnn::{Cgcnn, Weights};
use crystal_core::{Structure, io};
use datasets::{DataSet, LoadOptions, Record, Split, load, locate};
use druse::checkpoints::{self, Loaded};
use druse::config::{parse_ron, read_ron, to_ron};
use druse::output::{writable_folder, write_file};
use druse::provenance::{GIT_REVISION, VERSION};
use druse::training::recent_losses;
use druse::{DeviceName, Provenance, crystal_features};
use metrics::{Fingerprints, evaluate, fingerprints, table1_samples};
use score_model::DimeNetPlusPlus;
use serde_json::json;

use super::stages::Stages;
use super::{Table1Config, orders, samplers};
use crate::plot;
use crate::progress::bar;
use crate::published::{self, Figures};
use crate::statistics::{choose, figures_of, over_draws, with_bootstrap};
use crate::table::{Row, markdown, text};

/// Streams of the seed for the random draws of the calibration row.
const TRAIN_STREAM: u64 = 1;
const TEST_STREAM: u64 = 1 << 16;
/// Steps over which the losses in the note are averaged.
const NOTED_STEPS: usize = 100;

/// What the command line chooses.
#[derive(Debug, Clone)]
pub struct Table1Options {
    /// A preset's name.
    pub preset: String,
    /// A configuration file instead of the preset.
    pub config: Option<PathBuf>,
    /// Folder of the data; see `datasets::locate`.
    pub data: Option<PathBuf>,
    /// Folder that holds the runs.
    pub out: PathBuf,
    /// Name of the run's folder; by default made of preset, device and seed, with a number where a finished run has that name.
    pub name: Option<String>,
    /// The device.
    pub device: DeviceName,
    /// Seed of every stage.
    pub seed: u64,
    /// Goes on with a run that was interrupted.
    pub resume: bool,
    /// Samples with this checkpoint instead of training.
    pub checkpoint: Option<PathBuf>,
    /// Weights for FD CGCNN instead of the compiled-in ones.
    pub cgcnn_weights: Option<PathBuf>,
}

/// Runs Table 1 and writes everything into `runs/<name>/`. Returns the table as text.
///
/// # Errors
/// If a stage fails; the message names the stage.
pub fn run(options: &Table1Options) -> Result<String> {
    let mut config = configuration(options)?;
    let device = options.device.open()?;
    let checkpoint = options.checkpoint.as_deref().map(|path| checkpoints::load(Some(path), &device)).transpose()?;
    let cgcnn = crystal_features::load(options.cgcnn_weights.as_deref(), &device).context("the weights for FD CGCNN")?;
    if let Some(checkpoint) = &checkpoint {
        config.train = checkpoint.config.clone();
        config = config.resolve_sampling(options.seed);
    }
    let folder = match &options.name {
        Some(name) => options.out.join(name),
        None => default_folder(options),
    };
    if folder.join("table1.json").exists() && !options.resume {
        bail!("{}: a finished run lies there already; choose another --name, or --resume", folder.display());
    }
    // Before anything is written: the configuration of an interrupted run must not be replaced by that of one that is then refused.
    if folder.join("training.state").exists() && !options.resume {
        bail!("{}: an interrupted run lies there; go on with it (--resume) or choose another --name", folder.display());
    }
    writable_folder(&folder)?;
    write_file(&folder.join("config.ron"), to_ron(&config)?)?;
    let mut stages = Stages::default();

    let data = stages.run("data", || load_data(&config, options))?;
    let provenance = Provenance {
        version: VERSION.to_owned(),
        git: GIT_REVISION.to_owned(),
        seed: options.seed,
        data: data.name.clone(),
        data_sha256: data.sha256.clone(),
        device: options.device,
    };

    let weights = match checkpoint {
        Some(checkpoint) => ScoreNetwork::of_checkpoint(checkpoint),
        None => stages.run("training", || train(&config, options, &data, &provenance, &device, &folder))?,
    };
    let generated = stages.run("sampling", || sample(&config, &data, &weights.model, &device, &folder))?;
    let network = cgcnn.as_ref().map(|weights| &weights.model);
    let split = format!("{} split", config.reference.name());
    let reference = stages.run(&format!("fingerprints of the {split}"), || {
        Ok(fingerprints_of(&split, &structures(data.split(config.reference.split())), network))
    })?;
    let ours = stages.run("fingerprints of this work", || Ok(fingerprints_of("this work", &generated.structures, network)))?;
    let this_work =
        stages.run("figures of this work", || this_work_row(&config, options, &ours, &reference, &generated, &weights.note))?;
    let mut rows = vec![this_work];
    for sampler in &config.samplers {
        let config = samplers::with_sampler(&config, sampler);
        let folder = folder.join(&sampler.name);
        let generated =
            stages.run(&format!("sampling, {}", sampler.name), || sample(&config, &data, &weights.model, &device, &folder))?;
        let row = stages.run(&format!("figures of {}", sampler.name), || {
            let generated_fingerprints = fingerprints_of(&sampler.name, &generated.structures, network);
            this_work_row(&config, options, &generated_fingerprints, &reference, &generated, &weights.note)
        })?;
        rows.push(Row { name: sampler.name.clone(), published: None, ..row });
    }
    if !config.samplers.is_empty() {
        let samplings: Vec<_> =
            std::iter::once(&config.sampling).chain(config.samplers.iter().map(|sampler| &sampler.sampling)).collect();
        samplers::write_comparison(&folder, config.n_samples, &samplings, &rows)?;
    }
    let stable = stages.run("1000 stable structures", || stable_rows(&config, options, &data, &reference, network))?;

    let not_run = |name: &str, published, note: &str| Row {
        name: name.to_owned(),
        published: Some(published),
        measured: None,
        n_samples: 0,
        note: note.to_owned(),
    };
    rows.push(not_run("PGCGM", published::PGCGM, "20 space groups; published figures only, not run here"));
    rows.push(not_run("CDVAE", published::CDVAE, "published figures only, not run here"));
    rows.extend(stable);
    report(&folder, options, &rows, cgcnn.as_ref(), &stages, &provenance)
}

/// The first name that no finished run has; an interrupted run is found again.
fn default_folder(options: &Table1Options) -> PathBuf {
    let name = format!("table1-{}-{}-{}", options.preset, options.device, options.seed);
    let candidates = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    let mut folders = candidates.map(|name| options.out.join(name));
    folders.find(|folder| !folder.join("table1.json").exists()).expect("there is always a next number")
}

fn configuration(options: &Table1Options) -> Result<Table1Config> {
    let (config, name) = match &options.config {
        Some(path) => (read_ron::<Table1Config>(path)?, path.display().to_string()),
        None => {
            let preset = Table1Config::preset(&options.preset).with_context(|| {
                let known: Vec<&str> = Table1Config::preset_names().collect();
                format!("there is no preset '{}'; choose one of {}", options.preset, known.join(", "))
            })?;
            (parse_ron(preset, &options.preset)?, options.preset.clone())
        }
    };
    let config = config.resolve(options.seed);
    match config.problem() {
        Some(problem) => bail!("{name}: {problem}"),
        None => Ok(config),
    }
}

fn load_data(config: &Table1Config, options: &Table1Options) -> Result<DataSet> {
    let source = locate(options.data.as_deref());
    let settings = LoadOptions {
        min_space_group: config.train.data.min_space_group,
        symprec: config.train.data.symprec,
        ..LoadOptions::default()
    };
    let data = load(&source, &settings)?;
    let reduced = |split| data.split(split).iter().filter(|record| record.unit.is_ok()).count();
    tracing::info!(
        "{}: {} training, {} validation, {} test structures; {} of the training split could be reduced",
        data.name,
        data.split(Split::Train).len(),
        data.split(Split::Validation).len(),
        data.split(Split::Test).len(),
        reduced(Split::Train),
    );
    if !data.rejected.is_empty() {
        tracing::warn!("{} rows of {} could not be read", data.rejected.len(), data.name);
    }
    Ok(data)
}

/// What is sampled with, and what the note tells of it.
struct ScoreNetwork {
    model: DimeNetPlusPlus,
    note: String,
}

impl ScoreNetwork {
    fn of_checkpoint(checkpoint: Loaded) -> Self {
        let Loaded { model, config, step, path, sha256, .. } = checkpoint;
        let note = format!(
            "checkpoint {path} (SHA-256 {}…), {step} training steps of {} structures",
            &sha256[..12],
            config.training.batch_size
        );
        Self { model, note }
    }
}

fn train(
    config: &Table1Config,
    options: &Table1Options,
    data: &DataSet,
    provenance: &Provenance,
    device: &Device,
    folder: &Path,
) -> Result<ScoreNetwork> {
    let bar = bar("training", config.train.training.steps);
    // An interrupted experiment goes on where its training stopped; the training itself knows when it is done.
    let trained = druse::training::train(&config.train, data, provenance, device, folder, options.resume, &bar);
    bar.finish_and_clear();
    let trained = trained?;
    write_file(&folder.join("loss.svg"), plot::loss_curve(&trained.curve)?)?;
    let (position, lattice) = recent_losses(&trained.curve, NOTED_STEPS);
    let note = format!(
        "{} training steps of {} structures, losses at the end {position:.3} (position) and {lattice:.3} (lattice)",
        trained.curve.len(),
        config.train.training.batch_size,
    );
    Ok(ScoreNetwork { model: trained.model, note })
}

/// Sampled structures with what the note tells of them.
struct Generated {
    structures: Vec<Structure>,
    redraws: usize,
    given_up: usize,
}

fn sample(
    config: &Table1Config,
    data: &DataSet,
    model: &impl score_model::ScoreModel,
    device: &Device,
    folder: &Path,
) -> Result<Generated> {
    let orders = orders::orders_from(data.split(config.reference.split()), config.n_samples, config.sampling.seed)?;
    let bar = bar("sampling", 0);
    let sampled = druse::sampling::sample(model, &config.sampling, &orders, device, &folder.join("generated"), &bar);
    bar.finish_and_clear();
    let sampled = sampled?;
    let named: Vec<(String, Structure)> =
        sampled.written.iter().map(|written| (written.id.clone(), written.sample.structure.clone())).collect();
    io::write_all(&folder.join("generated.jsonl"), &named)?;
    for lost in &sampled.given_up {
        tracing::warn!("{}: given up, {}", lost.id, lost.reason);
    }
    Ok(Generated {
        structures: named.into_iter().map(|(_, structure)| structure).collect(),
        redraws: sampled.written.iter().map(|written| written.sample.redraws).sum(),
        given_up: sampled.given_up.len(),
    })
}

fn structures(records: &[Record]) -> Vec<Structure> {
    records.iter().map(|record| record.structure.clone()).collect()
}

fn fingerprints_of(name: &str, structures: &[Structure], network: Option<&Cgcnn>) -> Vec<Fingerprints> {
    let bar = bar(name, structures.len() as u64);
    // The bar is told how many are done.
    let mut done = fingerprints(structures, &|n| bar.set_position(n as u64));
    if let Some(network) = network {
        let lost = crystal_features::add_features(network, structures, &mut done, |_| ());
        if let [(index, reason), ..] = lost.as_slice() {
            tracing::warn!("{name}: {} structures have no CGCNN features; the first, number {index}: {reason}", lost.len());
        }
    }
    bar.finish_and_clear();
    done
}

/// The paper's protocol: figures over the structures that are valid and have a fingerprint. The note says how many were not.
fn this_work_row(
    config: &Table1Config,
    options: &Table1Options,
    generated: &[Fingerprints],
    reference: &[Fingerprints],
    sampled: &Generated,
    weights: &str,
) -> Result<Row> {
    let usable = table1_samples(generated, generated.len());
    if usable.len() < 2 {
        bail!("{} of {} generated structures are valid; the figures need two", usable.len(), generated.len());
    }
    let valid = evaluate(&usable, reference)?;
    let measured = with_bootstrap(&valid, &usable, reference, config.bootstrap, options.seed)?;
    let note = format!(
        "{weights}; {}; {} of {} structures valid; COV-P with the invalid ones counted as misses {:.3}; {} draws exploded and were drawn again, {} given up; \
         ± is a bootstrap over the generated structures",
        samplers::described(&config.sampling),
        usable.len(),
        generated.len(),
        valid.cov_precision * usable.len() as f64 / generated.len() as f64,
        sampled.redraws,
        sampled.given_up,
    );
    Ok(Row {
        name: "this work".to_owned(),
        published: Some(published::THIS_WORK),
        measured: Some(measured),
        n_samples: usable.len(),
        note,
    })
}

/// Random training structures against the whole test split, and against as many random test structures.
fn stable_rows(
    config: &Table1Config,
    options: &Table1Options,
    data: &DataSet,
    reference: &[Fingerprints],
    network: Option<&Cgcnn>,
) -> Result<[Row; 2]> {
    let train = data.split(Split::Train);
    let n = config.calibration.n_structures.min(train.len());
    let mut whole: Vec<Figures<Option<f64>>> = Vec::new();
    let mut part: Vec<Figures<Option<f64>>> = Vec::new();
    for draw in 0..config.calibration.draws as u64 {
        let chosen: Vec<Structure> = choose(train.len(), n, options.seed, TRAIN_STREAM + draw)
            .into_iter()
            .map(|index| train[index].structure.clone())
            .collect();
        let chosen = fingerprints_of("training structures", &chosen, network);
        whole.push(figures_of(&evaluate(&chosen, reference)?));
        let test: Vec<Fingerprints> = choose(reference.len(), n, options.seed, TEST_STREAM + draw)
            .into_iter()
            .map(|index| reference[index].clone())
            .collect();
        part.push(figures_of(&evaluate(&chosen, &test)?));
    }
    let row = |name: &str, draws: &[Figures<Option<f64>>], against: usize| Row {
        name: name.to_owned(),
        published: Some(published::STABLE),
        measured: Some(over_draws(draws)),
        n_samples: n,
        note: format!(
            "{n} random training structures against {against} {} structures; mean and spread of {} draws",
            config.reference.name(),
            draws.len()
        ),
    };
    Ok([
        row("1000 stable structures", &whole, reference.len()),
        row("1000 stable structures, small test set", &part, n.min(reference.len())),
    ])
}

fn report(
    folder: &Path,
    options: &Table1Options,
    rows: &[Row],
    cgcnn: Option<&Weights>,
    stages: &Stages,
    provenance: &Provenance,
) -> Result<String> {
    let timings: String = stages.iter().map(|(name, seconds)| format!("  {name:<32} {seconds:8.1} s\n")).collect();
    let heading = format!(
        "Table 1 of arXiv 2310.10695, {}, data {} (SHA-256 {}…), device {}, seed {}, git {}",
        options
            .config
            .as_ref()
            .map_or_else(|| format!("preset {}", options.preset), |path| format!("configuration {}", path.display())),
        provenance.data,
        &provenance.data_sha256[..12.min(provenance.data_sha256.len())],
        options.device,
        options.seed,
        provenance.git,
    );
    let note = cgcnn.map_or_else(|| crystal_features::NO_WEIGHTS.to_owned(), Weights::description);
    let terminal = format!("{heading}\n\n{}  FD CGCNN: {note}\n\nWall time per stage\n{timings}", text(rows));
    write_file(&folder.join("table1.txt"), &terminal)?;
    write_file(
        &folder.join("table1.md"),
        format!("{heading}\n\n{}- FD CGCNN: {note}\n\n```text\n{timings}```\n", markdown(rows)),
    )?;
    let json = json!({
        "rows": rows,
        "preset": options.preset,
        "device": options.device,
        "seconds": stages,
        "data": { "name": provenance.data, "sha256": provenance.data_sha256 },
        "cgcnn": cgcnn.map(|weights| json!({ "path": weights.path, "sha256": weights.sha256 })),
        "git": provenance.git,
        "seed": options.seed,
    });
    // Last: a run counts as finished when this file is there.
    write_file(&folder.join("table1.json"), serde_json::to_string_pretty(&json)? + "\n")?;
    Ok(terminal)
}
