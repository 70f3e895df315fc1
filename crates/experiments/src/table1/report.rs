//! The report of a finished run of Table 1. It is made from the run's folder alone, so `experiments report` makes it
//! again at any time.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use datasets::{DataSet, LoadOptions, Split, load, locate};
use druse::output::write_file;

use super::finished::Finished;
use super::reference::Reference;
use crate::command;
use crate::properties::{Properties, of_records};
use crate::report::{self, FinishedRun};

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
    let Finished { run, config, compiled_in } = Finished::read(&options.run)?;
    if compiled_in {
        return report::write(&run, &Reference::compiled_in()?.properties);
    }
    let data_config = &config.data;
    let settings = LoadOptions {
        min_space_group: data_config.min_space_group,
        symprec: data_config.symprec,
        progress: true,
        ..LoadOptions::default()
    };
    let data = load(&locate(options.data.as_deref()), &settings)?;
    check_data(&run, &data)?;
    report::write(&run, &of_records(data.split(Split::Test)))
}

/// Distributions against the test split of other data would compare what was never meant to agree.
fn check_data(run: &FinishedRun, data: &DataSet) -> Result<()> {
    if data.sha256 != run.data_sha256 {
        bail!(
            "{}: the run used {} (SHA-256 {}), but {} (SHA-256 {}) is at hand; name the run's data with --data",
            run.folder.display(),
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
        report::write(&Finished::read(folder)?.run, test)
    };
    let summary = make().with_context(|| {
        format!("the run is finished, its report is not; make it again: experiments report --run {}", folder.display())
    })?;
    tracing::info!("{summary}");
    Ok(())
}

#[cfg(test)]
mod tests;
