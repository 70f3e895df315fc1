//! Choosing the device at run time among the backends compiled in.

use std::fmt;
use std::str::FromStr;

use ::training::Exchange;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
#[cfg(any(feature = "wgpu", feature = "cuda"))]
use tensor_ops::DeviceFailure;

/// A device by the name that the command line and the configurations use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceName {
    /// The processor (feature `cpu`).
    #[default]
    Cpu,
    /// A WebGPU or Vulkan device (feature `wgpu`).
    Wgpu,
    /// The first NVIDIA GPU (feature `cuda`).
    Cuda,
}

/// Devices that train together.
#[derive(Debug, Clone)]
pub struct Devices {
    /// The one that all else runs on.
    pub first: Device,
    /// Further ones of the same backend.
    pub helpers: Vec<Device>,
    /// How they add their gradients.
    pub exchange: Exchange,
}

/// How many devices of a backend work together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceCount {
    /// This many.
    Some(usize),
    /// All that the machine has.
    All,
}

impl Default for DeviceCount {
    fn default() -> Self {
        Self::Some(1)
    }
}

impl FromStr for DeviceCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(count) if count > 0 => Ok(Self::Some(count)),
            _ if text == "all" => Ok(Self::All),
            _ => Err(format!("'{text}' is not a number of devices; give 1 or more, or all")),
        }
    }
}

impl fmt::Display for DeviceCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Some(count) => write!(f, "{count}"),
            Self::All => f.write_str("all"),
        }
    }
}

/// A device was asked for that this build cannot offer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No such name.
    #[error("'{0}' is not a device; give cpu, wgpu or cuda")]
    Unknown(String),
    /// The backend was not compiled in.
    #[error("this build has no {0} backend; build it with --features {0}")]
    NotBuilt(DeviceName),
    /// Work on several devices needs several.
    #[error("{wanted} {device} devices were asked for and {found} found; only cuda can use more than one")]
    TooFew {
        /// The device asked for.
        device: DeviceName,
        /// How many were asked for.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// The backend finds nothing to run on.
    #[error("no {device} device can be used on this machine: {reason}; {device} needs {needs}", needs = .device.needs())]
    NotFound {
        /// The device asked for.
        device: DeviceName,
        /// What the backend says.
        reason: String,
    },
}

impl DeviceName {
    /// Opens the device and computes a number on it.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] if its backend was not compiled in, [`DeviceError::NotFound`] if there is no such
    /// device.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => self.probe(|| Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => self.probe(|| Device::cuda(0)),
            #[allow(unreachable_patterns, reason = "with every backend compiled in, nothing is left")]
            missing => Err(DeviceError::NotBuilt(missing)),
        }
    }

    /// Opens this device and the next ones of its backend, `count` in all, to train on.
    ///
    /// # Errors
    /// As [`DeviceName::open_many`].
    pub fn open_several(self, count: usize, exchange: Exchange) -> Result<Devices, DeviceError> {
        let mut devices = self.open_many(DeviceCount::Some(count))?;
        let helpers = devices.split_off(1);
        Ok(Devices { first: devices.remove(0), helpers, exchange })
    }

    /// Opens this device and the next ones of its backend; at least one.
    ///
    /// # Errors
    /// As [`DeviceName::open`]; [`DeviceError::TooFew`] if there are fewer, or if the backend has but one.
    pub fn open_many(self, count: DeviceCount) -> Result<Vec<Device>, DeviceError> {
        let mut devices = vec![self.open()?];
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda => {
                devices.extend(Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec().into_iter().skip(1))
            }
            _ => {}
        }
        let DeviceCount::Some(wanted) = count else { return Ok(devices) };
        if devices.len() < wanted {
            return Err(DeviceError::TooFew { device: self, wanted, found: devices.len() });
        }
        devices.truncate(wanted.max(1));
        Ok(devices)
    }

    /// The backends panic, partly in their own threads, where a driver or a device is missing: the first message
    /// becomes the error.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    fn probe(self, open: impl FnOnce() -> Device) -> Result<Device, DeviceError> {
        let opened = tensor_ops::catch_device_failure(|| {
            let device = open();
            burn::Tensor::<1>::from_data([1.0_f32], &device).into_data();
            device
        });
        opened.map_err(|failure| {
            let (DeviceFailure::OutOfMemory(first) | DeviceFailure::Lost(first)) = failure;
            // The loader lists every file name it tried.
            let reason = first.lines().next().unwrap_or_default().split(" - ").next().unwrap_or_default().to_owned();
            DeviceError::NotFound { device: self, reason }
        })
    }

    /// What a machine must have.
    fn needs(self) -> &'static str {
        match self {
            Self::Cpu => "nothing",
            Self::Wgpu => "a Vulkan, Metal or DirectX 12 driver",
            Self::Cuda => "an NVIDIA GPU, its driver (libcuda) and libnvrtc of CUDA 12 or 13",
        }
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(DeviceError::Unknown(other.to_owned())),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        })
    }
}
