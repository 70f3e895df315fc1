//! Training, leg by leg.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::tensor::Device;
use cdvae::{
    Cdvae, CdvaeConfig, CdvaeObjective, CdvaeTraining, Crystals, Description, LOSS_NAMES, LatticeScaler, Trained,
    fit_scales, measure,
};
use crystal_core::ConfigError;
use crystal_core::whole;
use druse::config::{DataConfig, parse_ron, read_ron, to_ron};
use druse::output::{writable_folder, write_file, write_json};
use druse::{Devices, Provenance};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use training::{Exchange, Identity, LossPoint, Trainer};

use super::data::Structures;
use crate::run_options::TrainingRun;

/// The configuration that is used when none is named.
const PRESET: &str = include_str!("../../../../experiments/presets/cdvae.ron");
/// Where it comes from, for messages.
const PRESET_NAME: &str = "experiments/presets/cdvae.ron";

/// Steps over which the losses that are shown are averaged.
const SHOWN: usize = 200;
/// Steps before the speed is measured: kernels are compiled in the first ones.
const UNTIMED: u64 = 20;
/// Share of the remaining time that `--finish` plans with: the rest is for what is written at the end.
const PLANNED: f64 = 0.97;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct TrainOptions {
    /// Folder for the training state, the checkpoint and the losses.
    #[arg(long, default_value = "runs/cdvae")]
    pub out: PathBuf,
    /// End this leg within this many minutes, the preparation of the data included; the rest is done with --resume.
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Steps in all, instead of the configuration's; may differ from leg to leg.
    #[arg(long)]
    pub steps: Option<u64>,
    /// Makes this the last leg: plans as many steps as its minutes allow, so that the learning rate falls to zero by
    /// then. The steps of such a run depend on the speed of the device.
    #[arg(long, requires = "minutes", conflicts_with = "steps")]
    pub finish: bool,
    /// Devices that share every batch; only cuda has more than one.
    #[arg(long, default_value_t = 1)]
    pub gpus: usize,
    /// How they add their gradients: host, or collective (NCCL).
    #[arg(long, default_value_t)]
    pub exchange: Exchange,
    /// Configuration, data, device and seed.
    #[command(flatten)]
    pub run: TrainingRun,
}

/// Network, training and data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CdvaeTrainingConfig {
    /// Which structures of the data are learned from.
    pub data: DataConfig,
    /// The network.
    pub model: CdvaeConfig,
    /// The training run.
    pub training: CdvaeTraining,
    /// The validation split is measured after this number of steps, again and again, and at the end of a leg.
    pub validate_every: u64,
    /// Crystals of it that are measured.
    pub validation_crystals: usize,
}

/// A measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Measurement {
    step: u64,
    seconds: f64,
    learning_rate: f64,
    training: Vec<f64>,
    validation: Vec<f64>,
}

/// Trains and writes `config.ron`, `provenance.json`, `training.state` (what `--resume` goes on from), `losses.csv`
/// (every step), `curve.csv` (measurements) and `cdvae.safetensors` into the folder. Returns a summary. The test split
/// is not looked at.
///
/// # Errors
/// If a run lies in the folder that is not gone on with, or is not this one, the data hold nothing to learn from, the
/// configuration makes no sense, or a file cannot be written.
pub fn run(options: &TrainOptions) -> Result<String> {
    let clock = Instant::now();
    let config = configuration(options)?;
    let devices = options.run.device.open_several(options.gpus, options.exchange)?;
    let folder = &options.out;
    let state = folder.join("training.state");
    if state.exists() && !options.run.resume {
        bail!("{}: a run lies there; go on with it (--resume) or choose another --out", folder.display());
    }
    writable_folder(folder)?;
    let most = options.run.limit.unwrap_or(usize::MAX);
    let most = [most, most.min(config.validation_crystals)];
    let data = Structures::load(options.run.data.as_deref(), &config.data, most)?;
    let (crystals, validation) = (Crystals::new(&data.training), Crystals::new(&data.validation));
    if crystals.is_empty() {
        bail!("{}: the training split holds no crystal of at most {} atoms", data.name, cdvae::MOST_ATOMS);
    }
    let scaler = LatticeScaler::of(&crystals);
    tracing::info!(
        "{} crystals ({} left out), {} to validate; prepared in {:.1} s",
        crystals.len(),
        crystals.n_left_out(),
        validation.len(),
        clock.elapsed().as_secs_f64()
    );
    let mut leg = Leg::start(options, &config, &data, &crystals, scaler, devices, clock)?;
    leg.run(&validation)?;
    leg.finish(&validation)
}

/// One leg of a run.
struct Leg<'a> {
    options: &'a TrainOptions,
    config: &'a CdvaeTrainingConfig,
    crystals: &'a Crystals,
    scaler: LatticeScaler,
    device: Device,
    trainer: Trainer<Cdvae>,
    state: PathBuf,
    /// Of this leg and those before it.
    provenance: Vec<Value>,
    curve: Vec<Measurement>,
    clock: Instant,
    /// Seconds of the legs before.
    earlier: f64,
    /// Steps per second of this leg, measurements included; unknown in the first steps.
    speed: Option<f64>,
}

impl<'a> Leg<'a> {
    fn start(
        options: &'a TrainOptions,
        config: &'a CdvaeTrainingConfig,
        data: &Structures,
        crystals: &'a Crystals,
        scaler: LatticeScaler,
        devices: Devices,
        clock: Instant,
    ) -> Result<Self> {
        let folder = &options.out;
        let (state, device) = (folder.join("training.state"), devices.first);
        let identity = Identity::default()
            .with("kind of model", Cdvae::KIND)
            .with("model", serde_json::to_string(&config.model)?)
            .with("weights of the losses", serde_json::to_string(&config.training.weights)?)
            .with("position target", format!("{:?}", config.training.position_target))
            .with("optimiser", serde_json::to_string(&config.training.optimiser.comparable())?)
            .with("crystals", crystals.sha256());
        let optimiser = config.training.optimiser.clone();
        let (mut provenance, mut curve) = (Vec::new(), Vec::new());
        let network = config.model.init(&device);
        tracing::info!("{} parameters", network.num_params());
        let trainer = if state.exists() {
            provenance = read_json(&folder.join("provenance.json"))?;
            curve = read_json(&folder.join("curve.json"))?;
            Trainer::resume(network, optimiser, identity, &device, &state)?
        } else {
            // Constants are part of the weights: a state holds them.
            let objective = CdvaeObjective::new(crystals, scaler, &config.training);
            let network = fit_scales(network, &objective, &device)?;
            tracing::info!("scale constants {:.3?}, {:.1} s", network.scales(), clock.elapsed().as_secs_f64());
            Trainer::new(network, optimiser, identity, &device)?
        };
        let trainer = trainer.with_helpers(&devices.helpers, devices.exchange);
        let mut own =
            serde_json::to_value(Provenance::of_named(&data.name, &data.sha256, options.run.seed, options.run.device))?;
        own["first_step"] = json!(trainer.step());
        own["gpus"] = json!(options.gpus);
        provenance.push(own);
        write_file(&folder.join("config.ron"), to_ron(config)?)?;
        write_json(&folder.join("provenance.json"), &provenance)?;
        let earlier = curve.last().map_or(0.0, |point: &Measurement| point.seconds);
        Ok(Self {
            options,
            config,
            crystals,
            scaler,
            device,
            trainer,
            state,
            provenance,
            curve,
            clock,
            earlier,
            speed: None,
        })
    }

    fn run(&mut self, validation: &Crystals) -> Result<()> {
        let first = self.trainer.step();
        let every = self.config.validate_every;
        let read_every = self.config.training.optimiser.read_every;
        let deadline = self.options.minutes.map(|minutes| 60.0 * minutes);
        let mut timed: Option<(u64, Instant)> = None;
        let mut steps = self.config.training.optimiser.steps;
        if self.options.finish {
            // Until the speed is known.
            steps = u64::MAX;
            self.trainer.end_after(steps);
        }
        let objective = CdvaeObjective::new(self.crystals, self.scaler, &self.config.training);
        // Time for what is done at the end of a leg, learned from the measurements.
        let mut reserve = 10.0;
        let mut out_of_time = false;
        while self.trainer.step() < steps && !out_of_time {
            let start = self.trainer.step();
            let planning = self.options.finish && timed.is_none_or(|(since, _)| since == start);
            let clock = self.clock;
            self.trainer.run(&objective, None, |curve| {
                let step = curve.len() as u64;
                if timed.is_none() && step >= first + UNTIMED {
                    timed = Some((step, Instant::now()));
                }
                let per_read = timed.map_or(0.0, |(since, instant)| {
                    instant.elapsed().as_secs_f64() / (step - since).max(1) as f64 * read_every as f64
                });
                out_of_time =
                    deadline.is_some_and(|deadline| clock.elapsed().as_secs_f64() + reserve + per_read >= deadline);
                let planned = planning && step >= first + 10 * UNTIMED;
                !(out_of_time || planned || step / every > start / every)
            })?;
            let now = self.trainer.step();
            if let Some((since, instant)) = timed.filter(|(since, _)| now > *since) {
                self.speed = Some((now - since) as f64 / instant.elapsed().as_secs_f64());
            }
            if let (true, Some(deadline), Some(speed)) = (self.options.finish, deadline, self.speed)
                && !out_of_time
            {
                let left = (deadline - self.clock.elapsed().as_secs_f64() - reserve).max(0.0);
                steps = now + whole::count_64(PLANNED * left * speed);
                self.trainer.end_after(steps);
                tracing::info!("{speed:.2} steps/s: {steps} steps in all");
            }
            if now / every > start / every || now == steps || out_of_time {
                let before = Instant::now();
                self.measure(validation)?;
                reserve = reserve.max(2.0 * before.elapsed().as_secs_f64() + 5.0);
                self.trainer.save(&self.state)?;
            }
        }
        Ok(())
    }

    /// Measures, tells, and writes what there is to read.
    fn measure(&mut self, validation: &Crystals) -> Result<()> {
        let training = recent(self.trainer.curve());
        let validation = if validation.is_empty() {
            vec![]
        } else {
            measure(self.trainer.average(), validation, &self.scaler, &self.config.training, &self.device)?
        };
        let step = self.trainer.step();
        let seconds = self.earlier + self.clock.elapsed().as_secs_f64();
        let learning_rate = self.trainer.config().learning_rate_at(step.saturating_sub(1));
        tracing::info!(
            "step {step}, {seconds:.0} s, {:.2} steps/s: training {}; validation {}",
            self.speed.unwrap_or_default(),
            told(&training),
            told(&validation)
        );
        self.curve.push(Measurement { step, seconds, learning_rate, training, validation });
        let folder = &self.options.out;
        write_json(&folder.join("curve.json"), &self.curve)?;
        write_file(&folder.join("curve.csv"), curve_csv(&self.curve))?;
        Ok(write_file(&folder.join("losses.csv"), losses_csv(self.trainer.curve()))?)
    }

    fn finish(self, validation: &Crystals) -> Result<String> {
        let steps = self.trainer.step();
        let last = self.curve.last().context("a leg ends with a measurement, or goes on from one")?;
        let description = Description {
            scaler: self.scaler,
            steps,
            n_crystals: self.crystals.len(),
            crystals_sha256: self.crystals.sha256().to_owned(),
            training: serde_json::to_value(&self.config.training)?,
            losses: json!({
                "names": LOSS_NAMES,
                "training": last.training,
                "validation": last.validation,
                "validation_crystals": validation.len(),
            }),
            provenance: self.provenance,
        };
        let checkpoint = self.options.out.join("cdvae.safetensors");
        Trained::new(self.trainer.average().clone(), description).save(&checkpoint)?;
        Ok(format!(
            "{steps} steps in all, {:.0} s; training {}; validation {}\nwrote {}; go on with --resume",
            last.seconds,
            told(&last.training),
            told(&last.validation),
            checkpoint.display()
        ))
    }
}

fn configuration(options: &TrainOptions) -> Result<CdvaeTrainingConfig> {
    let (mut config, name) = match &options.run.config {
        Some(path) => (read_ron::<CdvaeTrainingConfig>(path)?, path.display().to_string()),
        None => (parse_ron(PRESET, PRESET_NAME)?, PRESET_NAME.to_owned()),
    };
    config.model.seed = options.run.seed;
    let optimiser = &mut config.training.optimiser;
    optimiser.seed = options.run.seed;
    optimiser.steps = options.steps.unwrap_or(optimiser.steps);
    optimiser.batch_size = options.run.batch_size.unwrap_or(optimiser.batch_size);
    let of = |part: &'static str| move |error: ConfigError| error.of(part);
    let every = ConfigError::unless(config.validate_every > 0, "validate_every", config.validate_every, "at least 1");
    let minutes = options.minutes.map_or(Ok(()), |minutes| ConfigError::unless_positive("--minutes", minutes));
    let checked = config.model.check().map_err(of("model"));
    let checked = checked.and_then(|()| config.training.check().map_err(of("training"))).and(every).and(minutes);
    checked.context(name)?;
    Ok(config)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let damaged = || format!("{}: not what a leg of this run wrote; start in another folder", path.display());
    let text = std::fs::read_to_string(path).with_context(damaged)?;
    serde_json::from_str(&text).with_context(damaged)
}

/// Mean parts of the losses of the last steps.
fn recent(curve: &[LossPoint]) -> Vec<f64> {
    let last = &curve[curve.len().saturating_sub(SHOWN)..];
    let mean = |part: usize| last.iter().map(|point| f64::from(point.parts[part])).sum::<f64>() / last.len() as f64;
    if last.is_empty() { vec![] } else { (0..LOSS_NAMES.len()).map(mean).collect() }
}

fn told(losses: &[f64]) -> String {
    let parts = LOSS_NAMES.iter().zip(losses).map(|(name, loss)| format!("{name} {loss:.3}"));
    parts.collect::<Vec<_>>().join(" ")
}

fn losses_csv(curve: &[LossPoint]) -> String {
    let row = |point: &LossPoint| {
        let parts: Vec<String> = point.parts.iter().map(|part| format!("{part:.5}")).collect();
        format!("{},{}\n", point.step, parts.join(","))
    };
    format!("step,{}\n", LOSS_NAMES.join(",")) + &curve.iter().map(row).collect::<String>()
}

fn curve_csv(curve: &[Measurement]) -> String {
    let names = |of: &str| LOSS_NAMES.map(|name| format!("{of}_{name}")).join(",");
    let cells = |losses: &[f64]| {
        let cell = |part: usize| losses.get(part).map_or(String::new(), |loss| format!("{loss:.5}"));
        (0..LOSS_NAMES.len()).map(cell).collect::<Vec<_>>().join(",")
    };
    let row = |point: &Measurement| {
        let Measurement { step, seconds, learning_rate, training, validation } = point;
        format!("{step},{seconds:.1},{learning_rate:.2e},{},{}\n", cells(training), cells(validation))
    };
    format!("step,seconds,learning_rate,{},{}\n", names("training"), names("validation"))
        + &curve.iter().map(row).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_is_a_configuration() {
        let config: CdvaeTrainingConfig = parse_ron(PRESET, PRESET_NAME).expect("a configuration");
        config.model.check().expect("a network");
        config.training.check().expect("a training run");
        assert_eq!((config.model, config.training), (CdvaeConfig::default(), CdvaeTraining::default()));
        assert_eq!(config.data.min_space_group, 16);
    }
}
