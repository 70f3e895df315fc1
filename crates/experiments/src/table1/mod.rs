//! Table 1, end to end: data or the compiled-in reference → training or a checkpoint → sampling → fingerprints →
//! figures.

mod config;
mod finished;
mod kept;
mod outcome;
mod peer;
pub(crate) mod pgcgm;
pub mod reference;
pub mod report;
pub(crate) mod rows;
pub(crate) mod run;
mod samplers;
mod stages;

pub use config::{Calibration, Table1Config};
pub use reference::write_reference;
pub use run::{Table1Options, run};
pub(crate) use samplers::on_positions;
