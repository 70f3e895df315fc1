//! `cargo xtask`: the developers' commands. It only dispatches; `cargo xtask --help` lists them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, dist, fetch_data, new_model, reproduce, robustness, site, tidy, web};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run an experiment of the paper, built in release mode
    Reproduce(reproduce::Arguments),
    /// Measure kernels, sampling and training
    Bench(bench::Arguments),
    /// Download a data set into the user's cache
    FetchData(fetch_data::Arguments),
    /// Copy the model of the tutorial into a crate of another name and register it
    NewModel(new_model::Arguments),
    /// Damage files, kill programs and fill disks, and print the figures
    Robustness(robustness::Arguments),
    /// Check the rules of the house that no compiler checks
    Tidy(tidy::Arguments),
    /// Build what a release consists of: command, manual pages, completions, wheel, Debian package, hashes
    Dist(dist::Arguments),
    /// Build the documentation as a site, and follow its links; needs mdbook
    Site(site::Arguments),
    /// Build the page of the browser, and serve it on this machine
    Web(web::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Reproduce(arguments) => reproduce::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::FetchData(arguments) => fetch_data::run(&arguments),
        Command::NewModel(arguments) => new_model::run(&arguments),
        Command::Robustness(arguments) => robustness::run(&arguments),
        Command::Tidy(arguments) => tidy::run(&arguments),
        Command::Dist(arguments) => dist::run(&arguments),
        Command::Site(arguments) => site::run(&arguments),
        Command::Web(arguments) => web::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
