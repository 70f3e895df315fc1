//! The report of a finished run: one HTML file with the table, the loss curve, distributions against the test split and
//! a gallery of generated crystals. It is made of a [`FinishedRun`] and knows no table.

mod distributions;
mod finished;
mod page;

use anyhow::Result;
use crystal_core::Structure;
use druse::output::write_file;
use metrics::Fingerprints;
use rayon::prelude::*;
use report_page::Crystal;

use distributions::Distribution;
pub use finished::FinishedRun;

use crate::properties::{self, Properties};

/// Crystals in the gallery.
pub(crate) const SHOWN: usize = 24;

/// Name of the report in the run's folder.
pub const FILE: &str = "report.html";

/// Writes the report into the folder of the run; `test` are the properties of the test split. Returns what was written.
///
/// # Errors
/// If the report cannot be written.
pub(crate) fn write(run: &FinishedRun, test: &[Properties]) -> Result<String> {
    let html = html(run, test)?;
    let file = run.folder.join(FILE);
    write_file(&file, &html)?;
    Ok(format!("wrote {} ({:.2} MB)", file.display(), html.len() as f64 / 1e6))
}

pub(crate) fn html(run: &FinishedRun, test: &[Properties]) -> Result<String> {
    let symprec = run.symprec;
    let is_valid = |id: &str, structure: &Structure| match run.valid.as_ref().and_then(|valid| valid.get(id)) {
        Some(valid) => *valid,
        None => Fingerprints::of(structure).is_valid(),
    };
    let valid: Vec<(&str, &Structure)> = run
        .generated
        .par_iter()
        .filter(|(id, structure)| is_valid(id, structure))
        .map(|(id, structure)| (id.as_str(), structure))
        .collect();
    let generated = properties::of_structures(&valid, symprec);
    let distributions: Vec<Distribution> = distributions::compare(&generated, test);
    let crystals: Vec<Crystal> =
        valid.iter().take(SHOWN).map(|(id, structure)| Crystal::new(id, structure, symprec, run.cif(id))).collect();
    page::page(run, &distributions, &crystals, [generated.len(), test.len()])
}
