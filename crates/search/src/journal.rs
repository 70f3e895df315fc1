//! What a search has finished, line by line, so that one that was killed goes on.

use std::path::{Path, PathBuf};

use druse::output::{writable_folder, write_file};
use druse::{DruseError, Shard, journal};
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
    /// Which part of the search, if it is not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
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
            ("shard", self.shard != other.shard),
            ("seed", self.settings.seed != other.settings.seed),
            ("system, formula or setting", self.settings != other.settings),
        ];
        parts.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
    }
}

/// The file of finished work.
pub(crate) type Journal = journal::Journal<Entry>;

/// Opens the journal of a folder; returns what an earlier leg of the same search has finished.
///
/// # Errors
/// [`SearchError::RunExists`] without `resume`, [`SearchError::OtherRun`]; if a line is damaged, or a file cannot be
/// read or written.
pub(crate) fn open(folder: &Path, identity: &Identity, resume: bool) -> Result<(Journal, Vec<Entry>), SearchError> {
    writable_folder(folder)?;
    let (run, path) = (folder.join(RUN), folder.join(LINES));
    if run.exists() {
        if !resume {
            return Err(SearchError::RunExists { path: folder.to_owned() });
        }
        let other =
            |difference: &str| SearchError::OtherRun { path: folder.to_owned(), difference: difference.to_owned() };
        let known: Identity = serde_json::from_str(&read(&run)?).map_err(|_| other("format"))?;
        if let Some(difference) = identity.difference(&known) {
            return Err(other(difference));
        }
    } else {
        // Lines without a run are of none.
        write_file(&path, "")?;
        druse::output::write_json(&run, identity)?;
    }
    Ok(Journal::open(&path)?)
}

/// Makes one search of its shards: a folder in which all samples are done, as after a kill before the first round was
/// counted. Lines are taken over as they stand, so that every number is the one that the whole search reads.
///
/// # Errors
/// If a file cannot be read or written, or the shards are not of one search.
pub fn join_shards(folders: &[PathBuf], out: &Path) -> Result<Settings, SearchError> {
    let mut lines = String::new();
    let mut joined: Option<Identity> = None;
    for folder in folders {
        let other =
            |difference: &str| SearchError::OtherRun { path: folder.to_owned(), difference: difference.to_owned() };
        let identity: Identity = serde_json::from_str(&read(&folder.join(RUN))?).map_err(|_| other("format"))?;
        let whole = Identity { shard: None, ..identity };
        if let Some(difference) = joined.as_ref().and_then(|first| whole.difference(first)) {
            return Err(other(difference));
        }
        joined.get_or_insert(whole);
        let path = folder.join(LINES);
        // Reads them once to refuse damaged ones here, where the file is named.
        let (_, entries) = Journal::open(&path)?;
        let text = read(&path)?;
        let of_samples = |(_, entry): &(&str, Entry)| matches!(entry, Entry::Relaxed(_) | Entry::Lost(_));
        lines.extend(text.split_inclusive('\n').zip(entries).filter(of_samples).map(|(line, _)| line));
    }
    let identity = joined.ok_or(SearchError::NothingAsked)?;
    writable_folder(out)?;
    write_file(&out.join(LINES), lines)?;
    druse::output::write_json(&out.join(RUN), &identity)?;
    Ok(identity.settings)
}

fn read(path: &Path) -> Result<String, DruseError> {
    std::fs::read_to_string(path).map_err(|source| DruseError::Read { path: path.to_owned(), source })
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
            shard: None,
        }
    }

    #[test]
    fn a_cut_line_is_dropped_and_the_rest_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut journal, entries) = open(folder.path(), &identity(1), false).expect("a new journal");
        assert!(entries.is_empty());
        for rounds in 1..=3 {
            journal.add(&Entry::Rounds(rounds)).expect("written");
        }
        drop(journal);
        let path = folder.path().join(LINES);
        let text = std::fs::read_to_string(&path).expect("a journal");
        std::fs::write(&path, &text[..text.len() - 2]).expect("cut off");
        let (_, entries) = open(folder.path(), &identity(1), true).expect("the same search");
        assert_eq!(entries, [Entry::Rounds(1), Entry::Rounds(2)]);
        // Half a line in the middle does not come from a kill: a search without it would be another one.
        let lines: Vec<&str> = text.lines().collect();
        std::fs::write(&path, [lines[0], &lines[1][..3], lines[2], ""].join("\n")).expect("damaged");
        let error = open(folder.path(), &identity(1), true).expect_err("a damaged line").to_string();
        assert!(error.contains("search.jsonl:2: not a line of this run"), "{error}");
    }

    #[test]
    fn other_searches_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path(), &identity(1), false).expect("a new journal");
        let error =
            |identity: &Identity, resume| open(folder.path(), identity, resume).expect_err("refused").to_string();
        assert!(error(&identity(1), false).contains("--resume"));
        assert!(error(&identity(2), true).contains("another seed"));
        let mut other = identity(1);
        other.potential.sha256 = "other".to_owned();
        assert!(error(&other, true).contains("another potential"));
        let shard = "1/2".parse().ok();
        assert!(error(&Identity { shard, ..identity(1) }, true).contains("another shard"));
    }
}
