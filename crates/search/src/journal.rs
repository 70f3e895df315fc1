//! What a search has finished, line by line, so that one that was killed goes on.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use druse::DruseError;
use druse::output::{writable_folder, write_file};
use serde::{Deserialize, Serialize};

use crate::record::Entry;
use crate::{SearchError, Settings, Tool};

/// What the search is of.
const RUN: &str = "search.run.json";
/// A line for each finished piece of work.
const LINES: &str = "search.jsonl";

/// What makes two legs one search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Its settings.
    pub settings: Settings,
    /// The network.
    pub network: Tool,
    /// The network that proposes crystals, where the orders come from it.
    #[serde(default)]
    pub proposer: Option<Tool>,
    /// The potential.
    pub potential: Tool,
    /// The reference of the hull.
    pub reference: Tool,
    /// Structures that are known beside the reference.
    pub known: Option<Tool>,
}

impl Identity {
    /// What another one differs in.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let parts = [
            ("network", self.network.sha256 != other.network.sha256),
            (
                "proposer",
                self.proposer.as_ref().map(|tool| &tool.sha256) != other.proposer.as_ref().map(|tool| &tool.sha256),
            ),
            ("potential", self.potential.sha256 != other.potential.sha256),
            ("reference of the hull", self.reference.sha256 != other.reference.sha256),
            (
                "set of known structures",
                self.known.as_ref().map(|tool| &tool.sha256) != other.known.as_ref().map(|tool| &tool.sha256),
            ),
            ("seed", self.settings.seed != other.settings.seed),
            ("system, formula or setting", self.settings != other.settings),
        ];
        parts.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
    }
}

/// The file of finished work.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal of a folder; returns what an earlier leg of the same search has finished.
    ///
    /// # Errors
    /// [`SearchError::RunExists`] without `resume`, [`SearchError::OtherRun`]; if a file cannot be read or written.
    pub(crate) fn open(folder: &Path, identity: &Identity, resume: bool) -> Result<(Self, Vec<Entry>), SearchError> {
        writable_folder(folder)?;
        let (run, path) = (folder.join(RUN), folder.join(LINES));
        let (mut lines, mut entries) = (String::new(), Vec::new());
        if run.exists() {
            if !resume {
                return Err(SearchError::RunExists { path: folder.to_owned() });
            }
            let other =
                |difference: &str| SearchError::OtherRun { path: folder.to_owned(), difference: difference.to_owned() };
            let text = read(&run)?;
            let known: Identity = serde_json::from_str(&text).map_err(|_| other("format"))?;
            if let Some(difference) = identity.difference(&known) {
                return Err(other(difference));
            }
            if path.exists() {
                (lines, entries) = finished(&read(&path)?);
            }
        } else {
            druse::output::write_json(&run, identity)?;
        }
        // What was cut off while it was written is dropped.
        write_file(&path, lines)?;
        let opened = OpenOptions::new().append(true).open(&path);
        let file = opened.map_err(|source| DruseError::Write { path: path.clone(), source })?;
        Ok((Self { path, file }, entries))
    }

    /// Notes finished work, and returns it as a later leg will read it.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<Entry, SearchError> {
        let text = line(entry)?;
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.flush());
        written.map_err(|source| DruseError::Write { path: self.path.clone(), source })?;
        // Numbers may lose their last digit in a text: both legs of a search must have the same.
        serde_json::from_str(&text).map_err(|error| text_error(&error))
    }
}

fn read(path: &Path) -> Result<String, DruseError> {
    std::fs::read_to_string(path).map_err(|source| DruseError::Read { path: path.to_owned(), source })
}

fn text_error(error: &serde_json::Error) -> SearchError {
    SearchError::Text { what: "a line of the journal", reason: error.to_string() }
}

fn line(entry: &Entry) -> Result<String, SearchError> {
    Ok(serde_json::to_string(entry).map_err(|error| text_error(&error))? + "\n")
}

/// The whole lines of a journal, as they are and as entries.
fn finished(text: &str) -> (String, Vec<Entry>) {
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.filter_map(|line| Some((line, serde_json::from_str::<Entry>(line).ok()?))).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(seed: u64) -> Identity {
        let tool = |name: &str| Tool { name: name.to_owned(), sha256: name.to_owned() };
        let elements = ["Na", "Cl"].map(|symbol| symbol.parse().expect("an element")).into();
        Identity {
            settings: Settings::new(elements).with_seed(seed),
            network: tool("network"),
            proposer: None,
            potential: tool("potential"),
            reference: tool("reference"),
            known: None,
        }
    }

    #[test]
    fn a_cut_line_is_dropped_and_the_rest_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut journal, entries) = Journal::open(folder.path(), &identity(1), false).expect("a new journal");
        assert!(entries.is_empty());
        for rounds in 1..=3 {
            journal.add(&Entry::Rounds(rounds)).expect("written");
        }
        drop(journal);
        let path = folder.path().join(LINES);
        let text = std::fs::read_to_string(&path).expect("a journal");
        std::fs::write(&path, &text[..text.len() - 2]).expect("cut off");
        let (_, entries) = Journal::open(folder.path(), &identity(1), true).expect("the same search");
        assert_eq!(entries, [Entry::Rounds(1), Entry::Rounds(2)]);
    }

    #[test]
    fn other_searches_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        Journal::open(folder.path(), &identity(1), false).expect("a new journal");
        let error = |identity: &Identity, resume| {
            Journal::open(folder.path(), identity, resume).expect_err("refused").to_string()
        };
        assert!(error(&identity(1), false).contains("--resume"));
        assert!(error(&identity(2), true).contains("another seed"));
        let mut other = identity(1);
        other.potential.sha256 = "other".to_owned();
        assert!(error(&other, true).contains("another potential"));
    }
}
