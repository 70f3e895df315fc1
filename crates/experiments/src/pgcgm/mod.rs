//! PGCGM, trained on what MP-20 has for it: training, and samples with the yield of each stage.

mod data;
mod sample;
mod train;

use anyhow::Result;
use clap::Subcommand;

pub use sample::SampleOptions;
pub use train::TrainOptions;

pub(crate) use sample::{DRAWS_EACH, Drawn, draw, in_words, rounding_of};

/// What is done with it.
#[derive(Debug, Clone, Subcommand)]
pub enum PgcgmCommand {
    /// Trains it on the crystals of the training split that it can hold.
    Train(TrainOptions),
    /// Draws crystals, and tells where the other candidates ended.
    Sample(SampleOptions),
}

/// Does it, and returns a summary.
///
/// # Errors
/// What the command can fail with.
pub fn run(command: &PgcgmCommand) -> Result<String> {
    match command {
        PgcgmCommand::Train(options) => train::run(options),
        PgcgmCommand::Sample(options) => sample::run(options),
    }
}
