//! Trains the network behind FD CGCNN on the formation energies of a data set.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use cgcnn::{CgcnnConfig, EpochPoint, LabelledGraphs, Trained, TrainingConfig, mean_absolute_error, train};
use crystal_core::Structure;
use datasets::{DataSet, LoadOptions, Split, load, locate};
use druse::Provenance;
use druse::config::{parse_ron, read_ron, to_ron};
use druse::output::{writable_folder, write_file};
use serde::{Deserialize, Serialize};

use crate::progress::bar;
use crate::run_options::TrainingRun;

/// The configuration that is used when none is named.
const PRESET: &str = include_str!("../../../experiments/presets/cgcnn.ron");
/// Where it comes from, for messages.
const PRESET_NAME: &str = "experiments/presets/cgcnn.ron";

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct CgcnnOptions {
    /// Folder for weights, curve and figures.
    #[arg(long, default_value = "runs/cgcnn")]
    pub out: PathBuf,
    /// Passes over the training split, instead of the configuration's.
    #[arg(long)]
    pub epochs: Option<usize>,
    /// Learning rate, instead of the configuration's.
    #[arg(long)]
    pub learning_rate: Option<f64>,
    /// Configuration, data, device and seed.
    #[command(flatten)]
    pub run: TrainingRun,
}

/// Network and training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CgcnnTrainingConfig {
    /// The network.
    pub model: CgcnnConfig,
    /// The training run.
    pub training: TrainingConfig,
}

/// What the run ends with, beside the weights.
#[derive(Debug, Serialize)]
struct Figures {
    /// Mean absolute error on the test split, eV/atom; measured once, with the weights that are kept.
    test_mae: f64,
    /// The same on the validation split, which chose them.
    validation_mae: f64,
    /// The epoch they are of.
    epoch: usize,
    /// Structures of the training, validation and test split.
    n_structures: [usize; 3],
    /// Time of the training since its last start, its graphs included.
    seconds: f64,
}

/// Trains a network and writes `cgcnn.safetensors`, `epochs.csv`, `result.json`, `config.ron` and `provenance.json`
/// into the folder, and while it runs `training.state`, which an interrupted run goes on from. Returns a summary.
///
/// # Errors
/// If a finished run lies in the folder, or an interrupted one that is not this one, the data have no formation
/// energies, the configuration makes no sense, or a file cannot be written.
pub fn run(options: &CgcnnOptions) -> Result<String> {
    let config = configuration(options)?;
    let device = options.run.device.open()?;
    let folder = &options.out;
    let result = folder.join("result.json");
    if result.exists() {
        bail!("{}: a finished run lies there already; choose another --out", folder.display());
    }
    let state = folder.join("training.state");
    let interrupted = state.exists();
    if interrupted && !options.run.resume {
        bail!("{}: an interrupted run lies there; go on with it (--resume) or choose another --out", folder.display());
    }
    writable_folder(folder)?;
    let data = load(&locate(options.run.data.as_deref()), &LoadOptions::default())?;
    let provenance = Provenance::of(&data, options.run.seed, options.run.device);
    // Those of an interrupted run must not be replaced by those of one that is then refused; if it is not refused, they
    // are the same.
    if !interrupted {
        write_file(&folder.join("config.ron"), to_ron(&config)?)?;
        write_file(&folder.join("provenance.json"), serde_json::to_string_pretty(&provenance)? + "\n")?;
    }

    let clock = Instant::now();
    let split = |split| labelled(&data, split, options.run.limit);
    let (training, validation, test) = (split(Split::Train), split(Split::Validation), split(Split::Test));
    let n_structures = [training.len(), validation.len(), test.len()];
    if n_structures.contains(&0) {
        bail!("{}: a split has no formation energies; CGCNN is trained on MP-20: give --data DIR", data.name);
    }
    tracing::info!("{n_structures:?} structures, graphs built in {:.1} s", clock.elapsed().as_secs_f64());
    let Trained { model, best, curve } = fit(&config, &training, &validation, &device, &state)?;
    let seconds = clock.elapsed().as_secs_f64();
    let test_mae = mean_absolute_error(&model, &test, "test")?;
    write_file(&folder.join("epochs.csv"), epochs_csv(&curve))?;
    let figures = Figures { test_mae, validation_mae: best.validation, epoch: best.epoch, n_structures, seconds };
    let weights = folder.join("cgcnn.safetensors");
    save(&weights, &model, &config, &provenance, &figures)?;
    // Last: a run counts as finished when this file is there.
    write_file(&result, serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(format!(
        "test MAE {test_mae:.4} eV/atom over {} structures (validation {:.4}, best of {} epochs: {}), {seconds:.0} s\nwrote {}",
        test.len(),
        best.validation,
        curve.len(),
        best.epoch,
        weights.display()
    ))
}

fn configuration(options: &CgcnnOptions) -> Result<CgcnnTrainingConfig> {
    let (mut config, name) = match &options.run.config {
        Some(path) => (read_ron::<CgcnnTrainingConfig>(path)?, path.display().to_string()),
        None => (parse_ron(PRESET, PRESET_NAME)?, PRESET_NAME.to_owned()),
    };
    config.model.seed = options.run.seed;
    config.training.seed = options.run.seed;
    config.training.epochs = options.epochs.unwrap_or(config.training.epochs);
    config.training.batch_size = options.run.batch_size.unwrap_or(config.training.batch_size);
    config.training.learning_rate = options.learning_rate.unwrap_or(config.training.learning_rate);
    config.model.check().and_then(|()| config.training.check()).context(name)?;
    Ok(config)
}

/// Structures of a split that have an energy.
fn labelled(data: &DataSet, split: Split, limit: Option<usize>) -> LabelledGraphs {
    let with_energy =
        data.split(split).iter().filter_map(|record| Some((record.structure.clone(), record.formation_energy?)));
    let (structures, energies): (Vec<Structure>, Vec<f64>) = with_energy.take(limit.unwrap_or(usize::MAX)).unzip();
    let (graphs, lost) = LabelledGraphs::new(&structures, &energies);
    if let [(_, first), ..] = lost.as_slice() {
        tracing::warn!("{split}: {} structures have no graph; the first: {first}", lost.len());
    }
    graphs
}

fn fit(
    config: &CgcnnTrainingConfig,
    training: &LabelledGraphs,
    validation: &LabelledGraphs,
    device: &burn::tensor::Device,
    state: &Path,
) -> Result<Trained> {
    let bar = bar("CGCNN", config.training.epochs as u64);
    let trained = train(&config.model, &config.training, training, validation, device, Some(state), |point| {
        bar.set_message(format!("MAE {:.4} training, {:.4} validation", point.training, point.validation));
        bar.set_position(point.epoch as u64);
        if bar.is_hidden() {
            let EpochPoint { epoch, training, validation } = point;
            let seconds = bar.elapsed().as_secs_f64();
            tracing::info!("epoch {epoch}: MAE {training:.4} training, {validation:.4} validation, {seconds:.0} s");
        }
        true
    });
    bar.finish_and_clear();
    Ok(trained?)
}

fn epochs_csv(curve: &[EpochPoint]) -> String {
    let rows = curve.iter().map(|point| format!("{},{},{}\n", point.epoch, point.training, point.validation));
    format!("epoch,training_mae,validation_mae\n{}", rows.collect::<String>())
}

fn save(
    path: &Path,
    model: &cgcnn::Cgcnn,
    config: &CgcnnTrainingConfig,
    provenance: &Provenance,
    figures: &Figures,
) -> Result<()> {
    let mut archive = model.to_archive()?;
    archive.metadata.insert("provenance".to_owned(), serde_json::to_string(provenance)?);
    archive.metadata.insert("training".to_owned(), to_ron(config)?);
    archive.metadata.insert("figures".to_owned(), serde_json::to_string(figures)?);
    Ok(archive.save(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_is_a_configuration() {
        let config: CgcnnTrainingConfig = parse_ron(PRESET, PRESET_NAME).expect("a configuration");
        config.model.check().expect("a network");
        config.training.check().expect("a training run");
        assert_eq!(config.model, CgcnnConfig::default(), "the sizes of the published network");
    }
}
