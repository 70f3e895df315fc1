//! `druse evaluate`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use cgcnn::Weights;
use clap::Args;
use crystal_core::Structure;
use druse::{DeviceName, crystal_features};
use metrics::{Evaluation, Fingerprints, evaluate, fingerprints};

use super::inputs::{self, ReadArgs};
use super::{Completion, terminal};

/// Compares generated structures with reference structures: coverage, Fréchet distance, validity.
///
/// A generated structure that cannot be read, or has no fingerprint, counts as generated and as invalid; a reference
/// structure that cannot be read is left out.
#[derive(Args)]
#[command(after_help = "Example:\n  druse evaluate --generated samples/ --reference test.jsonl.zst\n  \
                        druse evaluate --generated samples/ --reference test.jsonl.zst --json")]
pub(super) struct EvaluateArgs {
    /// Generated structures
    #[arg(long, value_name = "PATH")]
    generated: PathBuf,
    /// Reference structures
    #[arg(long, value_name = "PATH")]
    reference: PathBuf,
    #[command(flatten)]
    read: ReadArgs,
    /// Weights of the network behind the Fréchet distance on CGCNN features, instead of the compiled-in ones: a
    /// .safetensors file of `experiments cgcnn`, or a .pth.tar of the published program
    #[arg(long, value_name = "FILE")]
    cgcnn_weights: Option<PathBuf>,
    /// Where that network runs: cpu, wgpu or cuda, as far as this build has them
    #[arg(long, default_value_t)]
    device: DeviceName,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// A set of structures as far as it can be read.
struct Set {
    fingerprints: Vec<Fingerprints>,
    unreadable: usize,
}

pub(super) fn run(args: &EvaluateArgs) -> Result<Completion> {
    let clock = Instant::now();
    let weights = crystal_features::load(args.cgcnn_weights.as_deref(), &args.device.open()?)?;
    let generated = read_set(&args.generated, &args.read, "generated", &weights).context("the generated set")?;
    let reference = read_set(&args.reference, &args.read, "reference", &weights).context("the reference set")?;
    let seconds = clock.elapsed().as_secs_f64();
    let compared = evaluate(&generated.fingerprints, &reference.fingerprints).with_context(|| {
        format!("{} cannot be compared with {}", args.generated.display(), args.reference.display())
    })?;
    let mut evaluation = count_unreadable(compared, generated.unreadable);
    evaluation.seconds.insert("fingerprints".to_owned(), seconds);
    if args.json {
        terminal::print_json(&evaluation)?
    } else {
        print(&evaluation, &weights)?
    }
    Ok(if generated.unreadable + reference.unreadable > 0 { Completion::SomeFailed } else { Completion::Everything })
}

fn read_set(path: &Path, args: &ReadArgs, name: &'static str, weights: &Weights) -> Result<Set> {
    let inputs = inputs::read(&[path.to_owned()], args);
    inputs::completion(inputs.iter().map(|input| input.structure.as_ref().err().map(String::as_str)))?;
    let n_inputs = inputs.len();
    let structures: Vec<Structure> = inputs.into_iter().filter_map(|input| input.structure.ok()).collect();
    let bar = terminal::bar(structures.len() as u64, name);
    let mut fingerprints = fingerprints(&structures, &|_| bar.inc(1));
    terminal::finish(&bar);
    let without: Vec<&str> = fingerprints.iter().filter_map(|fingerprints| fingerprints.error.as_deref()).collect();
    if let [first, ..] = without.as_slice() {
        let n = without.len();
        terminal::warning(&format!(
            "{}: {n} structures have no CrystalNN fingerprint; the first: {first}",
            path.display()
        ));
    }
    let bar = terminal::bar(structures.len() as u64, "CGCNN");
    let lost = crystal_features::add_features(&weights.model, &structures, &mut fingerprints, |n| bar.inc(n as u64));
    terminal::finish(&bar);
    if let [(_, first), ..] = lost.as_slice() {
        let n = lost.len();
        terminal::warning(&format!("{}: {n} structures have no CGCNN features; the first: {first}", path.display()));
    }
    Ok(Set { unreadable: n_inputs - fingerprints.len(), fingerprints })
}

/// Unreadable structures were generated too: they belong into the denominators, or a broken generator would look
/// better.
fn count_unreadable(evaluation: Evaluation, unreadable: usize) -> Evaluation {
    let n_generated = evaluation.n_generated + unreadable;
    let share = evaluation.n_generated as f64 / n_generated as f64;
    Evaluation {
        n_generated,
        cov_precision: evaluation.cov_precision * share,
        structure_validity: evaluation.structure_validity * share,
        composition_validity: evaluation.composition_validity * share,
        ..evaluation
    }
}

fn print(evaluation: &Evaluation, weights: &Weights) -> Result<()> {
    let mut table = terminal::table(&["measure", "generated", "reference"]);
    let mut row = |name: &str, precision: String, recall: String| {
        table.add_row([name.to_owned(), precision, recall]);
    };
    // Rounding leaves the Fréchet distance of equal sets a little below zero.
    let fixed = |x: f64| if x.abs() < 5e-5 { "0.0000".to_owned() } else { format!("{x:.4}") };
    let none = String::new;
    row("structures", evaluation.n_generated.to_string(), evaluation.n_reference.to_string());
    row("valid, with a fingerprint", evaluation.n_valid.to_string(), none());
    row("coverage (precision, recall)", fixed(evaluation.cov_precision), fixed(evaluation.cov_recall));
    row("mean smallest structure distance", fixed(evaluation.amsd_precision), fixed(evaluation.amsd_recall));
    row("mean smallest composition distance", fixed(evaluation.amcd_precision), fixed(evaluation.amcd_recall));
    row("Fréchet distance, CrystalNN", fixed(evaluation.fd_crystalnn), none());
    if let Some(fd_cgcnn) = evaluation.fd_cgcnn {
        row("Fréchet distance, CGCNN", fixed(fd_cgcnn), none());
    }
    row("structure validity", fixed(evaluation.structure_validity), none());
    row("composition validity", fixed(evaluation.composition_validity), none());
    row("Wasserstein distance, density (g/cm³)", fixed(evaluation.wasserstein_density), none());
    row("Wasserstein distance, number of elements", fixed(evaluation.wasserstein_n_elements), none());
    terminal::print_table(&table)?;
    terminal::print(&format!("CGCNN: {}\n", weights.description()))
}
