//! Choosing the device at run time among the backends compiled in.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

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

/// A device was asked for that this build cannot offer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No such name.
    #[error("'{0}' is no device; give cpu, wgpu or cuda")]
    Unknown(String),
    /// The backend was not compiled in.
    #[error("this build has no {0} backend; build it with --features {0}")]
    NotBuilt(DeviceName),
}

impl DeviceName {
    /// Opens the device.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] if its backend was not compiled in.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[allow(unreachable_patterns, reason = "with every backend compiled in, nothing is left")]
            missing => Err(DeviceError::NotBuilt(missing)),
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
