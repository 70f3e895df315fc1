//! `cargo xtask fetch-data`: downloads a data set by the `fetch-data` program of the crate `datasets`.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::dispatch::cargo_run_release;

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The data set, for example `mp-20`, then options of the program; `cargo xtask fetch-data -- --help` lists them
    #[arg(required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true, value_name = "DATASET [OPTION…]")]
    pub arguments: Vec<OsString>,
}

/// Starts the download.
///
/// # Errors
/// If cargo cannot be started.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    cargo_run_release(&cargo_arguments(arguments))
}

fn cargo_arguments(arguments: &Arguments) -> Vec<OsString> {
    let mut cargo = ["--package", "druse-datasets", "--bin", "fetch-data", "--"].map(OsString::from).to_vec();
    cargo.extend(arguments.arguments.iter().cloned());
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_lines::parsed;

    #[test]
    fn options_go_to_the_program() {
        let cargo = cargo_arguments(&parsed("mp-20 --to somewhere").expect("a legal command line"));
        assert_eq!(cargo, ["--package", "druse-datasets", "--bin", "fetch-data", "--", "mp-20", "--to", "somewhere"]);
    }

    #[test]
    fn a_data_set_must_be_named() {
        assert!(parsed::<Arguments>("").is_err());
    }
}
