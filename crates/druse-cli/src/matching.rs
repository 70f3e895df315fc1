//! `druse match`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use metrics::{Match, StructureMatcher};
use rayon::prelude::*;
use serde::Serialize;

use super::inputs::{self, Input, ReadArgs};
use super::{Completion, message, terminal, values};

/// Tells which structures of two sets are the same, pair by pair: the first of A with the first of B, and so on.
///
/// Two structures are the same if cells and atoms can be laid on each other within the tolerances, whatever their
/// choice of cell, origin, orientation and order of atoms, and whatever their volume (pymatgen's StructureMatcher).
#[derive(Args)]
#[command(
    after_help = "Example:\n  druse match relaxed.cif known.cif\n  druse match reconstructed.jsonl test.jsonl --json"
)]
pub(super) struct MatchArgs {
    /// Structures: a file, a folder or a .jsonl
    #[arg(value_name = "A")]
    a: PathBuf,
    /// As many structures, in the same order
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Share by which lengths of cell vectors may differ, at equal volumes
    #[arg(long, value_name = "SHARE", default_value = "0.3", value_parser = values::positive)]
    ltol: f64,
    /// Root mean square distance of the atoms that is allowed, in units of (volume per atom)^(1/3)
    #[arg(long, value_name = "DISTANCE", default_value = "0.5", value_parser = values::positive)]
    stol: f64,
    /// Difference of the cell's angles that is allowed, in degrees
    #[arg(long, value_name = "DEGREES", default_value = "10", value_parser = values::positive)]
    angle_tol: f64,
    #[command(flatten)]
    read: ReadArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    pairs: Vec<Pair>,
    pairs_per_second: f64,
}

/// What became of a pair: numbers, or an error and no numbers.
#[derive(Serialize)]
struct Pair {
    a: String,
    b: String,
    #[serde(flatten)]
    numbers: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Numbers {
    #[serde(rename = "match")]
    is_match: bool,
    rms: Option<f64>,
    max: Option<f64>,
}

impl Numbers {
    fn of(found: Option<Match>) -> Self {
        Self { is_match: found.is_some(), rms: found.map(|found| found.rms), max: found.map(|found| found.max) }
    }
}

impl Pair {
    fn of(a: &Input, b: &Input, matcher: &StructureMatcher) -> Self {
        let compared = match (&a.structure, &b.structure) {
            (Ok(first), Ok(second)) => matcher
                .rms(first, second)
                .map_err(|error| format!("{} and {}: {}", a.place(), b.place(), message::of_std(&error))),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error.clone()),
            (Err(first), Err(second)) => Err(format!("{first}; {second}")),
        };
        let (numbers, error) = match compared {
            Ok(found) => (Some(Numbers::of(found)), None),
            Err(error) => (None, Some(error)),
        };
        Self { a: a.id.clone(), b: b.id.clone(), numbers, error }
    }
}

pub(super) fn run(args: &MatchArgs) -> Result<Completion> {
    let matcher = StructureMatcher { ltol: args.ltol, stol: args.stol, angle_tol: args.angle_tol };
    let (first, second) = (read(&args.a, &args.read)?, read(&args.b, &args.read)?);
    if first.len() != second.len() {
        bail!(
            "{} has {} and {} has {}; structures are paired by order, so give as many of one as of the other",
            args.a.display(),
            structures(first.len()),
            args.b.display(),
            structures(second.len())
        );
    }
    let bar = terminal::bar(first.len() as u64, "matching");
    let compare = |(a, b): (&Input, &Input)| {
        let pair = Pair::of(a, b, &matcher);
        bar.inc(1);
        pair
    };
    let clock = Instant::now();
    let pairs: Vec<Pair> = first.par_iter().zip(&second).map(compare).collect();
    let seconds = clock.elapsed().as_secs_f64();
    terminal::finish(&bar);
    let completion = inputs::completion(pairs.iter().map(|pair| pair.error.as_deref()))?;
    let done = pairs.iter().filter(|pair| pair.numbers.is_some()).count();
    let document = Document { pairs, pairs_per_second: done as f64 / seconds.max(1e-9) };
    if args.json {
        terminal::print_json(&document)?
    } else {
        print(&document)?
    }
    tracing::info!(pairs_per_second = document.pairs_per_second, "matching");
    Ok(completion)
}

/// A path that cannot be read at all says nothing about how many structures there are.
fn read(path: &Path, args: &ReadArgs) -> Result<Vec<Input>> {
    let inputs = inputs::read(&[path.to_owned()], args);
    match inputs.as_slice() {
        [] => bail!("{}: there is no structure in it; name a file or folder that holds one", path.display()),
        [Input { structure: Err(error), .. }] => bail!("{error}"),
        _ => Ok(inputs),
    }
}

fn structures(number: usize) -> String {
    if number == 1 { "1 structure".to_owned() } else { format!("{number} structures") }
}

fn print(document: &Document) -> Result<()> {
    let mut table = terminal::table(&["A", "B", "match", "rms", "max"]);
    let (mut compared, mut distances) = (0, Vec::new());
    let fixed = |x: &Option<f64>| x.map(|x| format!("{x:.4}")).unwrap_or_default();
    for Pair { a, b, numbers, .. } in &document.pairs {
        if let Some(Numbers { is_match, rms, max }) = numbers {
            table.add_row([a, b, terminal::yes_or_no(*is_match), &fixed(rms), &fixed(max)]);
            compared += 1;
            distances.extend(*rms);
        }
    }
    terminal::print_table(&table)?;
    let mut summary = format!("{} of {compared} pairs match", distances.len());
    if !distances.is_empty() {
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        summary += &format!("; mean rms {mean:.4} (volume per atom)^(1/3)");
    }
    terminal::print(&format!("{summary}\n"))
}
