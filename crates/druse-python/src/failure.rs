//! Errors of the libraries as Python's exceptions.

use std::error::Error;

use cgcnn::CgcnnError;
use crystal_core::CrystalError;
use druse::{DeviceError, DruseError};
use druse_cli::message;
use langevin::SamplingError;
use metrics::MetricsError;
use phonon::PhononError;
use potential::PotentialError;
use pyo3::prelude::*;
use relax::RelaxError;
use stability::StabilityError;

/// An exception of `druse.errors` that is still to be raised.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Name of the class.
    pub kind: &'static str,
    /// What the command would say.
    pub message: String,
}

/// What is asked for cannot be.
pub(crate) const REQUEST: &str = "RequestError";
/// A structure is none.
pub(crate) const STRUCTURE: &str = "StructureError";
const DISORDERED: &str = "DisorderedStructureError";
const FILE: &str = "FileError";
const MODEL: &str = "ModelError";
const DEVICE: &str = "DeviceError";
const CALCULATION: &str = "CalculationError";

impl Failure {
    /// An error under the name of a class.
    pub(crate) fn of(kind: &'static str, error: &(dyn Error + 'static)) -> Self {
        Self { kind, message: message::of_std(error) }
    }

    /// What is asked for cannot be, and why.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self { kind: REQUEST, message: message.into() }
    }

    /// With the place of the structure in a list in front, if it does not stand there alone.
    pub(crate) fn in_list(mut self, index: usize, length: usize) -> Self {
        if length > 1 {
            self.message = format!("structure {index}: {}", self.message);
        }
        self
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        let exception = |py: Python<'_>| {
            let class = py.import("druse.errors")?.getattr(failure.kind)?;
            class.call1((failure.message.as_str(),)).map(PyErr::from_value)
        };
        Python::attach(|py| exception(py).unwrap_or_else(|error| error))
    }
}

/// Whether the error, or what is behind it, is a site that is not fully occupied by one element.
fn is_disordered(error: &CrystalError) -> bool {
    match error {
        CrystalError::PartialOccupancy { .. } => true,
        CrystalError::InFile { source, .. } | CrystalError::AtLine { source, .. } => is_disordered(source),
        _ => false,
    }
}

impl From<CrystalError> for Failure {
    fn from(error: CrystalError) -> Self {
        let kind = match &error {
            _ if is_disordered(&error) => DISORDERED,
            CrystalError::Io { .. } | CrystalError::UnknownFormat { .. } | CrystalError::NothingToRead { .. } => FILE,
            _ => STRUCTURE,
        };
        Self::of(kind, &error)
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        Self::of(DEVICE, &error)
    }
}

impl From<DruseError> for Failure {
    fn from(error: DruseError) -> Self {
        let kind = match &error {
            DruseError::Device(_) | DruseError::Sampling(SamplingError::Device(_)) => DEVICE,
            DruseError::Read { .. } | DruseError::Write { .. } | DruseError::Folder { .. } => FILE,
            DruseError::Model(_) | DruseError::UnknownKind { .. } | DruseError::Mode { .. } => MODEL,
            DruseError::Crystal(of_crystal) if is_disordered(of_crystal) => DISORDERED,
            _ => REQUEST,
        };
        Self::of(kind, &error)
    }
}

impl From<MetricsError> for Failure {
    fn from(error: MetricsError) -> Self {
        let kind = match &error {
            MetricsError::Tolerance { .. } | MetricsError::TooFewSamples { .. } | MetricsError::EmptySet { .. } => {
                REQUEST
            }
            _ => CALCULATION,
        };
        Self::of(kind, &error)
    }
}

impl From<PotentialError> for Failure {
    fn from(error: PotentialError) -> Self {
        let kind = match &error {
            PotentialError::Device { .. } => DEVICE,
            PotentialError::WeightsFile { .. }
            | PotentialError::Hash { .. }
            | PotentialError::MissingTensor { .. }
            | PotentialError::Shape { .. } => MODEL,
            _ => CALCULATION,
        };
        Self::of(kind, &error)
    }
}

impl From<RelaxError> for Failure {
    fn from(error: RelaxError) -> Self {
        let kind = match &error {
            RelaxError::Option { .. } | RelaxError::Word { .. } => REQUEST,
            RelaxError::Device(_) => DEVICE,
            _ => CALCULATION,
        };
        Self::of(kind, &error)
    }
}

impl From<PhononError> for Failure {
    fn from(error: PhononError) -> Self {
        let kind = match &error {
            PhononError::Setting { .. } | PhononError::Supercell { .. } => REQUEST,
            PhononError::Device(_) => DEVICE,
            _ => CALCULATION,
        };
        Self::of(kind, &error)
    }
}

impl From<StabilityError> for Failure {
    fn from(error: StabilityError) -> Self {
        Self::of(CALCULATION, &error)
    }
}

impl From<CgcnnError> for Failure {
    fn from(error: CgcnnError) -> Self {
        Self::of(MODEL, &error)
    }
}
