//! CDVAE: its training, and crystals from it.

mod data;
mod sample;
mod train;

use anyhow::Result;
use clap::Subcommand;

pub use sample::SampleOptions;
pub(crate) use sample::{generated, note_of};
pub use train::{CdvaeTrainingConfig, TrainOptions};

/// What is done with CDVAE.
#[derive(Debug, Clone, Subcommand)]
pub enum CdvaeCommand {
    /// Trains it on the training split; a run goes on over several legs.
    Train(TrainOptions),
    /// Samples crystals from a checkpoint.
    Sample(SampleOptions),
}

/// Does it, and returns a summary.
///
/// # Errors
/// What the command can fail with.
pub fn run(command: &CdvaeCommand) -> Result<String> {
    match command {
        CdvaeCommand::Train(options) => train::run(options),
        CdvaeCommand::Sample(options) => sample::run(options),
    }
}
