//! The run itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use crystal_core::{SiteMode, SpaceGroupNumber, Structure, io};
use datasets::{DataSet, LoadOptions, Source, Split, load, locate};
use druse::checkpoints::{self, Loaded};
use druse::config::to_ron;
use druse::output::{writable_folder, write_file};
use druse::training::recent_losses;
use druse::{Devices, Provenance, crystal_features};
use langevin::{Sampler, SamplingOrder};
use score_model::{DimeNetPlusPlus, Exchange};

use super::further::Further;
use super::outcome::Outcome;
use super::reference::{Reference, fingerprints_of};
use super::rows::{Bootstrap, stable_rows, this_work_row};
use super::sameness::Sameness;
use super::samplers::OnPositions;
use super::stages::Stages;
use super::{Table1Config, listing, samplers};
use crate::plot;
use crate::progress::bar;
use crate::published;
use crate::run_options::RunOptions;
use crate::table::Row;

/// Written last: a run with this file is finished.
const RESULT: &str = "table1.json";
/// Steps over which the losses in the note are averaged.
const NOTED_STEPS: usize = 100;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct Table1Options {
    /// Presets: 64 structures in 'quick' and a small network where one is trained, 1000 in 'full'.
    #[command(flatten)]
    pub run: RunOptions,
    /// Devices that share every batch of a training (--train); only cuda has more than one.
    #[arg(long, default_value_t = 1)]
    pub gpus: usize,
    /// How they add their gradients: host, or collective (NCCL).
    #[arg(long, default_value_t)]
    pub exchange: Exchange,
    /// Go on with an interrupted run of the same name.
    #[arg(long)]
    pub resume: bool,
    /// Train a network on the data and sample with that.
    #[arg(long)]
    pub train: bool,
    /// Sample with this checkpoint instead of the compiled-in one.
    #[arg(long, conflicts_with_all = ["resume", "train"])]
    pub checkpoint: Option<PathBuf>,
    /// Weights for FD CGCNN instead of the compiled-in ones: a .safetensors file of `experiments cgcnn`, or a .pth.tar of the published program.
    #[arg(long)]
    pub cgcnn_weights: Option<PathBuf>,
}

/// Runs Table 1 and writes everything into `runs/<name>/`. Returns the table as text.
///
/// # Errors
/// If a stage fails; the message names the stage.
pub fn run(options: &Table1Options) -> Result<String> {
    let mut config = configuration(&options.run)?;
    let Table1Options { run: common, .. } = options;
    let folder = common.folder("table1", RESULT);
    if folder.join(RESULT).exists() && !options.resume {
        bail!("{}: a finished run lies there already; choose another --name, or --resume", folder.display());
    }
    // Before anything is written: the configuration of an interrupted run must not be replaced by that of one that is then refused.
    let interrupted = folder.join("training.state").exists();
    if interrupted && !options.resume {
        bail!("{}: an interrupted run lies there; go on with it (--resume) or choose another --name", folder.display());
    }
    let trains = options.train || interrupted;
    if options.gpus > 1 && !trains {
        bail!("--gpus {} is for training, and nothing is trained here; add --train, or leave --gpus out", options.gpus);
    }
    let devices = common.device.open_several(options.gpus, options.exchange)?;
    let device = devices.first.clone();
    let checkpoint = if trains {
        None
    } else {
        let checkpoint = checkpoints::load(options.checkpoint.as_deref(), SiteMode::General, &device)?;
        config.train = checkpoint.config.clone();
        config = config.resolve_sampling(common.seed);
        Some(checkpoint)
    };
    let cgcnn = crystal_features::load(options.cgcnn_weights.as_deref(), &device).context("the weights for FD CGCNN")?;
    writable_folder(&folder)?;
    write_file(&folder.join("config.ron"), to_ron(&config)?)?;
    let mut stages = Stages::default();

    let source = locate(common.data.as_deref());
    // The embedded prototypes are there to be trained on; a trained network is measured on real crystals.
    let data = match (&checkpoint, &source) {
        (Some(_), Source::Embedded) => None,
        _ => Some(stages.run("data", || load_data(&config, &source))?),
    };
    let reference = stages.run(&format!("{} split", config.reference.name()), || match &data {
        Some(data) => Reference::of(data, &config, &cgcnn, common.seed),
        None => Reference::shipped(&config, &cgcnn),
    })?;
    let provenance = Provenance::of_named(&reference.data, &reference.data_sha256, common.seed, common.device);
    write_file(&folder.join("provenance.json"), serde_json::to_string_pretty(&provenance)? + "\n")?;
    let training = data.as_ref().map(|data| structures_of(data, Split::Train));
    let training = training.as_deref();

    let network = match (checkpoint, &data) {
        (None, Some(data)) => stages.run("training", || train(&config, options.resume, data, &provenance, &devices, &folder))?.0,
        (Some(checkpoint), _) => ScoreNetwork::of_checkpoint(checkpoint),
        (None, None) => unreachable!("without a checkpoint the data were loaded"),
    };
    let orders = reference.orders(config.n_samples, config.sampling.seed);
    let generated = stages.run("sampling", || sample(&config, &orders, &network.model, &device, &folder))?;
    let ours = stages.run("fingerprints of this work", || Ok(fingerprints_of("this work", &generated.structures, &cgcnn)))?;
    let same = stages.run("uniqueness and novelty", || Sameness::of(&generated.structures, training))?;
    let bootstrap = Bootstrap { samples: config.bootstrap, seed: common.seed };
    let (this_work, further) = stages.run("figures of this work", || {
        let row = this_work_row(&config, bootstrap, &ours, &reference.structures, &generated, &network.note)?;
        Ok((row, Further::of("this work", &generated, &same, &ours, &reference.structures)?))
    })?;
    listing::write(&folder, &generated, &ours, &same)?;
    let mut rows = vec![this_work];
    let mut further = vec![further];
    let wyckoff = match config.wyckoff.as_slice() {
        [] => None,
        samplers => Some(OnPositions::new(samplers, &orders, common.seed, &device)?),
    };
    let plain = config.samplers.iter().map(|sampler| (sampler, &network, &orders));
    let bound = wyckoff.iter().flat_map(|bound| bound.samplers.iter().map(|sampler| (sampler, &bound.network, &bound.orders)));
    let more: Vec<_> = plain.chain(bound).collect();
    for &(sampler, network, orders) in &more {
        let name = &sampler.name;
        let config = samplers::with_sampler(&config, sampler);
        let folder = folder.join(name);
        let generated = stages.run(&format!("sampling, {name}"), || sample(&config, orders, &network.model, &device, &folder))?;
        let (row, more) = stages.run(&format!("figures of {name}"), || {
            let ours = fingerprints_of(name, &generated.structures, &cgcnn);
            let same = Sameness::of(&generated.structures, training)?;
            listing::write(&folder, &generated, &ours, &same)?;
            let row = this_work_row(&config, bootstrap, &ours, &reference.structures, &generated, &network.note)?;
            Ok((row, Further::of(name, &generated, &same, &ours, &reference.structures)?))
        })?;
        rows.push(Row { name: name.clone(), published: None, ..row });
        further.push(more);
    }
    if !more.is_empty() {
        let samplings: Vec<_> =
            std::iter::once(&config.sampling).chain(more.iter().map(|(sampler, ..)| &sampler.sampling)).collect();
        samplers::write_comparison(&folder, config.n_samples, &samplings, &rows)?;
    }
    let split = config.reference;
    let same = match &data {
        Some(data) => Some(stages.run(&format!("uniqueness and novelty, {}", split.name()), || {
            Sameness::of(&structures_of(data, split.split()), training)
        })?),
        None => None,
    };
    further.push(Further::of_reference(split.name(), same.as_ref(), &reference.structures));
    let stable = stages.run("1000 stable structures", || stable_rows(&config, common.seed, &reference))?;

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
    let made = common.described();
    let outcome = Outcome {
        made: &made,
        preset: common.preset(),
        rows: &rows,
        further: &further,
        reference: &reference,
        compiled_in: data.is_none(),
        n_training: training.map(<[_]>::len),
        cgcnn: &cgcnn,
        stages: &stages,
        provenance: &provenance,
    };
    let table = outcome.write(&folder)?;
    crate::report::finish(&folder, &reference.properties)?;
    Ok(table)
}

fn configuration(options: &RunOptions) -> Result<Table1Config> {
    let config = options.configuration::<Table1Config>()?.resolve(options.seed);
    match config.problem() {
        Some(problem) => bail!("{}: {problem}", options.described()),
        None => Ok(config),
    }
}

pub(crate) fn load_data(config: &Table1Config, source: &Source) -> Result<DataSet> {
    let settings = LoadOptions {
        min_space_group: config.train.data.min_space_group,
        symprec: config.train.data.symprec,
        ..LoadOptions::default()
    };
    let data = load(source, &settings)?;
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

/// All structures of a split.
pub(crate) fn structures_of(data: &DataSet, split: Split) -> Vec<Structure> {
    data.split(split).iter().map(|record| record.structure.clone()).collect()
}

/// What is sampled with, and what the note tells of it.
pub(crate) struct ScoreNetwork {
    pub(crate) model: DimeNetPlusPlus,
    pub(crate) note: String,
}

impl ScoreNetwork {
    pub(crate) fn of_checkpoint(checkpoint: Loaded) -> Self {
        let Loaded { model, config, step, path, sha256, .. } = checkpoint;
        let note = format!(
            "checkpoint {path} (SHA-256 {}…), {step} training steps of {} structures",
            &sha256[..12],
            config.training.batch_size
        );
        Self { model, note }
    }
}

/// Trains, or goes on with a training in `folder` if `resume` is set. Returns the mean losses of the last steps, too.
pub(crate) fn train(
    config: &Table1Config,
    resume: bool,
    data: &DataSet,
    provenance: &Provenance,
    devices: &Devices,
    folder: &Path,
) -> Result<(ScoreNetwork, (f32, f32))> {
    let bar = bar("training", config.train.training.steps);
    // An interrupted experiment goes on where its training stopped; the training itself knows when it is done.
    let trained = druse::training::train(&config.train, data, provenance, devices, folder, resume, &bar);
    bar.finish_and_clear();
    let trained = trained?;
    write_file(&folder.join("loss.svg"), plot::loss_curve(&trained.curve)?)?;
    let (position, lattice) = recent_losses(&trained.curve, NOTED_STEPS);
    let note = format!(
        "{} training steps of {} structures, losses at the end {position:.3} (position) and {lattice:.3} (lattice)",
        trained.curve.len(),
        config.train.training.batch_size,
    );
    Ok((ScoreNetwork { model: trained.model, note }, (position, lattice)))
}

/// Sampled structures with what the note tells of them.
pub(crate) struct Generated {
    pub(crate) ids: Vec<String>,
    pub(crate) structures: Vec<Structure>,
    /// The space group that was asked for.
    pub(crate) space_groups: Vec<SpaceGroupNumber>,
    /// How often each was drawn again.
    pub(crate) redraws: Vec<usize>,
    pub(crate) given_up: usize,
}

pub(crate) fn sample(
    config: &Table1Config,
    orders: &[SamplingOrder],
    model: &impl score_model::ScoreModel,
    device: &Device,
    folder: &Path,
) -> Result<Generated> {
    let bar = bar("sampling", 0);
    let sampler = Sampler::new(model, config.sampling.clone(), device)?;
    let sampled = druse::sampling::sample(&sampler, orders, &folder.join("generated"), &bar);
    bar.finish_and_clear();
    let sampled = sampled?;
    let named: Vec<(String, Structure)> =
        sampled.written.iter().map(|written| (written.id.clone(), written.sample.structure.clone())).collect();
    io::write_all(&folder.join("generated.jsonl"), &named)?;
    for lost in &sampled.given_up {
        tracing::warn!("{}: given up, {}", lost.id, lost.reason);
    }
    let (ids, structures) = named.into_iter().unzip();
    let samples = || sampled.written.iter().map(|written| &written.sample);
    Ok(Generated {
        space_groups: samples().map(|sample| sample.state.space_group.number()).collect(),
        redraws: samples().map(|sample| sample.redraws).collect(),
        given_up: sampled.given_up.len(),
        ids,
        structures,
    })
}
