//! What proposes space groups and Wyckoff positions of a formula: the bundled network, one from a file, or the prior.

#[cfg(not(target_family = "wasm"))]
use std::path::Path;
use std::path::PathBuf;

use burn::tensor::Device;
use wyckoff_model::{Proposer, Weights};

use crate::DruseError;

/// The network that is used when none is named, with its name in messages and in `--json`; its model card lies beside
/// it.
#[cfg(not(target_family = "wasm"))]
const SHIPPED: (&str, &[u8]) =
    ("assets/weights/wyckoff-mp20.safetensors", include_bytes!("../assets/weights/wyckoff-mp20.safetensors"));

/// What proposes space groups and Wyckoff positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proposing {
    /// The network that is compiled in.
    #[default]
    Network,
    /// A network from a file, as `experiments wyckoff-model train` writes it.
    File(PathBuf),
    /// Counts of the training data (`assets/priors/mp20.md`).
    Prior,
}

impl Proposing {
    /// The network, on the processor; `None` for the prior.
    ///
    /// # Errors
    /// [`DruseError::Proposer`] if the file is not a network of this kind, [`DruseError::Device`] if this build has no
    /// device.
    pub fn open(&self) -> Result<Option<Proposer>, DruseError> {
        let device = device()?;
        let weights = match self {
            Self::Network => shipped(&device)?,
            Self::File(path) => Weights::load(path, &device)?,
            Self::Prior => return Ok(None),
        };
        Ok(Some(Proposer::new(weights)))
    }
}

#[cfg(not(target_family = "wasm"))]
fn shipped(device: &Device) -> Result<Weights, DruseError> {
    Ok(Weights::from_bytes(SHIPPED.1, Path::new(SHIPPED.0), device)?)
}

/// A page of the browser does not carry it: it is larger than all the rest.
#[cfg(target_family = "wasm")]
fn shipped(_: &Device) -> Result<Weights, DruseError> {
    Err(DruseError::Request("this build holds no network that proposes positions; let the prior propose".to_owned()))
}

/// The processor, or in a build without it the first device there is: a network of this size needs no GPU.
fn device() -> Result<Device, DruseError> {
    let devices = tensor_ops::device::available_devices();
    let missing = crate::DeviceError::NotBuilt(crate::DeviceName::Cpu);
    devices.into_iter().next().ok_or(DruseError::Device(missing))
}
