//! What the runs of presets have in common: options on the command line, configuration and folder.

use std::path::PathBuf;

use anyhow::{Context, Result};
use druse::DeviceName;
use druse::config::{parse_ron, read_ron};
use serde::de::DeserializeOwned;

/// A configuration with presets that are compiled in.
pub trait Preset: DeserializeOwned {
    /// Names and texts of the presets.
    const PRESETS: [(&'static str, &'static str); 2];

    /// Text of a preset; `None` if there is none of this name.
    fn preset(name: &str) -> Option<&'static str> {
        Self::PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// Names of the presets.
    fn preset_names() -> impl Iterator<Item = &'static str> {
        Self::PRESETS.iter().map(|(name, _)| *name)
    }
}

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct RunOptions {
    /// 'quick' or 'full'; default: quick on the processor, else full.
    #[arg(long)]
    pub preset: Option<String>,
    /// A configuration in RON instead of a preset.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else what is compiled in.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Where it lies and what it works with.
    #[command(flatten)]
    pub place: Place,
}

/// Where a run lies, its device and its seed.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// Folder that holds the runs.
    #[arg(long, default_value = "runs")]
    pub out: PathBuf,
    /// Name of the run's folder; default: the experiment, the preset or what is given, device and seed, with a number
    /// where a finished run of a preset has that name.
    #[arg(long)]
    pub name: Option<String>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Seed of every stage.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// One leg of a run that relaxes structures: how far it goes.
#[derive(Debug, Clone, clap::Args)]
pub struct Leg {
    /// Go on with the run in the folder.
    #[arg(long)]
    pub resume: bool,
    /// End within this many minutes; the rest is done with --resume.
    #[arg(long, value_name = "M")]
    pub minutes: Option<f64>,
    /// Non-equivalent sites, or atoms, relaxed together; default: what suits the device.
    #[arg(long, value_name = "N")]
    pub batch_sites: Option<usize>,
}

/// What trainings have in common.
#[derive(Debug, Clone, clap::Args)]
pub struct TrainingRun {
    /// A configuration in RON instead of the preset of this training.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else what is compiled in.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Structures per step, instead of the configuration's.
    #[arg(long)]
    pub batch_size: Option<usize>,
    /// Seed of weights, order and of what is left out.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Go on with an interrupted run in the folder.
    #[arg(long)]
    pub resume: bool,
    /// Takes no more than this many structures of each split: for trying out.
    #[arg(long)]
    pub limit: Option<usize>,
}

impl Place {
    /// The run's folder: the one that was named, else one named after the experiment, device and seed.
    pub fn folder(&self, experiment: &str) -> PathBuf {
        let name = self.name.clone().unwrap_or_else(|| format!("{experiment}-{}-{}", self.device, self.seed));
        self.out.join(name)
    }
}

impl RunOptions {
    /// Name of the preset.
    pub fn preset(&self) -> &str {
        let by_device = if self.place.device == DeviceName::Cpu { "quick" } else { "full" };
        self.preset.as_deref().unwrap_or(by_device)
    }

    /// What the configuration is called in messages and tables.
    pub fn described(&self) -> String {
        match &self.config {
            Some(path) => format!("configuration {}", path.display()),
            None => format!("preset {}", self.preset()),
        }
    }

    /// The configuration, as its file or preset has it.
    ///
    /// # Errors
    /// If there is no such file or preset, or the file is not a configuration.
    pub fn configuration<C: Preset>(&self) -> Result<C> {
        if let Some(path) = &self.config {
            return Ok(read_ron(path)?);
        }
        let name = self.preset();
        let text = C::preset(name).with_context(|| {
            let known: Vec<&str> = C::preset_names().collect();
            format!("there is no preset '{name}'; choose one of {}", known.join(", "))
        })?;
        Ok(parse_ron(text, name)?)
    }

    /// The folder of the last run, finished or not; that of a first run where there is none.
    pub fn latest_folder(&self, experiment: &str, result: &str) -> PathBuf {
        let next = self.folder(experiment, result);
        if self.place.name.is_some() || next.exists() {
            return next;
        }
        let mut before = self.candidates(experiment).take_while(|folder| *folder != next);
        before.by_ref().last().unwrap_or(next)
    }

    /// The run's folder: the one that was named, or the first in which no finished run lies. `result` is the file that
    /// is written last; an interrupted run is found again.
    pub fn folder(&self, experiment: &str, result: &str) -> PathBuf {
        if let Some(name) = &self.place.name {
            return self.place.out.join(name);
        }
        let mut folders = self.candidates(experiment);
        folders.find(|folder| !folder.join(result).exists()).expect("there is always a next number")
    }

    /// Folders of runs with these options, in the order in which they are taken.
    fn candidates(&self, experiment: &str) -> impl Iterator<Item = PathBuf> {
        let name = format!("{experiment}-{}-{}-{}", self.preset(), self.place.device, self.place.seed);
        let names = std::iter::once(name.clone()).chain((2..).map(move |number| format!("{name}-{number}")));
        names.map(|name| self.place.out.join(name))
    }
}
