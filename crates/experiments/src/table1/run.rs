//! The run itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use cgcnn::Weights;
use crystal_core::{SiteMode, Structure, io};
use datasets::{DataSet, LoadOptions, Source, Split, load, locate};
use druse::checkpoint::{self, Checkpoint};
use druse::config::{TrainConfig, read_ron, to_ron};
use druse::output::{writable_folder, write_file, write_json};
use druse::training::{TrainingRun, recent_losses};
use druse::{Devices, Provenance, crystal_features};
use druse_cli::progress::Display;
use langevin::{Sampler, SamplerConfig, SamplingOrder};
use score_model::AnyModel;
use sealed_file::sha256_hex;
use serde_json::{Value, json};
use training::Exchange;

use super::kept::{Keeper, Leg};
use super::outcome::Outcome;
use super::peer;
use super::reference::{Reference, fingerprints_of};
use super::rows::{Bootstrap, stable_rows, this_work_row};
use super::samplers::OnPositions;
use super::stages::Stages;
use super::{Table1Config, pgcgm, report, samplers};
use crate::command;
use crate::further::Further;
use crate::generated::Generated;
use crate::listing;
use crate::plot;
use crate::progress::bar;
use crate::published;
use crate::run_options::RunOptions;
use crate::sameness::Sameness;
use crate::samplers::NamedSampler;
use crate::table::Row;

/// Written last: a run with this file is finished.
const RESULT: &str = "table1.json";
/// The table as text.
pub(super) const TABLE: &str = "table1.txt";
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
    /// Go on with the run of the same name: its training, and the rows that are not finished. Of a finished run, show
    /// the table; with --cgcnn-weights, measure its structures with those.
    #[arg(long)]
    pub resume: bool,
    /// Train a network on the data and sample with that.
    #[arg(long)]
    pub train: bool,
    /// Sample with this checkpoint instead of the compiled-in one.
    #[arg(long, conflicts_with = "train")]
    pub checkpoint: Option<PathBuf>,
    /// Sample the rows of Wyckoff positions with this checkpoint instead of the compiled-in one.
    #[arg(long)]
    pub wyckoff_checkpoint: Option<PathBuf>,
    /// Samples the row CDVAE with this checkpoint of `experiments cdvae train` [default: the repository's, where there
    /// is one and the device is not a processor].
    #[arg(long, value_name = "FILE")]
    pub cdvae_checkpoint: Option<PathBuf>,
    /// Further rows by the names of their samplers, such as 'annealed'; 'none' for none [default: those that the
    /// configuration always runs].
    #[arg(long, value_delimiter = ',')]
    pub samplers: Option<Vec<String>>,
    /// Measure PGCGM with this checkpoint of `experiments pgcgm train` [default: the repository's, where there is one].
    #[arg(long)]
    pub pgcgm_checkpoint: Option<PathBuf>,
    /// Weights for FD CGCNN instead of the compiled-in ones: a .safetensors file of `experiments cgcnn`, or a .pth.tar
    /// of the published program.
    #[arg(long)]
    pub cgcnn_weights: Option<PathBuf>,
}

/// Runs Table 1 and writes everything into `runs/<name>/`. Returns the table as text.
///
/// # Errors
/// If a stage fails; the message names the stage.
pub fn run(options: &Table1Options) -> Result<String> {
    let mut config = configuration(options)?;
    let Table1Options { run: common, .. } = options;
    let folder = if options.resume { common.latest_folder("table1", RESULT) } else { common.folder("table1", RESULT) };
    let finished = folder.join(RESULT).exists();
    if finished && options.resume && options.cgcnn_weights.is_none() {
        // There is nothing to go on with: the table of the finished run is what was asked for.
        return text_of(&folder.join(TABLE));
    }
    if finished && !options.resume {
        bail!(
            "{}: a finished run lies there already; choose another --name, or --resume to see its table",
            folder.display()
        );
    }
    // Before anything is written: the configuration of an interrupted run must not be replaced by that of one that is
    // then refused.
    let interrupted = folder.join("training.state").exists();
    if interrupted && !options.resume {
        bail!("{}: an interrupted run lies there; go on with it (--resume) or choose another --name", folder.display());
    }
    if interrupted && options.checkpoint.is_some() {
        bail!("{}: the run trains its own network; leave --checkpoint out, or choose another --name", folder.display());
    }
    let trains = options.train || interrupted;
    if options.gpus > 1 && !trains {
        bail!("--gpus {} is for training, and nothing is trained here; add --train, or leave --gpus out", options.gpus);
    }
    let devices = common.place.device.open_several(options.gpus, options.exchange)?;
    let device = devices.first.clone();
    let checkpoint = if trains {
        let train = config
            .train
            .as_ref()
            .with_context(|| format!("{}: has no 'train'; say there what to train", common.described()))?;
        config.check(&train.training.schedule).with_context(|| common.described())?;
        None
    } else {
        // What was not trained in this run does not belong into its configuration.
        config.train = None;
        let checkpoint = checkpoint::for_mode(options.checkpoint.as_deref(), SiteMode::General, &device)?;
        config.check(&checkpoint.trained.description.schedule).with_context(|| common.described())?;
        Some(checkpoint)
    };
    // Before anything is sampled: a checkpoint that cannot be read is told at once.
    let cdvae = peer::checkpoint(options.cdvae_checkpoint.as_deref(), common.place.seed, &device)?;
    let cgcnn =
        crystal_features::load(options.cgcnn_weights.as_deref(), &device).context("the weights for FD CGCNN")?;
    let pgcgm_weights = pgcgm::weights(options.pgcgm_checkpoint.as_deref(), &device).context("PGCGM")?;
    let (leg, out) = match (options.resume, finished) {
        (true, true) => match measured_again(&folder, &config, &cgcnn)? {
            Again::Known(table) => return Ok(table),
            Again::New(out) => (Leg::Finished, out),
        },
        (true, false) => {
            refuse_another(&folder.join("config.ron"), &config)?;
            (Leg::Next, folder.clone())
        }
        (false, _) => (Leg::First, folder.clone()),
    };
    writable_folder(&out)?;
    write_file(&out.join("config.ron"), to_ron(&config)?)?;
    let mut stages = Stages::default();

    let source = locate(common.data.as_deref());
    // The embedded prototypes are there to be trained on; a trained network is measured on real crystals.
    let data = match (&checkpoint, &source) {
        (Some(_), Source::Embedded) => None,
        _ => Some(stages.run("data", || load_data(&config, &source))?),
    };
    let reference = stages.run(&format!("{} split", config.reference.name()), || match &data {
        Some(data) => Reference::of(data, &config, &cgcnn, common.place.seed),
        None => Reference::shipped(&config, &cgcnn),
    })?;
    let provenance =
        Provenance::of_named(&reference.data, &reference.data_sha256, common.place.seed, common.place.device);
    write_json(&out.join("run.json"), &provenance)?;
    let mut keeper = Keeper { leg, provenance: &provenance, earlier: BTreeMap::new() };
    let training = data.as_ref().map(|data| structures_of(data, Split::Train));
    let training = training.as_deref();

    let network = match (checkpoint, &data, &config.train) {
        (Some(checkpoint), ..) => Network::of_checkpoint(checkpoint),
        (None, Some(data), Some(training)) => {
            stages.run("training", || train(training, options.resume, data, &provenance, &devices, &folder))?.0
        }
        (None, ..) => unreachable!("without a checkpoint there are a training and its data"),
    };
    let orders = reference.orders(config.n_samples, config.sampling.seed);
    let generated = stages
        .run("sampling", || sampled(&mut keeper, "this work", &config.sampling, &orders, &network, &device, &folder))?;
    let ours =
        stages.run("fingerprints of this work", || Ok(fingerprints_of("this work", &generated.structures, &cgcnn)))?;
    let same = stages.run("uniqueness and novelty", || Sameness::of(&generated.structures, training))?;
    let bootstrap = Bootstrap { samples: config.bootstrap, seed: common.place.seed };
    let (this_work, further) = stages.run("figures of this work", || {
        let mut row = this_work_row(&config.sampling, bootstrap, &ours, &reference.structures, &generated, &network)?;
        row.note += &keeper.note("this work");
        Ok((row, Further::of("this work", &generated, &same, &ours, &reference.structures)?))
    })?;
    listing::write(&out, &generated, &ours, &same)?;
    let mut rows = vec![this_work];
    let mut further = vec![further];
    let wyckoff = match (config.wyckoff.is_empty(), config.de_novo.is_empty()) {
        (true, true) => None,
        (_, none) => {
            let checkpoint = options.wyckoff_checkpoint.as_deref();
            Some(OnPositions::new(checkpoint, &orders, !none, common.place.seed, &device)?)
        }
    };
    let plain = config.samplers.iter().map(|sampler| (sampler, &network, &orders));
    let bound =
        wyckoff.iter().flat_map(|bound| config.wyckoff.iter().map(|sampler| (sampler, &bound.network, &bound.orders)));
    let open =
        wyckoff.iter().flat_map(|bound| config.de_novo.iter().map(|sampler| (sampler, &bound.network, &bound.de_novo)));
    let more: Vec<_> = plain.chain(bound).chain(open).collect();
    for &(sampler, network, orders) in &more {
        let NamedSampler { name, sampling, .. } = sampler;
        let (folder, out) = (folder.join(name), out.join(name));
        let generated = stages.run(&format!("sampling, {name}"), || {
            sampled(&mut keeper, name, sampling, orders, network, &device, &folder)
        })?;
        let (row, more) = stages.run(&format!("figures of {name}"), || {
            let ours = fingerprints_of(name, &generated.structures, &cgcnn);
            let same = Sameness::of(&generated.structures, training)?;
            writable_folder(&out)?;
            listing::write(&out, &generated, &ours, &same)?;
            let mut row =
                this_work_row(&config.sampling, bootstrap, &ours, &reference.structures, &generated, network)?;
            row.note += &keeper.note(name);
            Ok((row, Further::of(name, &generated, &same, &ours, &reference.structures)?))
        })?;
        rows.push(Row { name: name.clone(), published: None, ..row });
        further.push(more);
    }
    if !more.is_empty() {
        let schedule = |network: &'_ Network| network.trained.description.schedule.clone();
        let schedules: Vec<_> =
            std::iter::once(schedule(&network)).chain(more.iter().map(|(_, of, _)| schedule(of))).collect();
        let samplings = std::iter::once(&config.sampling).chain(more.iter().map(|(sampler, ..)| &sampler.sampling));
        let samplings: Vec<_> = samplings.zip(&schedules).collect();
        samplers::write_comparison(&out, config.n_samples, &samplings, &rows)?;
    }
    let split = config.reference;
    let same = match &data {
        Some(data) => Some(stages.run(&format!("uniqueness and novelty, {}", split.name()), || {
            Sameness::of(&structures_of(data, split.split()), training)
        })?),
        None => None,
    };
    further.push(Further::of_reference(split.name(), same.as_ref(), &reference.structures));
    let stable = stages.run("1000 stable structures", || stable_rows(&config, common.place.seed, &reference))?;

    let not_run = |name: &str, published, note: &str| Row {
        name: name.to_owned(),
        published: Some(published),
        measured: None,
        n_samples: 0,
        note: note.to_owned(),
    };
    match &pgcgm_weights {
        Some(weights) => {
            let measuring = pgcgm::Measuring {
                weights,
                n_samples: config.n_samples,
                reference: &reference,
                cgcnn: &cgcnn,
                training,
                bootstrap,
                device: &device,
                folder: &folder,
                out: &out,
            };
            let (measured, more) = stages.run("PGCGM", || pgcgm::measured_rows(&measuring, &mut keeper))?;
            rows.extend(measured);
            further.extend(more);
        }
        None => {
            let note = "20 space groups; published figures only, not run here (--pgcgm-checkpoint)";
            rows.push(not_run("PGCGM", published::PGCGM, note));
        }
    }
    match &cdvae {
        None => rows.push(not_run("CDVAE", published::CDVAE, peer::NOT_SAMPLED)),
        Some(cdvae) => {
            let (generated, ours) =
                stages.run("sampling, CDVAE", || cdvae.sample(&config, &device, &folder, &cgcnn, &mut keeper))?;
            let same = stages.run("uniqueness and novelty, CDVAE", || Sameness::of(&generated.structures, training))?;
            writable_folder(&out.join(peer::FOLDER))?;
            listing::write(&out.join(peer::FOLDER), &generated, &ours, &same)?;
            let mut row = cdvae.row(bootstrap, &generated, &ours, &reference.structures)?;
            row.note += &keeper.note("CDVAE");
            rows.push(row);
            let more = Further::of("CDVAE", &generated, &same, &ours, &reference.structures)?;
            // No space group was asked for.
            further.push(Further { space_group_kept: None, ..more });
        }
    }
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
        earlier: &keeper.earlier,
    };
    let table = outcome.write(&out)?;
    if leg == Leg::Finished {
        // The report of the run shows its structures, and they are no others.
        write_file(&out.join(command::FILE), command::of_this_process() + "\n")?;
    } else {
        report::finish(&folder, &reference.properties)?;
    }
    Ok(table)
}

/// Refuses to go on with a run of another configuration; which rows it has may change.
fn refuse_another(file: &Path, config: &Table1Config) -> Result<()> {
    let without_rows =
        |config: &Table1Config| Table1Config { samplers: vec![], wyckoff: vec![], de_novo: vec![], ..config.clone() };
    if file.exists() && without_rows(&read_ron(file)?) != without_rows(config) {
        bail!(
            "{}: the run there had another configuration or seed; go on with those, or choose another --name",
            file.display()
        );
    }
    Ok(())
}

/// What there is of a finished run with other weights for FD CGCNN.
enum Again {
    /// The table, made before.
    Known(String),
    /// The folder to make it in.
    New(PathBuf),
}

/// Where the structures of the finished run in `folder` are measured with these weights: beside its own table, which
/// stays as it is.
fn measured_again(folder: &Path, config: &Table1Config, cgcnn: &Weights) -> Result<Again> {
    let file = folder.join("config.ron");
    if text_of(&file)? != to_ron(config)? {
        bail!(
            "{}: the run there had another configuration, seed or other rows; name those, or choose another --name",
            file.display()
        );
    }
    let beside = folder.join(format!("cgcnn-{}", &cgcnn.sha256[..12]));
    if let Some(there) = [folder, &beside].into_iter().find(|there| is_measured_with(there, cgcnn)) {
        return Ok(Again::Known(text_of(&there.join(TABLE))?));
    }
    Ok(Again::New(beside))
}

/// Whether a table in a folder was made with these weights.
fn is_measured_with(folder: &Path, cgcnn: &Weights) -> bool {
    let text = std::fs::read_to_string(folder.join(RESULT)).unwrap_or_default();
    let table: Value = serde_json::from_str(&text).unwrap_or_default();
    table["cgcnn"]["sha256"] == cgcnn.sha256
}

fn text_of(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))
}

/// The configuration with the seed, and with the rows that are asked for.
fn configuration(options: &Table1Options) -> Result<Table1Config> {
    let mut config = options.run.configuration::<Table1Config>()?.resolve(options.run.place.seed);
    if let Some(wanted) = &options.samplers {
        let known: Vec<&str> = {
            let all = config.samplers.iter().chain(&config.wyckoff).chain(&config.de_novo);
            all.map(|sampler| sampler.name.as_str()).collect()
        };
        if let Some(unknown) = wanted.iter().find(|name| *name != "none" && !known.contains(&name.as_str())) {
            bail!("--samplers: {} has no sampler '{unknown}'; it has {}", options.run.described(), known.join(", "));
        }
    }
    let asked = |sampler: &NamedSampler| match &options.samplers {
        Some(wanted) => wanted.contains(&sampler.name),
        None => !sampler.on_demand,
    };
    config.samplers.retain(&asked);
    config.wyckoff.retain(&asked);
    config.de_novo.retain(&asked);
    Ok(config)
}

pub(crate) fn load_data(config: &Table1Config, source: &Source) -> Result<DataSet> {
    let settings = LoadOptions {
        min_space_group: config.data.min_space_group,
        symprec: config.data.symprec,
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
pub(crate) struct Network {
    pub(crate) trained: AnyModel,
    pub(crate) note: String,
    /// What tells it from others.
    identity: Value,
}

impl Network {
    pub(crate) fn of_checkpoint(checkpoint: Checkpoint) -> Self {
        let Checkpoint { trained, path, sha256, .. } = checkpoint;
        let steps = trained.description.steps;
        let batch = trained.description.optimiser.get("batch_size").and_then(|size| size.as_u64());
        let batch = batch.map_or_else(String::new, |size| format!(" of {size} structures"));
        let note = format!(
            "{} of checkpoint {path} (SHA-256 {}…), {steps} training steps{batch}",
            trained.kind,
            &sha256[..12]
        );
        Self { trained, note, identity: sha256.into() }
    }
}

/// Trains, or goes on with a training in `folder` if `resume` is set. Returns the mean losses of the last steps, too.
pub(crate) fn train(
    config: &TrainConfig,
    resume: bool,
    data: &DataSet,
    provenance: &Provenance,
    devices: &Devices,
    folder: &Path,
) -> Result<(Network, (f32, f32))> {
    let optimiser = &config.training.optimiser;
    let bar = bar("training", optimiser.steps);
    let mut display = Display::whole(&bar);
    // An interrupted experiment goes on where its training stopped; the training itself knows when it is done.
    let run = druse::training::train(config, data, provenance, devices, folder, resume, &mut |told| display.show(told));
    bar.finish_and_clear();
    let TrainingRun { trained, curve, .. } = run?;
    write_file(&folder.join("loss.svg"), plot::loss_curve(&curve)?)?;
    let (position, lattice) = recent_losses(&curve, NOTED_STEPS);
    let note = format!(
        "{} training steps of {} structures, losses at the end {position:.3} (position) and {lattice:.3} (lattice)",
        curve.len(),
        optimiser.batch_size,
    );
    let identity = json!({ "training": config, "data_sha256": data.sha256 });
    Ok((Network { trained, note, identity }, (position, lattice)))
}

/// The structures of a row: kept from an earlier leg, or sampled.
fn sampled(
    keeper: &mut Keeper<'_>,
    name: &str,
    config: &SamplerConfig,
    orders: &[SamplingOrder],
    network: &Network,
    device: &Device,
    folder: &Path,
) -> Result<Generated> {
    let listed: String = orders.iter().map(|order| format!("{order}\n")).collect();
    let of = json!({ "sampler": config, "orders": sha256_hex(listed.as_bytes()), "network": network.identity });
    let (generated, ()) =
        keeper.structures(name, folder, of, || Ok((sample(config, orders, network, device, folder)?, ())))?;
    Ok(generated)
}

pub(crate) fn sample(
    config: &SamplerConfig,
    orders: &[SamplingOrder],
    network: &Network,
    device: &Device,
    folder: &Path,
) -> Result<Generated> {
    let bar = bar("sampling", 0);
    let mut display = Display::fractions(&bar);
    let sampler = Sampler::new(&network.trained, config.clone(), device)?;
    let sampled = druse::sampling::sample(&sampler, orders, &folder.join("generated"), &mut |told| display.show(told));
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
