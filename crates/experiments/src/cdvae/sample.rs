//! Crystals from a checkpoint.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use burn::tensor::Device;
use cdvae::{CdvaeSampling, GeneratedSet, Trained, generate};
use crystal_core::whole;
use crystal_core::{Structure, io};
use druse::output::{writable_folder, write_file, write_json};
use druse::{DeviceName, Provenance};
use serde::Serialize;

use crate::generated::Generated;
use crate::progress::bar;

/// Places of the bar for each crystal, which moves with the levels of noise.
const PARTS: f64 = 100.0;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct SampleOptions {
    /// The trained network, written by `experiments cdvae train`.
    #[arg(long)]
    pub checkpoint: PathBuf,
    /// Crystals to sample.
    #[arg(long, default_value_t = 1000)]
    pub count: usize,
    /// Seed; crystal n is the same for every count.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder for the crystals.
    #[arg(long, default_value = "runs/cdvae-samples")]
    pub out: PathBuf,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Langevin steps at each of the levels of noise [default: CDVAE's 100].
    #[arg(long)]
    pub steps_per_level: Option<usize>,
    /// Crystals that are sampled together [default: 1000].
    #[arg(long)]
    pub batch_size: Option<usize>,
}

/// What is written beside the crystals.
#[derive(Debug, Serialize)]
struct Document<'a> {
    checkpoint: String,
    checkpoint_sha256: &'a str,
    training_steps: u64,
    sampling: &'a CdvaeSampling,
    count: usize,
    sampled: usize,
    /// Draws whose cell was refused.
    failed_cells: usize,
    /// Draws whose atoms diverged.
    diverged: usize,
    given_up: &'a [(usize, String)],
    seconds: f64,
    structures_per_second: f64,
    provenance: Provenance,
}

/// Samples, and writes `generated/*.cif`, `generated.jsonl` and `sampling.json` into the folder. Returns a summary.
///
/// # Errors
/// If the checkpoint cannot be read, the device fails or a file cannot be written.
pub fn run(options: &SampleOptions) -> Result<String> {
    let device = options.device.open()?;
    let trained = Trained::load(&options.checkpoint, &device)?;
    let default = CdvaeSampling::default();
    let sampling = CdvaeSampling {
        steps_per_level: options.steps_per_level.unwrap_or(default.steps_per_level),
        batch_size: options.batch_size.unwrap_or(default.batch_size),
        seed: options.seed,
        ..default
    };
    sampling.check()?;
    writable_folder(&options.out)?;
    let clock = Instant::now();
    let set = sampled(&trained, &sampling, options.count, &device)?;
    let seconds = clock.elapsed().as_secs_f64();
    write_structures(&set, &options.out)?;
    let document = Document {
        checkpoint: options.checkpoint.display().to_string(),
        checkpoint_sha256: &trained.sha256,
        training_steps: trained.description.steps,
        sampling: &sampling,
        count: options.count,
        sampled: set.crystals.len(),
        failed_cells: set.failed_cells,
        diverged: set.diverged,
        given_up: &set.given_up,
        seconds,
        structures_per_second: set.crystals.len() as f64 / seconds,
        provenance: Provenance::of_named("none", "", options.seed, options.device),
    };
    write_json(&options.out.join("sampling.json"), &document)?;
    Ok(format!(
        "{} of {} crystals in {seconds:.1} s, {:.2} structures/s; {} cells refused, {} diverged, {} given up\nwrote {}",
        set.crystals.len(),
        options.count,
        document.structures_per_second,
        set.failed_cells,
        set.diverged,
        set.given_up.len(),
        options.out.display()
    ))
}

fn sampled(trained: &Trained, sampling: &CdvaeSampling, count: usize, device: &Device) -> Result<GeneratedSet> {
    let bar = bar("sampling, cdvae", whole::count_64(count as f64 * PARTS));
    let set = generate(trained, sampling, count, device, |done| bar.set_position(whole::count_64(done * PARTS)));
    bar.finish_and_clear();
    Ok(set?)
}

fn named(set: &GeneratedSet) -> Vec<(String, Structure)> {
    set.crystals.iter().map(|crystal| (format!("cdvae_{:04}", crystal.index), crystal.structure.clone())).collect()
}

fn write_structures(set: &GeneratedSet, folder: &Path) -> Result<()> {
    let cifs = folder.join("generated");
    writable_folder(&cifs)?;
    let named = named(set);
    for (id, structure) in &named {
        write_file(&cifs.join(format!("{id}.cif")), io::to_cif(structure, id))?;
    }
    Ok(io::write_all(&folder.join("generated.jsonl"), &named)?)
}

/// Samples for a row of a table, into its folder.
///
/// # Errors
/// If the device fails or a file cannot be written.
pub(crate) fn generated(
    trained: &Trained,
    sampling: &CdvaeSampling,
    count: usize,
    device: &Device,
    folder: &Path,
) -> Result<Generated> {
    let set = sampled(trained, sampling, count, device)?;
    writable_folder(folder)?;
    write_structures(&set, folder)?;
    let (ids, structures): (Vec<String>, Vec<Structure>) = named(&set).into_iter().unzip();
    Ok(Generated {
        // None was asked for.
        space_groups: vec![],
        redraws: set.crystals.iter().map(|crystal| crystal.redraws).collect(),
        given_up: set.given_up.len(),
        ids,
        structures,
    })
}

/// What a table tells of a checkpoint and how it was sampled.
pub(crate) fn note_of(trained: &Trained, sampling: &CdvaeSampling, path: &Path) -> String {
    let description = &trained.description;
    format!(
        "retrained by us: checkpoint {} (SHA-256 {}…), {} steps on {} crystals; {} evaluations; graph, start values and \
         optimiser differ from the original's (docs, 'The models')",
        path.display(),
        &trained.sha256[..12],
        description.steps,
        description.n_crystals,
        trained.model.config().levels.count * sampling.steps_per_level,
    )
}
