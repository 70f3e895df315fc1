//! Real crystals through representation and finishing: what the best generator could reach.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use crystal_core::Structure;
use datasets::{Split, locate};
use druse::{DeviceName, crystal_features};
use metrics::{StructureMatcher, evaluate, table1_samples};
use pgcgm::finish::{Rounding, Yield, finish_all};
use pgcgm::{Candidate, Crystal, ElementSet};

use crate::pgcgm::{in_words, rounding_of};
use crate::run_options::Preset;
use crate::statistics::choose;
use crate::table1::Table1Config;
use crate::table1::pgcgm::in_own_groups;
use crate::table1::reference::{Reference, fingerprints_of};
use crate::table1::run::load_data;

/// Stream of the choice of structures.
const STREAM: u64 = 1 << 39;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct PgcgmBoundOptions {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Leaves out lanthanides and actinides.
    #[arg(long)]
    pub published_elements: bool,
    /// Structures of the test split, chosen at random among those that the model can hold.
    #[arg(long, default_value_t = 1000)]
    pub count: usize,
    /// Rounding of coordinates: fractions, onto sixths and eighths where they are near, or hundredths, as published.
    #[arg(long, default_value = "fractions", value_parser = rounding_of)]
    pub rounding: Rounding,
    /// Seed of the choice and of the positions that are shown.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// Encodes test structures, decodes and finishes them, and measures what is left against the test split.
///
/// # Errors
/// If the data cannot be read, or hold too few structures.
pub fn run(options: &PgcgmBoundOptions) -> Result<String> {
    let set = if options.published_elements { ElementSet::Published } else { ElementSet::Extended };
    let mut config: Table1Config = druse::config::parse_ron(Table1Config::preset("full").unwrap_or_default(), "full")?;
    config.calibration.draws = 1;
    let data = load_data(&config, &locate(options.data.as_deref()))?;
    let test = data.split(Split::Test);
    let fitting: Vec<(usize, Crystal)> = test
        .iter()
        .enumerate()
        .filter_map(|(index, record)| Some((index, Crystal::of(record.unit.as_ref().ok()?, set).ok()?)))
        .collect();
    let chosen = choose(fitting.len(), options.count, options.seed, STREAM);
    let candidates: Vec<Candidate> = chosen
        .iter()
        .map(|index| {
            let (number, crystal) = &fitting[*index];
            let [first, ..] = crystal.candidates(set, options.seed, *number as u64);
            first
        })
        .collect();
    let matcher = StructureMatcher::default();
    let (mut yields, mut returned, mut structures) = (Yield::default(), 0, vec![]);
    for (index, outcome) in chosen.iter().zip(finish_all(&candidates, options.rounding)) {
        yields.count(outcome.as_ref().map(|_| ()).map_err(|rejection| *rejection));
        let Ok(unit) = outcome else { continue };
        let structure: Structure = unit.expand()?;
        let original = &test[fitting[*index].0].structure;
        returned += usize::from(matcher.fit(&structure, original)?);
        structures.push(structure);
    }
    ensure!(structures.len() >= 2, "{}: {} crystals are left of the test split", data.name, structures.len());
    let cgcnn = crystal_features::load(None, &DeviceName::Cpu.open()?)?;
    let reference = Reference::of(&data, &config, &cgcnn, options.seed)?;
    let found = fingerprints_of("real crystals", &structures, &cgcnn);
    let usable = table1_samples(&found, found.len());
    let mut lines = vec![
        format!(
            "{} of {} test structures are crystals that the model can hold; {} taken, {}",
            fitting.len(),
            test.len(),
            chosen.len(),
            in_words(&yields)
        ),
        format!(
            "{returned} of {} return to what they were ({:.1} %)",
            chosen.len(),
            100.0 * returned as f64 / chosen.len() as f64
        ),
    ];
    let own = in_own_groups(&reference);
    for (name, against) in [("the whole test split", &reference.structures), ("its 20 space groups", &own)] {
        let figures = evaluate(&usable, against)?;
        lines.push(format!(
            "against {name} ({}): COV-P {:.3}, COV-R {:.3}, FD CrystalNN {:.4}, FD CGCNN {}",
            against.len(),
            figures.cov_precision,
            figures.cov_recall,
            figures.fd_crystalnn,
            figures.fd_cgcnn.map_or_else(|| "–".to_owned(), |fd| format!("{fd:.3}"))
        ));
    }
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datasets::{LoadOptions, Source, load};

    #[test]
    fn real_crystals_return() {
        let options = LoadOptions { cache_dir: None, ..LoadOptions::default() };
        let data = load(&Source::Embedded, &options).expect("compiled in");
        let set = ElementSet::Extended;
        let fitting: Vec<(&Structure, Crystal)> = data
            .records()
            .filter_map(|record| Some((&record.structure, Crystal::of(record.unit.as_ref().ok()?, set).ok()?)))
            .step_by(2)
            .take(60)
            .collect();
        assert!(fitting.len() >= 40, "{} crystals", fitting.len());
        let matcher = StructureMatcher::default();
        let (mut yields, mut returned) = (Yield::default(), 0);
        for (number, (structure, crystal)) in (0..).zip(&fitting) {
            let [candidate, ..] = crystal.candidates(set, 0, number);
            let outcome = pgcgm::finish::finish(&candidate, Rounding::default());
            yields.count(outcome.as_ref().map(|_| ()).map_err(|rejection| *rejection));
            if let Ok(unit) = outcome {
                returned += usize::from(matcher.fit(&unit.expand().expect("atoms"), structure).expect("tolerances"));
            }
        }
        // Of MP-20's crystals 98.7 % return; of the prototypes a few lose their symmetry by rounding.
        assert!(returned as f64 >= 0.9 * fitting.len() as f64, "{returned} of {}: {yields:?}", fitting.len());
    }
}
