//! Table 1, end to end: data or the compiled-in reference → training or a checkpoint → sampling → fingerprints →
//! figures.

mod config;
pub(crate) mod further;
pub(crate) mod listing;
mod outcome;
pub mod reference;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod sameness;
mod samplers;
mod stages;

pub use config::{Calibration, Table1Config};
pub use reference::write_reference;
pub use run::{Table1Options, run};
pub(crate) use samplers::check as check_samplers;
pub use samplers::{NamedSampler, ReferenceSplit};
