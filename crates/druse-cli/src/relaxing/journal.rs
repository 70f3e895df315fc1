//! What a run has finished, so that an interrupted one goes on.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use druse::journal;
use druse::output::write_file;

use super::{Relaxed, Row};

/// What the run is of.
pub(super) const RUN: &str = "relax.run";
/// A line for each structure that is done.
pub(super) const LINES: &str = "relax.journal";

/// The file of finished structures.
pub(super) type Journal = journal::Journal<Row<Relaxed>>;

/// Opens the journal of a folder, and returns what an earlier leg of the same run has finished, by id.
///
/// # Errors
/// If there is a run and `resume` is not set, if it is another run, if a line is damaged, or if a file cannot be read
/// or written.
pub(super) fn open(folder: &Path, identity: &str, resume: bool) -> Result<(Journal, HashMap<String, Row<Relaxed>>)> {
    let (run, path) = (folder.join(RUN), folder.join(LINES));
    if run.exists() {
        let known = std::fs::read_to_string(&run).with_context(|| format!("{}: cannot be read", run.display()))?;
        if !resume {
            bail!("{}: a run lies there already; go on with it (--resume) or choose another folder", folder.display());
        }
        if known != identity {
            bail!(
                "{}: the run there had other structures, options or another potential; go on with those, or choose another \
                 folder",
                folder.display()
            );
        }
    } else {
        // Lines without a run are of none.
        write_file(&path, "")?;
        write_file(&run, identity)?;
    }
    let (journal, rows) = Journal::open(&path)?;
    Ok((journal, rows.into_iter().map(|row| (row.id.clone(), row)).collect()))
}
