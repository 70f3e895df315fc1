//! Training.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use crystal_core::{ConfigError, Structure};
use datasets::{LoadOptions, Split, load, locate};
use druse::Provenance;
use druse::config::{parse_ron, read_ron, to_ron};
use druse::output::{writable_folder, write_file};
use metrics::{Fingerprints, evaluate, fingerprints, table1_samples};
use pgcgm::finish::Rounding;
use pgcgm::{CurvePoint, Measurement, PgcgmConfig, Sampler, Trained, TrainingConfig, TrainingData, Wanted, train};
use serde::{Deserialize, Serialize};

use super::data::{crystals, validation_fingerprints};
use crate::run_options::TrainingRun;

/// The configuration that is used when none is named.
const PRESET: &str = include_str!("../../../../experiments/presets/pgcgm.ron");
/// Where it comes from, for messages.
const PRESET_NAME: &str = "experiments/presets/pgcgm.ron";
/// Valid crystals without which a step gets no score.
const LEAST_VALID: usize = 20;
/// Minutes that are left for the steps when the preparation took all there were.
const LEAST_MINUTES: f64 = 0.01;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct TrainOptions {
    /// Folder for weights, curve and figures.
    #[arg(long, default_value = "runs/pgcgm")]
    pub out: PathBuf,
    /// Most minutes of this leg, the preparation of the data included; the rest is done with --resume.
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Steps of the generator in all, instead of the configuration's.
    #[arg(long)]
    pub steps: Option<u64>,
    /// Configuration, data, device and seed.
    #[command(flatten)]
    pub run: TrainingRun,
}

/// Network, training, data and measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PgcgmTrainingConfig {
    /// The network.
    pub model: PgcgmConfig,
    /// The training run.
    pub training: TrainingConfig,
    /// What the best step is chosen by.
    pub measure: MeasureConfig,
    /// Tolerance of the symmetry finder, Å.
    pub symprec: f64,
}

/// How generated crystals are measured while training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureConfig {
    /// Crystals that are wanted.
    pub count: usize,
    /// Draws after which it ends with fewer.
    pub most_draws: u64,
    /// How coordinates are rounded.
    #[serde(default)]
    pub rounding: Rounding,
    /// Structures of the validation split, in the 20 groups, that they are compared with.
    pub reference: usize,
}

/// What a leg ends with, beside the weights.
#[derive(Debug, Serialize, Deserialize)]
struct Figures {
    /// Whether all steps are done.
    is_finished: bool,
    /// Step of the weights that are kept.
    step: u64,
    /// Their measurement, if it gave a score.
    best: Option<Measurement>,
    /// The last point.
    last: CurvePoint,
    /// Crystals that were learned from.
    n_crystals: usize,
    /// Structures of the training split that were left out, by reason.
    left_out: BTreeMap<String, usize>,
    /// SHA-256 of the crystals.
    crystals_sha256: String,
}

/// Trains a model and writes `pgcgm.safetensors`, `curve.csv`, `result.json`, `config.ron` and `provenance.json` into
/// the folder, and `training.state`, which the next leg goes on from. Returns a summary. The test split is not looked
/// at.
///
/// # Errors
/// If a run lies in the folder and is not gone on with, or is another one or finished; if the data hold nothing to
/// learn from, the configuration makes no sense, or a file cannot be written.
pub fn run(options: &TrainOptions) -> Result<String> {
    let clock = Instant::now();
    let config = configuration(options)?;
    let device = options.run.device.open()?;
    let folder = &options.out;
    let (result, state) = (folder.join("result.json"), folder.join("training.state"));
    let earlier = state.exists();
    if earlier && !options.run.resume {
        bail!("{}: a run lies there; go on with it (--resume) or choose another --out", folder.display());
    }
    if !earlier && result.exists() {
        bail!("{}: the result of a run lies there and its state does not; choose another --out", folder.display());
    }
    writable_folder(folder)?;
    let load_options = LoadOptions { symprec: config.symprec, progress: true, ..LoadOptions::default() };
    let data = load(&locate(options.run.data.as_deref()), &load_options)?;
    let provenance = Provenance::of(&data, options.run.seed, options.run.device);
    // Those of an earlier leg must not be replaced by those of one that is then refused; if it is not refused, they are
    // the same but for the number of steps.
    if !earlier {
        write_file(&folder.join("config.ron"), to_ron(&config)?)?;
        write_file(&folder.join("provenance.json"), serde_json::to_string_pretty(&provenance)? + "\n")?;
    }
    let (found, left_out) = crystals(&data, Split::Train, config.model.elements, options.run.limit);
    let training = TrainingData::new(found);
    if training.is_empty() {
        bail!("{}: the training split holds no crystal that the model can hold; give MP-20 (--data DIR)", data.name);
    }
    let reference = validation_fingerprints(&data, config.measure.reference, options.run.seed);
    if reference.len() < 2 {
        bail!(
            "{}: the validation split has fewer than two structures in the 20 space groups; the best step is chosen \
             by it: give a folder that has both",
            data.name
        );
    }
    tracing::info!(
        "{} crystals to learn from, left out: {left_out:?}; prepared in {:.1} s",
        training.len(),
        clock.elapsed().as_secs_f64()
    );
    // What is asked for is the length of the leg, and all that was done so far is part of it.
    let before = clock.elapsed().as_secs_f64() / 60.0;
    let minutes = config.training.minutes.map(|minutes| (minutes - before).max(LEAST_MINUTES));
    let timed = TrainingConfig { minutes, ..config.training.clone() };
    let measure = |sampler: &Sampler| measured(sampler, &config.measure, &reference).map_err(Into::into);
    let trained = train(&config.model, &timed, &training, &device, Some(&state), measure, |point| {
        tracing::info!("{}", described(point));
        true
    });
    let Trained { weights, step, curve, is_finished } = trained?;
    let last = *curve.last().context("a run has a measurement")?;
    write_file(&folder.join("curve.csv"), curve_csv(&curve)?)?;
    let best = curve.iter().find(|point| point.step == step).map(|point| point.measurement);
    let figures = Figures {
        is_finished,
        step,
        best: best.filter(|best| best.score.is_some()),
        last,
        n_crystals: training.len(),
        left_out,
        crystals_sha256: training.sha256().to_owned(),
    };
    let file = folder.join("pgcgm.safetensors");
    let mut archive = weights.to_archive()?;
    archive.metadata.insert("provenance".to_owned(), serde_json::to_string(&provenance)?);
    archive.metadata.insert("training".to_owned(), to_ron(&config)?);
    archive.metadata.insert("figures".to_owned(), serde_json::to_string(&figures)?);
    archive.save(&file)?;
    write_file(&result, serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(summary(&figures, &file))
}

fn summary(figures: &Figures, file: &Path) -> String {
    let Figures { is_finished, step, best, last, .. } = figures;
    let state = if *is_finished { "all steps are done" } else { "go on with --resume" };
    let quality = best.map_or_else(
        || "no step gave enough valid crystals for a score; the last weights are kept".to_owned(),
        |best| format!("best at step {step}: {}", quality(&best)),
    );
    format!("{} steps in {:.0} s, {state}; {quality}\nwrote {}", last.step, last.seconds, file.display())
}

fn quality(measurement: &Measurement) -> String {
    let Measurement { candidates, kept, cov_p, cov_r, fd_crystalnn, .. } = measurement;
    let figure = |value: &Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    format!(
        "{kept} of {candidates} candidates kept, COV-P {}, COV-R {}, FD CrystalNN {}",
        figure(cov_p),
        figure(cov_r),
        figure(fd_crystalnn)
    )
}

fn described(point: &CurvePoint) -> String {
    let CurvePoint { step, seconds, distance, penalty, score, inter, intra, orbit, measurement } = point;
    format!(
        "step {step}, {seconds:.0} s: distance {distance:.3}, penalty {penalty:.3}, score {score:.3}, inter {inter:.4}, \
         intra {intra:.4}, orbit {orbit:.3}; {}",
        quality(measurement)
    )
}

/// Coverage and Fréchet distance of generated crystals against the validation structures.
fn measured(sampler: &Sampler, config: &MeasureConfig, reference: &[Fingerprints]) -> Result<Measurement> {
    let wanted = Wanted { count: config.count, most_draws: config.most_draws, rounding: config.rounding };
    let generation = sampler.generate(wanted, |_| ())?;
    let structures: Vec<Structure> = generation.crystals.iter().filter_map(|(_, _, unit)| unit.expand().ok()).collect();
    let (candidates, kept) = (generation.yields.candidates, generation.yields.kept);
    let found = fingerprints(&structures, &|_| ());
    let usable = table1_samples(&found, found.len());
    if usable.len() < LEAST_VALID {
        return Ok(Measurement { candidates, kept, ..Measurement::default() });
    }
    let figures = evaluate(&usable, reference)?;
    let (cov_p, cov_r, fd) = (figures.cov_precision, figures.cov_recall, figures.fd_crystalnn);
    Ok(Measurement {
        candidates,
        kept,
        cov_p: Some(cov_p),
        cov_r: Some(cov_r),
        fd_crystalnn: Some(fd),
        score: Some((1.0 - cov_p) + (1.0 - cov_r) + fd),
    })
}

fn configuration(options: &TrainOptions) -> Result<PgcgmTrainingConfig> {
    let (mut config, name) = match &options.run.config {
        Some(path) => (read_ron::<PgcgmTrainingConfig>(path)?, path.display().to_string()),
        None => (parse_ron(PRESET, PRESET_NAME)?, PRESET_NAME.to_owned()),
    };
    config.model.seed = options.run.seed;
    let training = &mut config.training;
    training.seed = options.run.seed;
    training.minutes = options.minutes.or(training.minutes);
    training.steps = options.steps.unwrap_or(training.steps);
    training.batch_size = options.run.batch_size.unwrap_or(training.batch_size);
    let of = |part: &'static str| move |error: ConfigError| error.of(part);
    let measure = &config.measure;
    let counts = ConfigError::unless(measure.count >= 1, "count", measure.count, "at least 1")
        .and_then(|()| ConfigError::unless(measure.most_draws >= 1, "most_draws", measure.most_draws, "at least 1"))
        .and_then(|()| ConfigError::unless(measure.reference >= 2, "reference", measure.reference, "at least 2"));
    config.training.check().map_err(of("training")).and(counts.map_err(of("measure"))).context(name)?;
    Ok(config)
}

fn curve_csv(curve: &[CurvePoint]) -> Result<String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "step",
        "seconds",
        "distance",
        "penalty",
        "score",
        "inter",
        "intra",
        "orbit",
        "candidates",
        "kept",
        "cov_p",
        "cov_r",
        "fd_crystalnn",
    ])?;
    for point in curve {
        let CurvePoint { step, seconds, distance, penalty, score, inter, intra, orbit, measurement } = point;
        let Measurement { candidates, kept, cov_p, cov_r, fd_crystalnn, .. } = measurement;
        csv.serialize((
            (step, seconds, distance, penalty, score, inter, intra, orbit),
            (candidates, kept, cov_p, cov_r, fd_crystalnn),
        ))?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_is_a_configuration() {
        let config: PgcgmTrainingConfig = parse_ron(PRESET, PRESET_NAME).expect("a configuration");
        config.training.check().expect("a training run");
        assert!(config.measure.count >= LEAST_VALID);
    }

    #[test]
    fn a_curve_is_a_table() {
        let point = CurvePoint {
            step: 20,
            seconds: 1.5,
            distance: 0.25,
            penalty: 0.5,
            score: -1.0,
            inter: 0.125,
            intra: 0.0,
            orbit: 0.0,
            measurement: Measurement { candidates: 300, kept: 2, cov_p: Some(0.5), ..Measurement::default() },
        };
        let csv = curve_csv(&[point]).expect("a table");
        assert!(csv.ends_with("\n20,1.5,0.25,0.5,-1.0,0.125,0.0,0.0,300,2,0.5,,\n"), "{csv}");
    }
}
