//! Handing over to cargo in the user's working directory.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Context;
use xshell::{Shell, cmd};

/// Runs `cargo bench` with these arguments; see [`cargo_run_release`].
pub(crate) fn cargo_bench(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    start(&["bench"], arguments)
}

/// Runs `cargo run --release` with these arguments and returns the exit status of the program that it ran.
///
/// The working directory stays the user's, so that relative paths on the command line mean what they mean there.
pub(crate) fn cargo_run_release(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    start(&["run", "--release"], arguments)
}

/// Runs `cargo run` with these arguments; see [`cargo_run_release`].
#[cfg_attr(feature = "web", allow(dead_code, reason = "what has been built for the page is not built again"))]
pub(crate) fn cargo_run(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    start(&["run"], arguments)
}

fn start(subcommand: &[&str], arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    // The cargo that runs this command names itself in CARGO; a plain `cargo` could be another toolchain's.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let shell = Shell::new().context("cannot read the current directory")?;
    let command = cmd!(shell, "{cargo} {subcommand...} {arguments...}");
    eprintln!("$ {command}");
    hand_over(Command::from(command)).with_context(|| format!("cannot start {}", cargo.display()))
}

/// Becomes the program: its exit status is ours, and an interrupt reaches it alone, so that it can end in order.
#[cfg(unix)]
fn hand_over(mut command: Command) -> std::io::Result<ExitCode> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

/// Runs the program and hands its exit status on.
#[cfg(not(unix))]
fn hand_over(mut command: Command) -> std::io::Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
