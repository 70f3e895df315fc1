//! Samples, with the yield of each stage.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use crystal_core::{SpaceGroupNumber, Structure, io};
use druse::output::{writable_folder, write_json};
use druse::{DeviceName, provenance};
use pgcgm::finish::{Rounding, Yield};
use pgcgm::{ElementDraws, Generation, Sampler, Wanted, Weights};
use serde_json::json;

use crate::progress::bar;

/// Draws for each crystal that is wanted, where no number is given.
pub(crate) const DRAWS_EACH: u64 = 200;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct SampleOptions {
    /// A checkpoint of `pgcgm train`.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: PathBuf,
    /// Crystals that are wanted.
    #[arg(long)]
    pub count: usize,
    /// Ends after this many draws with fewer [default: 200 for each crystal].
    #[arg(long, value_name = "N")]
    pub draws: Option<u64>,
    /// Elements of a draw: uniform, any three of the set, or training, those of a training crystal.
    #[arg(long, default_value = "uniform", value_parser = elements_of)]
    pub elements: ElementDraws,
    /// Rounding of coordinates: fractions, onto sixths and eighths where they are near, or hundredths, as published.
    #[arg(long, default_value = "fractions", value_parser = rounding_of)]
    pub rounding: Rounding,
    /// Folder for the crystals and the yield.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
}

fn elements_of(name: &str) -> Result<ElementDraws, String> {
    match name {
        "uniform" => Ok(ElementDraws::Uniform),
        "training" => Ok(ElementDraws::Training),
        other => Err(format!("'{other}' is not a way to draw elements; give uniform or training")),
    }
}

pub(crate) fn rounding_of(name: &str) -> Result<Rounding, String> {
    match name {
        "fractions" => Ok(Rounding::Fractions),
        "hundredths" => Ok(Rounding::Hundredths),
        other => Err(format!("'{other}' is not a rounding; give fractions or hundredths")),
    }
}

/// Draws crystals and writes `structures.jsonl` and `yield.json` into the folder. Returns a table of the stages.
///
/// # Errors
/// If the checkpoint cannot be read, crystals lie in the folder already, or a file cannot be written; if no draw was
/// kept: then the folder holds the yield alone.
pub fn run(options: &SampleOptions) -> Result<String> {
    let file = options.out.join("structures.jsonl");
    ensure!(!file.exists(), "{}: crystals lie there already; choose another --out", options.out.display());
    ensure!(options.count >= 1, "--count is 0; ask for at least one crystal");
    let device = options.device.open()?;
    let weights = Weights::load(&options.checkpoint, &device)?;
    writable_folder(&options.out)?;
    let clock = Instant::now();
    let sampler = Sampler::new(&weights, options.elements, options.seed, &device);
    let most_draws = options.draws.unwrap_or(DRAWS_EACH * options.count as u64);
    let drawn = draw(&sampler, Wanted { count: options.count, most_draws, rounding: options.rounding })?;
    let seconds = clock.elapsed().as_secs_f64();
    if !drawn.named.is_empty() {
        io::write_all(&file, &drawn.named)?;
    }
    let document = json!({
        "crystals": drawn.named.len(),
        "draws": drawn.draws,
        "yield": drawn.yields,
        "seconds": seconds,
        "elements": options.elements,
        "rounding": options.rounding,
        "seed": options.seed,
        "device": options.device,
        "checkpoint": { "path": weights.path, "sha256": weights.sha256 },
        "version": provenance::VERSION,
        "git": provenance::GIT_REVISION,
    });
    // Last: the crystals are whole when this file is there.
    let figures = options.out.join("yield.json");
    write_json(&figures, &document)?;
    if drawn.named.is_empty() {
        bail!(
            "none of {} draws was kept ({}); {} has the figures. Train the network longer, or give more draws (--draws)",
            drawn.draws,
            in_words(&drawn.yields),
            figures.display()
        );
    }
    let missing = if drawn.named.len() < options.count { ": the draws are used up; give more (--draws)" } else { "" };
    Ok(format!(
        "{}\n{} crystals of {} draws in {seconds:.1} s{missing}\nwrote {}",
        table(&drawn.yields),
        drawn.named.len(),
        drawn.draws,
        file.display()
    ))
}

/// Crystals as they are written: the atoms of the primitive cell.
pub(crate) struct Drawn {
    pub(crate) named: Vec<(String, Structure)>,
    pub(crate) space_groups: Vec<SpaceGroupNumber>,
    pub(crate) draws: u64,
    pub(crate) yields: Yield,
}

pub(crate) fn draw(sampler: &Sampler, wanted: Wanted) -> Result<Drawn> {
    let bar = bar("PGCGM", wanted.count as u64);
    let generation = sampler.generate(wanted, |n| bar.set_position(n as u64));
    bar.finish_and_clear();
    let Generation { crystals, draws, yields } = generation?;
    let mut drawn = Drawn { named: vec![], space_groups: vec![], draws, yields };
    for (number, set, unit) in crystals {
        let structure = unit.expand().with_context(|| format!("draw {number}"))?;
        drawn.named.push((format!("draw-{number:06}-{set}"), structure));
        drawn.space_groups.push(unit.space_group().number());
    }
    Ok(drawn)
}

fn table(yields: &Yield) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(["candidates that ended with", "number", "share"]);
    let all = yields.candidates.max(1) as f64;
    for (stage, n) in yields.stages() {
        table.add_row([stage.to_owned(), n.to_string(), format!("{:.2} %", 100.0 * n as f64 / all)]);
    }
    table
}

/// The same in one line, for notes.
pub(crate) fn in_words(yields: &Yield) -> String {
    let ended: Vec<String> =
        yields.stages().iter().filter(|(_, n)| *n > 0).map(|(stage, n)| format!("{stage} {n}")).collect();
    format!("of {} candidates: {}", yields.candidates, ended.join(", "))
}
