//! The view of a finished run that a report is made of.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;

use crystal_core::Structure;
use training::LossPoint;

use crate::further::Further;
use crate::table::Row;

/// A finished run, as far as its page shows it.
pub struct FinishedRun {
    /// Name of the folder.
    pub name: String,
    /// Rows of the table.
    pub rows: Vec<Row>,
    /// Further figures of every set.
    pub further: Vec<Further>,
    /// First line of `table1.md`: what was run.
    pub heading: String,
    /// Its notes, without bullets.
    pub notes: Vec<String>,
    /// Seconds of each stage.
    pub seconds: BTreeMap<String, f64>,
    /// Name of the data set.
    pub data_name: String,
    /// SHA-256 of the data set.
    pub data_sha256: String,
    /// Tolerance at which symmetry is looked for, Å.
    pub symprec: f64,
    /// The resolved configuration, as its file has it.
    pub config_text: String,
    /// Structures with their ids.
    pub generated: Vec<(String, Structure)>,
    /// Whether each structure is valid, by its id; none if the run did not write it down.
    pub valid: Option<HashMap<String, bool>>,
    /// Losses; empty if the run trained nothing.
    pub curve: Vec<LossPoint>,
    /// The command that made the run, where it was noted.
    pub command: Option<String>,
    /// The folder, as it was named.
    pub folder: PathBuf,
}

impl FinishedRun {
    /// The CIF that the run wrote of a structure, if it is still there.
    pub fn cif(&self, id: &str) -> Option<String> {
        fs::read_to_string(self.folder.join("generated").join(format!("{id}.cif"))).ok()
    }
}
