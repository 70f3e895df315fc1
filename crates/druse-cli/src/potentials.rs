//! The potential that a command works with.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use crystal_core::Structure;
use druse::DeviceName;
use potential::{Identity, Nequix, Potential, PotentialError};
use serde::{Deserialize, Serialize};

use super::inputs::Input;
use super::terminal;

/// Which potential, and where it runs.
#[derive(Args)]
pub(super) struct PotentialArgs {
    /// Weights of a Nequix potential (.safetensors) [default: nequix-oam-1-pft, which is compiled in]
    #[arg(long, value_name = "FILE")]
    potential: Option<PathBuf>,
    /// Where the potential runs: cpu, wgpu or cuda, as far as this build has them
    #[arg(long, default_value_t)]
    pub device: DeviceName,
}

impl PotentialArgs {
    /// Opens the device and puts the potential there.
    ///
    /// # Errors
    /// If the device cannot be opened, or the file is not a potential.
    pub(super) fn open(&self) -> Result<Nequix> {
        let device = self.device.open()?;
        match &self.potential {
            Some(path) => Ok(Nequix::load(path, &device)?),
            None => Nequix::bundled(&device).context("the potential that is compiled in"),
        }
    }
}

/// What `evaluate` gives for the structure of each input, in order, with a bar; an input without a structure keeps its
/// error.
///
/// # Errors
/// If `evaluate` fails as a whole, as with a lost device.
pub(super) fn of_each<T>(
    potential: &impl Potential,
    inputs: &[Input],
    evaluate: impl Fn(&[Structure]) -> Result<Vec<Result<T, PotentialError>>, PotentialError>,
) -> Result<Vec<Result<T, String>>> {
    // Structures are far from equal: this many atoms each, and the bar moves often enough.
    const ATOMS: usize = 8;
    let chunk = (potential.full_call() / ATOMS).max(1);
    let bar = terminal::bar(inputs.len() as u64, "energies");
    let mut results = Vec::with_capacity(inputs.len());
    for chunk in inputs.chunks(chunk) {
        let structures: Vec<Structure> = chunk.iter().filter_map(|input| input.structure.clone().ok()).collect();
        let mut found = evaluate(&structures)?.into_iter();
        results.extend(chunk.iter().map(|input| match &input.structure {
            Ok(_) => found.next().expect("a result for each structure").map_err(|error| input.failed(&error)),
            Err(error) => Err(error.clone()),
        }));
        bar.inc(chunk.len() as u64);
    }
    terminal::finish(&bar);
    Ok(results)
}

/// A potential in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
