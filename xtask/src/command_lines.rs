//! Command lines in tests.

use std::ffi::OsString;

use clap::{Args, Command};

/// The arguments of a command as a line gives them.
pub(crate) fn parsed<A: Args>(line: &str) -> Result<A, clap::Error> {
    let command = A::augment_args(Command::new("command"));
    let matches = command.try_get_matches_from(std::iter::once("command").chain(line.split_whitespace()))?;
    A::from_arg_matches(&matches)
}

/// Words of a command as a line.
pub(crate) fn line(words: &[OsString]) -> String {
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
