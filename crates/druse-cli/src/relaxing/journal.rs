//! What a run has finished, line by line, so that an interrupted one goes on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use druse::output::write_file;

use super::{Relaxed, Row};

/// What the run is of.
const RUN: &str = "relax.run";
/// A line for each structure that is done.
const LINES: &str = "relax.journal";

/// The file of finished structures.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal of a folder, and returns what an earlier leg of the same run has finished.
    ///
    /// # Errors
    /// If there is a run and `resume` is not set, if it is another run, or if a file cannot be read or written.
    pub(super) fn open(folder: &Path, identity: &str, resume: bool) -> Result<(Self, HashMap<String, Row<Relaxed>>)> {
        let (run, path) = (folder.join(RUN), folder.join(LINES));
        let mut done = HashMap::new();
        if run.exists() {
            let known = std::fs::read_to_string(&run).with_context(|| format!("{}: cannot be read", run.display()))?;
            if !resume {
                bail!(
                    "{}: a run lies there already; go on with it (--resume) or choose another folder",
                    folder.display()
                );
            }
            if known != identity {
                bail!(
                    "{}: the run there had other structures, options or another potential; go on with those, or choose another \
                     folder",
                    folder.display()
                );
            }
            done = finished(&path)?;
        } else {
            write_file(&run, identity)?;
        }
        // What was cut off while it was written is dropped: the whole lines are written anew.
        let mut lines = String::new();
        for row in done.values() {
            lines += &line(row)?;
        }
        write_file(&path, lines)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok((Self { path, file }, done))
    }

    /// Notes a structure that is done.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub(super) fn add(&mut self, row: &Row<Relaxed>) -> Result<()> {
        let written = self.file.write_all(line(row)?.as_bytes()).and_then(|()| self.file.flush());
        written.with_context(|| format!("{}: cannot be written", self.path.display()))
    }
}

fn line(row: &Row<Relaxed>) -> Result<String> {
    Ok(serde_json::to_string(row).context("a result cannot be written as JSON")? + "\n")
}

/// The whole lines of a journal.
fn finished(path: &Path) -> Result<HashMap<String, Row<Relaxed>>> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let rows = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let rows = rows.filter_map(|line| serde_json::from_str::<Row<Relaxed>>(line).ok());
    Ok(rows.map(|row| (row.id.clone(), row)).collect())
}
