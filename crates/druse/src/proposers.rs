//! What proposes space groups and Wyckoff positions of a formula: the bundled network, one from a file, or the prior.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use wyckoff_model::{Proposer, Weights};

use crate::DruseError;

/// A file that is compiled in, with its name in messages and in `--json`; its model card lies beside it.
type Shipped = (&'static str, &'static [u8]);

/// A page of the browser carries none of them: they are larger than all the rest.
const IS_PAGE: bool = cfg!(target_family = "wasm");
/// The network that is used when none is named.
const ALL_DATA: Shipped = (
    "assets/weights/wyckoff-mp2024.safetensors",
    if IS_PAGE { &[] as &[u8] } else { include_bytes!("../assets/weights/wyckoff-mp2024.safetensors") },
);
/// The network that has seen nothing but MP-20's training split.
const MP20: Shipped = (
    "assets/weights/wyckoff-mp20.safetensors",
    if IS_PAGE { &[] as &[u8] } else { include_bytes!("../assets/weights/wyckoff-mp20.safetensors") },
);

/// What proposes space groups and Wyckoff positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proposing {
    /// The compiled-in network of all data at hand, for use. It has seen MP-20's test split.
    #[default]
    Network,
    /// The compiled-in network of MP-20's training split alone, for whatever is measured on its test split.
    Mp20,
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
            Self::Network => compiled_in(ALL_DATA, &device)?,
            Self::Mp20 => compiled_in(MP20, &device)?,
            Self::File(path) => Weights::load(path, &device)?,
            Self::Prior => return Ok(None),
        };
        Ok(Some(Proposer::new(weights)))
    }
}

fn compiled_in((name, content): Shipped, device: &Device) -> Result<Weights, DruseError> {
    if IS_PAGE {
        let message = "a page holds no network that proposes positions; let the prior propose";
        return Err(DruseError::Request(message.to_owned()));
    }
    Ok(Weights::from_bytes(content, Path::new(name), device)?)
}

/// The processor, or in a build without it the first device there is: a network of this size needs no GPU.
fn device() -> Result<Device, DruseError> {
    let devices = tensor_ops::device::available_devices();
    let missing = crate::DeviceError::NotBuilt(crate::DeviceName::Cpu);
    devices.into_iter().next().ok_or(DruseError::Device(missing))
}
