//! Table 1, end to end: data → training → sampling → fingerprints → figures.

mod config;
pub(crate) mod orders;
mod run;
mod samplers;
mod stages;

pub use config::{Calibration, Table1Config};
pub use run::{Table1Options, run};
pub use samplers::{NamedSampler, Reference};
