//! What `druse sample` prints, leaves as a shard, and makes of all shards.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use crystal_core::{Composition, Finder, Structure, find_symmetry};
use druse::sampling::Written;
use druse::shard::{Shards, assemble, copy_file};
use druse::wyckoff_assignment::WyckoffAssignment;
use druse::{Shard, types_with_positions_of};
use langevin::{SamplerConfig, SamplingOrder};
use sealed_file::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::inputs::{self, Row};
use crate::{Completion, terminal};

/// Tolerances at which the symmetry of a sample is looked at, Å, with their names in the document.
const TOLERANCES: [(&str, f64); 2] = [("0.01", 0.01), ("0.1", 0.1)];

#[derive(Serialize)]
struct Document {
    structures: Vec<Row<Sampled>>,
    structures_per_second: f64,
    evaluations_per_structure: usize,
    device: String,
    checkpoint: CheckpointFile,
    /// Which part of the run, if it is not the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<Shard>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct CheckpointFile {
    pub path: String,
    pub sha256: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sampled {
    file: String,
    space_group_requested: u8,
    /// By tolerance; null where the finder found none.
    space_group_found: BTreeMap<String, Option<u8>>,
    formula: String,
    /// Elements on Wyckoff positions, where sites were bound to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wyckoff: Option<String>,
    /// How likely the proposer finds group, cell and positions, where it proposed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    /// Structure types that have their sites on these positions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    structure_types: Vec<String>,
    redraws: usize,
    /// Where candidates were compared: the less, the more plausible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    denoising_error: Option<f64>,
    seed: u64,
}

/// A row with the SHA-256 of its CIF.
type Hashed = (Row<Sampled>, Option<String>);

/// What a shard did.
#[derive(Serialize, Deserialize)]
pub(super) struct OfShard {
    /// Structures of the whole run.
    n_structures: usize,
    /// The shard's own, by number in the whole run.
    structures: Vec<(usize, Hashed)>,
    seconds: f64,
    evaluations_per_structure: usize,
    device: String,
    checkpoint: CheckpointFile,
}

impl Sampled {
    pub(super) fn new(written: &Written, seed: u64, probability: Option<f64>) -> Self {
        let structure = &written.sample.structure;
        Self {
            file: written.file.display().to_string(),
            space_group_requested: written.sample.state.space_group.number().get(),
            space_group_found: TOLERANCES.map(|(name, symprec)| (name.to_owned(), found_at(structure, symprec))).into(),
            formula: Composition::of(structure).reduced().formula(),
            wyckoff: written.positions.clone(),
            probability,
            structure_types: types_of(written).into_iter().map(str::to_owned).collect(),
            redraws: written.sample.redraws,
            denoising_error: written.sample.denoising_error,
            seed,
        }
    }
}

/// Structure types with the positions of the sample.
fn types_of(written: &Written) -> Vec<&'static str> {
    let group = written.sample.state.space_group;
    let text = written.positions.as_deref().unwrap_or_default();
    WyckoffAssignment::parse(group, text).map_or_else(|_| vec![], |assignment| types_with_positions_of(&assignment))
}

fn found_at(structure: &Structure, symprec: f64) -> Option<u8> {
    find_symmetry(structure, symprec, Finder::Moyo).ok().map(|report| report.number.get())
}

/// What came of a run, or of all its shards.
pub(super) struct Made {
    pub rows: Vec<Row<Sampled>>,
    /// Of sampling; of all shards together.
    pub seconds: f64,
    pub evaluations_per_structure: usize,
    pub device: String,
    pub checkpoint: CheckpointFile,
}

impl Made {
    /// With the numbers that the structures, given by places of orders and places in them, have in the whole run.
    pub(super) fn of_shard(&self, orders: &[SamplingOrder], places: &[(usize, usize)]) -> Result<OfShard> {
        let before = |order: usize| orders[..order].iter().map(|order| order.count).sum::<usize>();
        let with_hash = |(row, (order, index)): (&Row<Sampled>, &(usize, usize))| {
            let hash = match &row.numbers {
                Some(sampled) => {
                    let bytes =
                        std::fs::read(&sampled.file).with_context(|| format!("{}: cannot be read", sampled.file))?;
                    Some(sha256_hex(&bytes))
                }
                None => None,
            };
            Ok((before(*order) + index, (row.clone(), hash)))
        };
        Ok(OfShard {
            n_structures: before(orders.len()),
            structures: self.rows.iter().zip(places).map(with_hash).collect::<Result<_>>()?,
            seconds: self.seconds,
            evaluations_per_structure: self.evaluations_per_structure,
            device: self.device.clone(),
            checkpoint: self.checkpoint.clone(),
        })
    }

    pub(super) fn print(self, shard: Option<Shard>, json: bool) -> Result<Completion> {
        let n_written = self.rows.iter().filter(|row| row.numbers.is_some()).count();
        let completion = inputs::completion_of_shard(&self.rows, shard)?;
        let document = Document {
            structures: self.rows,
            structures_per_second: n_written as f64 / self.seconds.max(1e-9),
            evaluations_per_structure: self.evaluations_per_structure,
            device: self.device,
            checkpoint: self.checkpoint,
            shard,
        };
        if json {
            terminal::print_json(&document)?;
        } else {
            print(&document)?;
        }
        Ok(completion)
    }
}

/// Everything that the structures depend on, for the record of a shard.
pub(super) fn run_of(
    orders: &[SamplingOrder],
    config: &SamplerConfig,
    template: Option<String>,
    checkpoint: &str,
) -> Result<[(&'static str, String); 5]> {
    // The size of the batches changes no structure, and the seed has its own entry.
    let sampler = SamplerConfig { batch_size: 0, seed: 0, ..config.clone() };
    let sampler = serde_json::to_string(&sampler).context("the settings cannot be written")?;
    let hash = |text: String| format!("with SHA-256 {}", sha256_hex(text.as_bytes()));
    Ok([
        ("seed", config.seed.to_string()),
        ("orders", hash(format!("{orders:?}"))),
        ("sampler", sampler),
        ("template", template.map_or_else(|| "none".to_owned(), hash)),
        ("checkpoint", format!("with SHA-256 {checkpoint}")),
    ])
}

/// Joins shards: copies the structures into `out` and prints what the whole run would have printed.
pub(crate) fn merge(shards: &Shards, out: &Path, json: bool) -> Result<Completion> {
    let parts = shards.parts::<OfShard>()?;
    let first = &parts.first().context("there is a shard")?.result;
    let (n_structures, evaluations_per_structure) = (first.n_structures, first.evaluations_per_structure);
    let (device, checkpoint) = (first.device.clone(), first.checkpoint.clone());
    let seconds = parts.iter().map(|part| part.result.seconds).sum();
    let structures = parts.into_iter().map(|part| part.map(|shard| shard.structures)).collect();
    let structures = assemble(structures, n_structures)?;
    let mut rows = Vec::with_capacity(n_structures);
    for (folder, (mut row, sha256)) in structures {
        if let (Some(sampled), Some(sha256)) = (&mut row.numbers, sha256) {
            let name = format!("{}.cif", row.id);
            let file = out.join(&name);
            copy_file(&folder.join(&name), &sha256, &file)?;
            sampled.file = file.display().to_string();
        }
        rows.push(row);
    }
    // As the whole run has them: what was given up stands last.
    rows.sort_by_key(|row| row.numbers.is_none());
    Made { rows, seconds, evaluations_per_structure, device, checkpoint }.print(None, json)
}

/// Structure types for people.
pub(crate) fn types_as_text(types: &[&str]) -> String {
    if types.is_empty() { "–".to_owned() } else { types.join(", ") }
}

/// A probability for people.
pub(crate) fn percent(probability: f64) -> String {
    format!("{:.1} %", 100.0 * probability)
}

fn print(document: &Document) -> Result<()> {
    let mut table = terminal::table(&[
        "formula",
        "space group",
        "Wyckoff positions",
        "probability",
        "structure types",
        "found at 0.01 Å",
        "found at 0.1 Å",
        "redraws",
        "denoising error",
        "file",
    ]);
    for row in &document.structures {
        if let Some(sampled) = &row.numbers {
            let found = |name| sampled.space_group_found[name].map_or("none".to_owned(), |number| number.to_string());
            table.add_row([
                sampled.formula.clone(),
                sampled.space_group_requested.to_string(),
                sampled.wyckoff.clone().unwrap_or_else(|| "–".to_owned()),
                sampled.probability.map_or_else(|| "–".to_owned(), percent),
                types_as_text(&sampled.structure_types.iter().map(String::as_str).collect::<Vec<_>>()),
                found("0.01"),
                found("0.1"),
                sampled.redraws.to_string(),
                sampled.denoising_error.map_or_else(|| "–".to_owned(), |error| format!("{error:.3}")),
                sampled.file.clone(),
            ]);
        }
    }
    terminal::print_table(&table)
}
