//! The proposer of space groups and Wyckoff positions: its training, and how often it is right.

mod evaluate;
mod everything;
mod train;

use anyhow::Result;
use clap::Subcommand;

pub use evaluate::EvaluateOptions;
pub use train::TrainOptions;

/// What is done with the proposer.
#[derive(Debug, Clone, Subcommand)]
pub enum WyckoffModelCommand {
    /// Trains the proposer on the training split, and keeps the state that is best on the validation split.
    Train(TrainOptions),
    /// How often true groups and positions of the test split are among the draws and the most likely, beside the
    /// prior.
    Evaluate(EvaluateOptions),
}

/// Does it, and returns a summary.
///
/// # Errors
/// What the command can fail with.
pub fn run(command: &WyckoffModelCommand) -> Result<String> {
    match command {
        WyckoffModelCommand::Train(options) => train::run(options),
        WyckoffModelCommand::Evaluate(options) => evaluate::run(options),
    }
}
