//! Published samples of other models, measured like our own: one table of coverage, Fréchet distances, validity,
//! uniqueness, novelty, and stability where it was measured.

mod stability_of;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use crystal_core::Structure;
use datasets::{Split, locate};
use druse::output::{writable_folder, write_file, write_json};
use druse::{Provenance, crystal_features};
use metrics::{Evaluation, evaluate, table1_samples};
use serde::Serialize;

use crate::command;
use crate::published::Figures;
use crate::run_options::{Place, Preset};
use crate::sameness::Sameness;
use crate::stability::{Given, read_given};
use crate::statistics::with_bootstrap;
use crate::table::Measured;
use crate::table1::Table1Config;
use crate::table1::reference::{Reference, fingerprints_of};
use crate::table1::run::{load_data, structures_of};
use stability_of::Stability;

/// Written last.
const RESULT: &str = "peers.json";

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct PeersOptions {
    /// Folder with a file or a folder of structures for each model; .md files say where they come from.
    #[arg(long, value_name = "DIR")]
    pub peers: PathBuf,
    /// Further sets: files or folders of structures.
    #[arg(long, value_name = "PATH")]
    pub with: Vec<PathBuf>,
    /// Folder of MP-20.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder with the runs of `stability --generated FILE`, each named as the file without its ending.
    #[arg(long, value_name = "DIR", default_value = "experiments/results/stability")]
    pub stability: PathBuf,
    /// Structures of each set, the first ones.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub samples: usize,
    /// Weights for FD CGCNN instead of the compiled-in ones.
    #[arg(long)]
    pub cgcnn_weights: Option<PathBuf>,
    /// Where it lies, its device, and the seed of the bootstrap.
    #[command(flatten)]
    pub place: Place,
}

/// A set of structures, measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub name: String,
    /// SHA-256 of the file; of a folder none.
    pub sha256: Option<String>,
    pub n: usize,
    /// Entries that are no structures.
    pub unreadable: usize,
    /// Structures that are valid and have fingerprints: those that the figures are of.
    pub n_valid: usize,
    pub structure_validity: f64,
    pub composition_validity: f64,
    pub figures: Figures<Option<Measured>>,
    pub uniqueness: f64,
    pub novelty: Option<f64>,
    pub stability: Option<Stability>,
}

/// Measures every set, and writes everything into the run's folder. Returns the table.
///
/// # Errors
/// If the folder holds no structures, or an input, the device or the folder of the run cannot be used.
pub fn run(options: &PeersOptions) -> Result<String> {
    let folder = options.place.folder("peers");
    if folder.join(RESULT).exists() {
        bail!("{}: a finished run lies there already; choose another --name", folder.display());
    }
    ensure!(options.samples >= 2, "--samples is {}, and the figures need two structures", options.samples);
    let sets = sets_of(options)?;
    let device = options.place.device.open()?;
    let cgcnn =
        crystal_features::load(options.cgcnn_weights.as_deref(), &device).context("the weights for FD CGCNN")?;
    // Structures of all space groups: the peers' models know no lower limit.
    let preset = Table1Config::preset("full").context("a preset")?;
    let mut config: Table1Config = druse::config::parse_ron(preset, "full")?;
    config.data.min_space_group = 1;
    config.calibration.draws = 1;
    let data = load_data(&config, &locate(Some(&options.data)))?;
    let reference = Reference::of(&data, &config, &cgcnn, options.place.seed)?;
    let training = structures_of(&data, Split::Train);
    writable_folder(&folder)?;
    write_file(&folder.join(command::FILE), command::of_this_process() + "\n")?;
    let mut rows = vec![];
    for path in &sets {
        let given = read_given(path, options.samples)?;
        let stability = Stability::find(&options.stability, &stem(path), &given)?;
        let row = measured(&given, path, options, &reference, &training, |structures| {
            fingerprints_of(&given.name, structures, &cgcnn)
        })
        .with_context(|| path.display().to_string())?;
        rows.push(Row { stability, ..row });
    }
    let known = |row: &Row| row.stability.is_some();
    if !rows.iter().any(known) {
        tracing::warn!("{}: no run of stability is of these structures", options.stability.display());
    }
    let provenance = Provenance::of(&data, options.place.seed, options.place.device);
    let origins = origins_of(&options.peers)?;
    let text = table::markdown(&rows, &reference, &origins);
    write_file(&folder.join("peers.md"), &text)?;
    write_json(
        &folder.join(RESULT),
        &serde_json::json!({ "rows": rows, "provenance": provenance, "origins": origins }),
    )?;
    Ok(text)
}

/// Files and folders of the peers by name, texts left aside, then the further ones.
fn sets_of(options: &PeersOptions) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("{}: cannot be read", options.peers.display());
    let mut sets = vec![];
    for item in std::fs::read_dir(&options.peers).with_context(unreadable)? {
        let path = item.with_context(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') && ![".md", ".txt"].iter().any(|ending| name.ends_with(ending)) {
            sets.push(path);
        }
    }
    sets.sort();
    sets.extend(options.with.iter().cloned());
    ensure!(!sets.is_empty(), "{}: there are no structures in it", options.peers.display());
    Ok(sets)
}

/// The name of a file up to its first dot.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// What the folder of the peers, or the one above, says of their origin: lines of a README that name them.
fn origins_of(folder: &Path) -> Result<Vec<String>> {
    let candidates = [folder.join("README.md"), folder.join("../README.md")];
    let Some(path) = candidates.iter().find(|path| path.is_file()) else { return Ok(vec![]) };
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_of_all = path.parent() == Some(folder);
    let sentences = text.lines().flat_map(|line| line.split_inclusive(". ")).map(str::trim);
    let about = |text: &&str| is_of_all || text.contains(&format!("{name}/")) || text.to_lowercase().contains("peers'");
    Ok(sentences.filter(about).filter(|text| !text.is_empty()).map(str::to_owned).collect())
}

fn measured(
    given: &Given,
    path: &Path,
    options: &PeersOptions,
    reference: &Reference,
    training: &[Structure],
    fingerprints: impl Fn(&[Structure]) -> Vec<metrics::Fingerprints>,
) -> Result<Row> {
    let structures: Vec<Structure> = given.found.iter().filter_map(|(_, found)| found.clone().ok()).collect();
    let found = fingerprints(&structures);
    let usable = table1_samples(&found, found.len());
    ensure!(usable.len() >= 2, "{} of {} structures are valid; the figures need two", usable.len(), found.len());
    let valid: Evaluation = evaluate(&usable, &reference.structures)?;
    let figures = with_bootstrap(&valid, &usable, &reference.structures, 20, options.place.seed)?;
    let same = Sameness::of(&structures, Some(training))?;
    let n = given.found.len();
    // What cannot be read counts as neither valid nor unique nor novel.
    let of_all = |share: f64| share * structures.len() as f64 / n as f64;
    let share =
        |passes: fn(&metrics::Fingerprints) -> bool| found.iter().filter(|one| passes(one)).count() as f64 / n as f64;
    Ok(Row {
        name: given.name.clone(),
        sha256: if path.is_file() { Some(sealed_file::sha256_hex(&std::fs::read(path)?)) } else { None },
        n,
        unreadable: n - structures.len(),
        n_valid: usable.len(),
        structure_validity: share(|one| one.structure_valid),
        composition_validity: share(|one| one.composition_valid),
        figures,
        uniqueness: of_all(same.uniqueness()),
        novelty: same.novelty().map(of_all),
        stability: None,
    })
}
