//! `fetch-data mp-20`: downloads a data set into the user's cache.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use datasets::fetch::{FetchOptions, MP_20_URL, Outcome, SUMS_FILE, fetch, is_sha256};
use datasets::{LoadOptions, Source, Split, load};

/// Download a data set into the user's cache, resume what was interrupted, verify what is there.
#[derive(Parser)]
#[command(name = "fetch-data")]
struct Arguments {
    /// Which data set.
    name: Name,
    /// Address of the folder that holds train.csv, val.csv and test.csv.
    #[arg(long, default_value = MP_20_URL)]
    base_url: String,
    /// Folder to fill [default: mp_20 in the user's cache, or in DRUSE_CACHE].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// SHA-256 that a file must have; may be given once per file.
    #[arg(long, value_name = "NAME=HEX", value_parser = pin)]
    sha256: Vec<(String, String)>,
    /// Do not load the data set after the download (loading checks that it parses and fills the cache of reduced
    /// structures).
    #[arg(long)]
    no_check: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// MP-20 in CDVAE's split: 45 229 structures of the Materials Project (CC BY 4.0).
    #[value(name = "mp-20")]
    Mp20,
}

fn pin(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, hash)) if !name.is_empty() && is_sha256(hash) => Ok((name.to_owned(), hash.to_ascii_lowercase())),
        _ => Err("write it as train.csv=<64 hexadecimal digits>".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Name::Mp20 = arguments.name;
    let mut options = match arguments.out {
        Some(out) => FetchOptions::mp_20_into(out),
        None => FetchOptions::mp_20()?,
    };
    options.base_url = arguments.base_url;
    options.progress = true;
    for (name, hash) in arguments.sha256 {
        anyhow::ensure!(
            options.files.contains(&name),
            "--sha256 {name}=…: MP-20 has no such file, only {}",
            options.files.join(", ")
        );
        options.pinned.insert(name, hash);
    }
    for (name, hash, outcome) in fetch(&options)? {
        let what = match outcome {
            Outcome::Present => "verified".to_owned(),
            Outcome::Downloaded { resumed_at: 0 } => "downloaded".to_owned(),
            Outcome::Downloaded { resumed_at } => format!("downloaded (resumed at byte {resumed_at})"),
        };
        eprintln!("{hash}  {name}  {what}");
    }
    eprintln!("hashes: {}", options.out.join(SUMS_FILE).display());
    if !arguments.no_check {
        let load_options = LoadOptions { min_space_group: 16, progress: true, ..LoadOptions::default() };
        let data = load(&Source::Folder(options.out.clone()), &load_options)
            .context("the files are there, but they cannot be loaded")?;
        let counts = Split::ALL.map(|split| format!("{split} {}", data.split(split).len())).join(", ");
        eprintln!("loaded: {counts} (space group 16 and up), {} rows rejected", data.rejected.len());
        for (id, reason) in data.rejected.iter().take(5) {
            eprintln!("  {id}: {reason}");
        }
    }
    Ok(())
}
