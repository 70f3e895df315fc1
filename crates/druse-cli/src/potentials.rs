//! The potential that a command works with.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use druse::DeviceName;
use potential::{Identity, Nequix, Potential};
use serde::Serialize;

/// Which potential, and where it runs.
#[derive(Args)]
pub(super) struct PotentialArgs {
    /// Weights of a Nequix potential (.safetensors) [default: nequix-oam-1-pft, which is compiled in]
    #[arg(long, value_name = "FILE")]
    potential: Option<PathBuf>,
    /// cpu: the potential's kernels for other devices are not verified yet
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
}

impl PotentialArgs {
    /// Opens the device and puts the potential there.
    ///
    /// # Errors
    /// If the device is not the processor, or the file is not a potential.
    pub(super) fn open(&self) -> Result<Nequix> {
        ensure!(
            self.device == DeviceName::Cpu,
            "the potential runs on the processor only so far: give --device cpu instead of {}",
            self.device
        );
        let device = self.device.open()?;
        match &self.potential {
            Some(path) => Ok(Nequix::load(path, &device)?),
            None => Nequix::bundled(&device).context("the potential that is compiled in"),
        }
    }
}

/// A potential in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PotentialName {
    name: String,
    sha256: String,
}

impl PotentialName {
    pub(super) fn of(potential: &impl Potential) -> Self {
        let Identity { name, sha256 } = potential.identity().clone();
        Self { name, sha256 }
    }
}
