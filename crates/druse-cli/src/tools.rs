//! The network, the potential and the reference that a search and the check of a certificate work with.

use std::path::PathBuf;

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::Args;
use druse::checkpoint::{self, Checkpoint};
use druse::wyckoff_model::Proposer;
use druse::{DeviceName, Proposing};
use potential::Nequix;
use search::{KnownStructures, Settings, Tools, open_reference};
use serde::{Deserialize, Serialize};
use stability::ReferenceSet;

use super::{inputs, terminal};

/// What to work with, and where.
#[derive(Clone, Args, Serialize, Deserialize)]
pub(super) struct ToolArgs {
    /// Trained network [default: the one that is compiled in]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Weights of a Nequix potential (.safetensors) [default: nequix-oam-1-pft, which is compiled in]
    #[arg(long, value_name = "FILE")]
    potential: Option<PathBuf>,
    /// Phases of the hull, made with the same potential: a file, or 'shipped' [default: shipped]
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Structures that are known beside the phases of the hull: a file or folder
    #[arg(long, value_name = "PATH")]
    known: Option<PathBuf>,
    /// cpu, wgpu or cuda, as far as this build has them
    #[arg(long, default_value_t)]
    device: DeviceName,
}

/// Everything opened.
pub(super) struct Opened {
    checkpoint: Checkpoint,
    device: Device,
    device_name: DeviceName,
    proposer: Option<Proposer>,
    potential: Nequix,
    reference: ReferenceSet,
    reference_name: String,
    known: Option<KnownStructures>,
}

impl ToolArgs {
    /// The device by name.
    pub(super) fn device(&self) -> DeviceName {
        self.device
    }

    /// Opens device, network, potential and reference.
    ///
    /// # Errors
    /// If a file cannot be used, or this build or machine does not have the device.
    pub(super) fn open(&self, settings: &Settings) -> Result<Opened> {
        let (reference, reference_name) = open_reference(self.reference.as_deref())?;
        let known = match &self.known {
            None => None,
            Some(path) => {
                let (known, problems) = KnownStructures::read(path, &settings.elements)?;
                inputs::completion(problems.iter().map(|problem| Some(problem.as_str())).chain([None]))?;
                Some(known)
            }
        };
        let device = self.device.open()?;
        let potential = match &self.potential {
            Some(path) => Nequix::load(path, &device)?,
            None => Nequix::bundled(&device).context("the potential that is compiled in")?,
        };
        let checkpoint = checkpoint::for_mode(self.checkpoint.as_deref(), settings.mode(), &device)?;
        if checkpoint.trained.converted {
            terminal::warning(&format!("{}: converted while it was read; see `druse checkpoint`", checkpoint.path));
        }
        let device_name = self.device;
        Ok(Opened { checkpoint, device, device_name, proposer: None, potential, reference, reference_name, known })
    }
}

impl Opened {
    /// With a network that proposes crystals, where the settings need one.
    ///
    /// # Errors
    /// If its file is none.
    pub(super) fn with_proposer(self, settings: &Settings, proposing: &Proposing) -> Result<Self> {
        let proposer = if settings.proposes() { proposing.open()? } else { None };
        Ok(Self { proposer, ..self })
    }

    /// As a search takes them.
    pub(super) fn tools(&self) -> Tools<'_> {
        Tools {
            checkpoint: &self.checkpoint,
            proposer: self.proposer.as_ref(),
            device: &self.device,
            device_name: self.device_name,
            potential: &self.potential,
            reference: &self.reference,
            reference_name: &self.reference_name,
            known: self.known.as_ref(),
        }
    }
}
