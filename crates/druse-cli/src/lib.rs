//! The `druse` command: arguments, dispatch and exit status. The work is done by the library `druse`.
//!
//! Results go to standard output, everything else (messages, logs, progress bars) to standard error. Exit status: 0 all
//! was done, 1 some structures could not be handled, 2 nothing was done.

mod checkpoint;
mod convert;
mod dft_check;
mod dft_inputs;
#[cfg(test)]
mod documented;
mod energy;
mod evaluate;
mod find;
mod fingerprint;
mod hulls;
mod inputs;
mod matching;
mod merge;
pub mod message;
mod phonons;
mod potentials;
pub mod progress;
mod proposing;
mod relaxing;
mod requests;
mod sample;
mod shell;
mod symmetry;
mod terminal;
mod tools;
mod train;
mod values;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Grows crystal structures for a chemical system and a space group, and measures them.
#[derive(Parser)]
#[command(name = "druse", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
PATH everywhere: a CIF, POSCAR, extended XYZ or pymatgen Structure JSON file, a folder of them, or a .jsonl (.jsonl.zst)
with one {\"id\", \"lattice\", \"species\", \"frac_coords\"} per line.

Exit status: 0 all was done; 1 some structures could not be handled, the rest was done; 2 nothing was done.
Results go to standard output, messages and progress to standard error. RUST_LOG=info says more.";

#[derive(Subcommand)]
enum Command {
    Sample(Box<sample::SampleArgs>),
    Propose(proposing::ProposeArgs),
    Train(train::TrainArgs),
    Checkpoint(checkpoint::CheckpointArgs),
    Symmetry(symmetry::SymmetryArgs),
    Convert(convert::ConvertArgs),
    Fingerprint(fingerprint::FingerprintArgs),
    Evaluate(evaluate::EvaluateArgs),
    Match(matching::MatchArgs),
    Energy(energy::EnergyArgs),
    Relax(relaxing::RelaxArgs),
    Phonon(phonons::PhononArgs),
    Hull(hulls::HullArgs),
    Find(Box<find::FindArgs>),
    Merge(merge::MergeArgs),
    Verify(verify::VerifyArgs),
    DftInput(dft_inputs::DftInputArgs),
    DftCheck(dft_check::DftCheckArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

/// How much of what was asked could be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Completion {
    Everything,
    SomeFailed,
}

/// Runs the command that the arguments of the process name.
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os()))
}

/// Runs the command that the arguments name, of which the first is the program, and returns the exit status. Arguments
/// that are wrong, or ask for help, end the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = Cli::parse_from(arguments);
    terminal::start_logging();
    let outcome = match cli.command {
        Command::Sample(args) => sample::run(&args),
        Command::Propose(args) => proposing::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Checkpoint(args) => checkpoint::run(&args),
        Command::Symmetry(args) => symmetry::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Fingerprint(args) => fingerprint::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Match(args) => matching::run(&args),
        Command::Energy(args) => energy::run(&args),
        Command::Relax(args) => relaxing::run(&args),
        Command::Phonon(args) => phonons::run(&args),
        Command::Hull(args) => hulls::run(&args),
        Command::Find(args) => find::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::DftInput(args) => dft_inputs::run(&args),
        Command::DftCheck(args) => dft_check::run(&args),
        Command::Completions(args) => shell::completions(&args, Cli::command()),
        Command::Man(args) => shell::man(&args, Cli::command()),
    };
    match outcome {
        Ok(Completion::Everything) => 0,
        Ok(Completion::SomeFailed) => 1,
        Err(error) => {
            terminal::error(&message::of(&error));
            2
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_document_is_described() {
        let page = include_str!("../../../docs/src/file-formats.md");
        let command = super::Cli::command();
        let prints = |command: &&clap::Command| command.get_arguments().any(|argument| argument.get_id() == "json");
        for command in command.get_subcommands().filter(prints) {
            let heading = format!("\n### `druse {} ", command.get_name());
            assert!(page.contains(&heading), "docs/src/file-formats.md does not describe druse {}", command.get_name());
        }
    }
}
