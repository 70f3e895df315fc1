//! The report of a finished run of Table 1: one HTML file with the table, the loss curve, distributions against the
//! test split and a gallery of generated crystals. It is made from the run's folder alone, so `experiments report`
//! makes it again at any time.

pub(crate) mod command;
mod distributions;
mod folder;
mod page;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use crystal_core::Structure;
use datasets::{DataSet, LoadOptions, Split, load, locate};
use druse::output::write_file;
use metrics::Fingerprints;
use rayon::prelude::*;
use report_page::Crystal;

use distributions::Distribution;
pub use distributions::{Properties, of_records};
use folder::FinishedRun;

use crate::table1::reference::Reference;

/// Crystals in the gallery.
const SHOWN: usize = 24;

/// Name of the report in the run's folder.
pub const FILE: &str = "report.html";

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportOptions {
    /// Folder of the run.
    #[arg(long)]
    pub run: PathBuf,
    /// Folder of the data that the run used; default: DRUSE_DATA, else the user's cache, else what is compiled in.
    #[arg(long)]
    pub data: Option<PathBuf>,
}

/// Makes the report of a finished run again. Returns what was written.
///
/// # Errors
/// If the folder holds no finished run, the data are others than the run's, or the report cannot be written.
pub fn run(options: &ReportOptions) -> Result<String> {
    let run = FinishedRun::read(&options.run)?;
    if run.compiled_in {
        return written(&options.run, &run, &Reference::compiled_in()?.properties);
    }
    let data_config = &run.config.data;
    let settings = LoadOptions {
        min_space_group: data_config.min_space_group,
        symprec: data_config.symprec,
        progress: true,
        ..LoadOptions::default()
    };
    let data = load(&locate(options.data.as_deref()), &settings)?;
    check_data(&run, &data)?;
    written(&options.run, &run, &of_records(data.split(Split::Test)))
}

/// Distributions against the test split of other data would compare what was never meant to agree.
fn check_data(run: &FinishedRun, data: &DataSet) -> Result<()> {
    if data.sha256 != run.data_sha256 {
        bail!(
            "{}: the run used {} (SHA-256 {}), but {} (SHA-256 {}) is at hand; name the run's data with --data",
            run.folder().display(),
            run.data_name,
            run.data_sha256,
            data.name,
            data.sha256
        );
    }
    Ok(())
}

/// Makes the report of the run that this process has just finished, and notes the command that made it.
///
/// # Errors
/// If the folder holds no finished run, or a file cannot be written; the run itself is finished all the same, and the
/// message says so.
pub fn finish(folder: &Path, test: &[Properties]) -> Result<()> {
    let make = || {
        write_file(&folder.join(command::FILE), command::of_this_process() + "\n")?;
        written(folder, &FinishedRun::read(folder)?, test)
    };
    let summary = make().with_context(|| {
        format!("the run is finished, its report is not; make it again: experiments report --run {}", folder.display())
    })?;
    tracing::info!("{summary}");
    Ok(())
}

fn written(folder: &Path, run: &FinishedRun, test: &[Properties]) -> Result<String> {
    let html = html(run, test)?;
    let file = folder.join(FILE);
    write_file(&file, &html)?;
    Ok(format!("wrote {} ({:.2} MB)", file.display(), html.len() as f64 / 1e6))
}

fn html(run: &FinishedRun, test: &[Properties]) -> Result<String> {
    let symprec = run.config.data.symprec;
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
    let generated = distributions::of_structures(&valid, symprec);
    let distributions: Vec<Distribution> = distributions::compare(&generated, test);
    let crystals: Vec<Crystal> =
        valid.iter().take(SHOWN).map(|(id, structure)| Crystal::new(id, structure, symprec, run.cif(id))).collect();
    page::page(run, &distributions, &crystals, [generated.len(), test.len()])
}

#[cfg(test)]
mod tests;
