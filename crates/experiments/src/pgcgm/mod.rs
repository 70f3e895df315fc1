//! PGCGM, trained on what MP-20 has for it: training, samples with the yield of each stage, and its rows of Table 1.

mod bound;
mod data;
mod row;
mod sample;
mod train;

use anyhow::Result;
use clap::Subcommand;

pub use bound::BoundOptions;
pub use sample::SampleOptions;
pub use train::TrainOptions;

pub(crate) use row::{Measuring, default_checkpoint, measured_rows};

/// What is done with it.
#[derive(Debug, Clone, Subcommand)]
pub enum PgcgmCommand {
    /// Trains it on the crystals of the training split that it can hold.
    Train(TrainOptions),
    /// Draws crystals, and tells where the other candidates ended.
    Sample(SampleOptions),
    /// Sends real crystals through representation and finishing: what the best generator could reach.
    Bound(BoundOptions),
}

/// Does it, and returns a summary.
///
/// # Errors
/// What the command can fail with.
pub fn run(command: &PgcgmCommand) -> Result<String> {
    match command {
        PgcgmCommand::Train(options) => train::run(options),
        PgcgmCommand::Sample(options) => sample::run(options),
        PgcgmCommand::Bound(options) => bound::run(options),
    }
}
