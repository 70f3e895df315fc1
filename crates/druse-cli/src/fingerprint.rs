//! `druse fingerprint`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use crystal_core::{Composition, Structure};
use metrics::{MetricsError, crystalnn_fingerprint, feature_labels, magpie_features};
use serde::Serialize;

use super::inputs::{self, ReadArgs, Row};
use super::{Completion, terminal};

/// Features shown in the table; the document has all 61.
const SHOWN: usize = 3;

/// Computes the CrystalNN 'ops' fingerprint (mean over the sites, 61 numbers) and the 132 Magpie features.
#[derive(Args)]
#[command(
    after_help = "Example:\n  druse fingerprint NaCl.cif\n  druse fingerprint structures.jsonl.zst --json > fingerprints.json"
)]
pub(super) struct FingerprintArgs {
    /// Structures: files, folders or .jsonl
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// Print one JSON document with all numbers instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    structures: Vec<Row<Fingerprint>>,
    structures_per_second: f64,
}

#[derive(Serialize)]
struct Fingerprint {
    crystalnn: Vec<f64>,
    /// NaN, where a property of an element is unknown, becomes null in JSON.
    magpie: Vec<f64>,
    coordination_numbers: Vec<usize>,
    #[serde(skip)]
    formula: String,
}

impl Fingerprint {
    fn of(structure: &Structure) -> Result<Self, MetricsError> {
        let composition = Composition::of(structure);
        let fingerprint = crystalnn_fingerprint(structure)?;
        Ok(Self {
            crystalnn: fingerprint.mean.to_vec(),
            magpie: magpie_features(&composition).to_vec(),
            coordination_numbers: fingerprint.sites.iter().map(|site| site.coordination_number).collect(),
            formula: composition.formula(),
        })
    }

    /// The largest features with their names.
    fn strongest(&self) -> String {
        let mut order: Vec<usize> = (0..self.crystalnn.len()).collect();
        order.sort_by(|a, b| self.crystalnn[*b].total_cmp(&self.crystalnn[*a]));
        let features =
            order.iter().take(SHOWN).map(|index| format!("{} {:.3}", feature_labels()[*index], self.crystalnn[*index]));
        features.collect::<Vec<_>>().join(", ")
    }

    /// Coordination numbers with the number of sites that have them.
    fn coordination(&self) -> String {
        let mut counts = std::collections::BTreeMap::new();
        for number in &self.coordination_numbers {
            *counts.entry(*number).or_insert(0_usize) += 1;
        }
        counts.iter().map(|(number, sites)| format!("{number} × {sites}")).collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn run(args: &FingerprintArgs) -> Result<Completion> {
    let inputs = inputs::read(&args.paths, &args.read);
    let clock = Instant::now();
    let structures = inputs::rows(&inputs, "fingerprints", Fingerprint::of);
    let seconds = clock.elapsed().as_secs_f64();
    let completion = inputs::completion_of_rows(&structures)?;
    let done = structures.iter().filter(|row| row.numbers.is_some()).count();
    let document = Document { structures, structures_per_second: done as f64 / seconds.max(1e-9) };
    if args.json {
        terminal::print_json(&document)?;
    } else {
        let mut table = terminal::table(&["id", "formula", "coordination number × sites", "largest features"]);
        for Row { id, numbers, .. } in &document.structures {
            if let Some(found) = numbers {
                table.add_row([id, &found.formula, &found.coordination(), &found.strongest()]);
            }
        }
        terminal::print_table(&table)?;
    }
    tracing::info!(structures_per_second = document.structures_per_second, "fingerprints");
    Ok(completion)
}
