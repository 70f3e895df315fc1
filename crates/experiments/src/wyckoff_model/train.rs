//! Training.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use crystal_core::ConfigError;
use datasets::{DataSet, LoadOptions, Split, load, locate};
use druse::Provenance;
use druse::config::{parse_ron, read_ron, to_ron};
use druse::output::{writable_folder, write_file};
use serde::{Deserialize, Serialize};
use wyckoff_assignment::WyckoffAssignment;
use wyckoff_model::{CurvePoint, Trained, TrainingConfig, TrainingData, WyckoffModelConfig, train};

use super::everything;
use crate::run_options::TrainingRun;

/// The configuration that is used when none is named.
const PRESET: &str = include_str!("../../../../experiments/presets/wyckoff-model.ron");
/// Where it comes from, for messages.
const PRESET_NAME: &str = "experiments/presets/wyckoff-model.ron";

/// Minutes that are left for the steps when the preparation took all there were.
const LEAST_MINUTES: f64 = 0.01;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct TrainOptions {
    /// Learns from these structures as well, a file or folder, and from all splits of the data: for a network that is
    /// used and not measured. What is measured on is held out of all of them at random.
    #[arg(long, value_name = "PATH")]
    pub also: Option<PathBuf>,
    /// Folder for weights, curve and figures.
    #[arg(long, default_value = "runs/wyckoff-model")]
    pub out: PathBuf,
    /// Most minutes, the preparation of the data included, instead of the configuration's.
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Most steps, instead of the configuration's.
    #[arg(long)]
    pub steps: Option<u64>,
    /// Configuration, data, device and seed.
    #[command(flatten)]
    pub run: TrainingRun,
}

/// Network, training and data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WyckoffModelTrainingConfig {
    /// The network.
    pub model: WyckoffModelConfig,
    /// The training run.
    pub training: TrainingConfig,
    /// Tolerance of the symmetry finder, Å.
    pub symprec: f64,
}

/// What the run ends with, beside the weights.
#[derive(Debug, Serialize)]
struct Figures {
    /// Losses of the state that is kept.
    best: CurvePoint,
    /// The last measurement.
    last: CurvePoint,
    /// Structures of the training and validation split.
    n_structures: [usize; 2],
    /// Those of them that were left out: too large, or without a reduced form.
    n_left_out: [usize; 2],
    /// SHA-256 of the assignments of both.
    assignments_sha256: [String; 2],
}

/// Trains a network and writes `wyckoff-model.safetensors`, `curve.csv`, `result.json`, `config.ron` and
/// `provenance.json` into the folder, and while it runs `training.state`, which an interrupted run goes on from.
/// Returns a summary. The test split is not looked at.
///
/// # Errors
/// If a finished run lies in the folder, or an interrupted one that is not this one, the data hold nothing to learn
/// from, the configuration makes no sense, or a file cannot be written.
pub fn run(options: &TrainOptions) -> Result<String> {
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
    let clock = Instant::now();
    let load_options = LoadOptions { symprec: config.symprec, progress: true, ..LoadOptions::default() };
    let data = load(&locate(options.run.data.as_deref()), &load_options)?;
    let provenance = Provenance::of(&data, options.run.seed, options.run.device);
    // Those of an interrupted run must not be replaced by those of one that is then refused; if it is not refused, they
    // are the same.
    if !interrupted {
        write_file(&folder.join("config.ron"), to_ron(&config)?)?;
        write_file(&folder.join("provenance.json"), serde_json::to_string_pretty(&provenance)? + "\n")?;
    }
    let sets = match &options.also {
        None => [Split::Train, Split::Validation].map(|split| assignments(&data, split, options.run.limit)),
        Some(path) => everything::split(&data, path, config.symprec, options.run.limit)?,
    };
    let [(training, n_train), (validation, n_validation)] =
        sets.map(|(assignments, n_structures)| (TrainingData::new(assignments), n_structures));
    if training.is_empty() || validation.is_empty() {
        bail!(
            "{}: training or validation split is empty; the best step is chosen by the validation split: give a folder \
             that has both",
            data.name
        );
    }
    let n_structures = [n_train, n_validation];
    let n_left_out = [n_train - training.len(), n_validation - validation.len()];
    tracing::info!(
        "{n_structures:?} structures, {n_left_out:?} left out, prepared in {:.1} s",
        clock.elapsed().as_secs_f64()
    );
    // What is asked for is the length of the run, and all that was done so far is part of it.
    let before = clock.elapsed().as_secs_f64() / 60.0;
    let minutes = config.training.minutes.map(|minutes| (minutes - before).max(LEAST_MINUTES));
    let timed = TrainingConfig { minutes, ..config.training.clone() };
    let trained = train(&config.model, &timed, &training, &validation, &device, Some(&state), |point| {
        let CurvePoint { step, seconds, training, validation } = point;
        tracing::info!(
            "step {step}, {seconds:.0} s: training group {:.3} positions {:.3} composition {:.3}; \
             validation group {:.3} positions {:.3} composition {:.3}",
            training.group,
            training.positions,
            training.composition,
            validation.group,
            validation.positions,
            validation.composition
        );
        true
    });
    let Trained { model, best, curve } = trained?;
    write_file(&folder.join("curve.csv"), curve_csv(&curve))?;
    let figures = Figures {
        best,
        last: *curve.last().context("a run has a measurement")?,
        n_structures,
        n_left_out,
        assignments_sha256: [training.sha256().to_owned(), validation.sha256().to_owned()],
    };
    let weights = folder.join("wyckoff-model.safetensors");
    let mut archive = model.to_archive(&training.elements())?;
    archive.metadata.insert("provenance".to_owned(), serde_json::to_string(&provenance)?);
    archive.metadata.insert("training".to_owned(), to_ron(&config)?);
    archive.metadata.insert("figures".to_owned(), serde_json::to_string(&figures)?);
    archive.save(&weights)?;
    // Last: a run counts as finished when this file is there.
    write_file(&result, serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(format!(
        "validation, nats per crystal: group {:.3}, positions {:.3}, composition {:.3}; best of {} steps: {}; {:.0} s\nwrote {}",
        best.validation.group,
        best.validation.positions,
        best.validation.composition,
        figures.last.step,
        best.step,
        figures.last.seconds,
        weights.display()
    ))
}

fn configuration(options: &TrainOptions) -> Result<WyckoffModelTrainingConfig> {
    let (mut config, name) = match &options.run.config {
        Some(path) => (read_ron::<WyckoffModelTrainingConfig>(path)?, path.display().to_string()),
        None => (parse_ron(PRESET, PRESET_NAME)?, PRESET_NAME.to_owned()),
    };
    config.model.seed = options.run.seed;
    let training = &mut config.training;
    training.seed = options.run.seed;
    training.minutes = options.minutes.or(training.minutes);
    training.steps = options.steps.unwrap_or(training.steps);
    training.batch_size = options.run.batch_size.unwrap_or(training.batch_size);
    let of = |part: &'static str| move |error: ConfigError| error.of(part);
    let checked = config.model.check().map_err(of("model"));
    checked.and_then(|()| config.training.check().map_err(of("training"))).context(name)?;
    Ok(config)
}

/// Assignments of a split, and the number of its structures.
pub(super) fn assignments(data: &DataSet, split: Split, limit: Option<usize>) -> (Vec<WyckoffAssignment>, usize) {
    let records = data.split(split);
    let records = &records[..limit.unwrap_or(usize::MAX).min(records.len())];
    let units = records.iter().filter_map(|record| record.unit.as_ref().ok());
    (units.filter_map(|unit| WyckoffAssignment::of(unit).ok()).collect(), records.len())
}

fn curve_csv(curve: &[CurvePoint]) -> String {
    let row = |point: &CurvePoint| {
        let CurvePoint { step, seconds, training, validation } = point;
        let losses = [training, validation]
            .map(|losses| format!("{:.5},{:.5},{:.5}", losses.group, losses.positions, losses.composition));
        format!("{step},{seconds:.1},{}\n", losses.join(","))
    };
    let header = "step,seconds,training_group,training_positions,training_composition,\
                  validation_group,validation_positions,validation_composition\n";
    header.to_owned() + &curve.iter().map(row).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_is_a_configuration() {
        let config: WyckoffModelTrainingConfig = parse_ron(PRESET, PRESET_NAME).expect("a configuration");
        config.model.check().expect("a network");
        config.training.check().expect("a training run");
        assert_eq!((config.model, config.training), (WyckoffModelConfig::default(), TrainingConfig::default()));
    }
}
