//! `cargo xtask web`: the page of the browser as a folder, built and served.

use std::path::PathBuf;
use std::process::ExitCode;

#[cfg(feature = "web")]
mod build;
#[cfg(feature = "web")]
mod plain;
#[cfg(feature = "web")]
mod serve;

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the page; its files are overwritten [default: web in the target folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Serve the page on 127.0.0.1 once it is built, until interrupted
    #[arg(long)]
    pub serve: bool,
    /// Port to serve it on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8225, requires = "serve")]
    pub port: u16,
}

/// Builds the page, and serves it.
///
/// # Errors
/// If it cannot be built, is larger than it may be, or the port is taken.
#[cfg(feature = "web")]
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = build::build(arguments.out.as_deref())?;
    if arguments.serve {
        serve::serve(&folder, arguments.port)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds this program anew with what the page needs, and hands over to it: no other command waits for that.
///
/// # Errors
/// If cargo cannot be started.
#[cfg(not(feature = "web"))]
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    crate::dispatch::cargo_run(&again(arguments))
}

#[cfg(not(feature = "web"))]
fn again(arguments: &Arguments) -> Vec<std::ffi::OsString> {
    let words = ["--quiet", "--package", "xtask", "--features", "web", "--", "web"];
    let mut line: Vec<std::ffi::OsString> = words.map(Into::into).into();
    if let Some(out) = &arguments.out {
        line.extend(["--out".into(), out.into()]);
    }
    if arguments.serve {
        line.extend(["--serve".into(), "--port".into(), arguments.port.to_string().into()]);
    }
    line
}
