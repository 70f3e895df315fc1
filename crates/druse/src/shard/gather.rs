//! All shards of a run, or what is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealed_file::sha256_hex;
use serde::de::DeserializeOwned;

use super::{FILE, ShardRecord};
use crate::DruseError;
use crate::output::{writable_folder, write_file};

/// A finished shard.
#[derive(Debug, Clone)]
pub struct Part<T> {
    /// Where it lies.
    pub folder: PathBuf,
    /// What it did.
    pub result: T,
}

/// All shards of one run.
#[derive(Debug, Clone)]
pub struct Shards {
    /// The command.
    pub command: String,
    /// By number.
    records: BTreeMap<usize, (PathBuf, ShardRecord)>,
}

impl Shards {
    /// Reads the records of folders and checks that they are all shards of one run, each once and finished.
    ///
    /// # Errors
    /// [`DruseError::Shard`] says what is missing or differs, and where; [`DruseError::Read`].
    pub fn gather(folders: &[PathBuf]) -> Result<Self, DruseError> {
        let read = |folder: &PathBuf| match ShardRecord::read(folder)? {
            Some(record) => Ok((folder.clone(), record)),
            None => {
                let reason = format!("no shard lies there (there is no {FILE}); name folders that --shard K/N wrote");
                Err(refused(folder, reason))
            }
        };
        let all = folders.iter().map(read).collect::<Result<Vec<_>, DruseError>>()?;
        let Some((first_folder, first)) = all.first().cloned() else {
            return Err(refused(Path::new("."), "no folder is named; name those that --shard K/N wrote".to_owned()));
        };
        let mut records: BTreeMap<usize, (PathBuf, ShardRecord)> = BTreeMap::new();
        for (folder, record) in all {
            if let Some(difference) = difference(&record, &first) {
                let reason =
                    format!("{difference} in {}; only shards of one run can be joined", first_folder.display());
                return Err(refused(&folder, reason));
            }
            if let Some((other, _)) = records.insert(record.shard.number(), (folder.clone(), record.clone())) {
                let reason = format!("shard {}, as is {}; leave one of the two out", record.shard, other.display());
                return Err(refused(&folder, reason));
            }
        }
        let of = first.shard.of();
        let missing: Vec<String> =
            (1..=of).filter(|number| !records.contains_key(number)).map(|number| format!("{number}/{of}")).collect();
        if !missing.is_empty() {
            // Of thousands a few are enough to begin with.
            const SHOWN: usize = 8;
            let more = missing.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let reason = format!(
                "of `{}` in {of} shards {}{more} {} missing; do them with --shard and name their folders too",
                first.command,
                missing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "),
                if missing.len() == 1 { "is" } else { "are" },
            );
            return Err(refused(&first_folder, reason));
        }
        if let Some((folder, record)) = records.values().find(|(_, record)| !record.is_finished()) {
            let reason = format!("shard {} is not finished; do its command again to the end", record.shard);
            return Err(refused(folder, reason));
        }
        Ok(Self { command: first.command, records })
    }

    /// What the shards did, in their order.
    ///
    /// # Errors
    /// [`DruseError::Shard`] if a record is damaged.
    pub fn parts<T: DeserializeOwned>(&self) -> Result<Vec<Part<T>>, DruseError> {
        let part = |(folder, record): &(PathBuf, ShardRecord)| {
            let result = record.result(folder)?.ok_or_else(|| refused(folder, "not finished".to_owned()))?;
            Ok(Part { folder: folder.clone(), result })
        };
        self.records.values().map(part).collect()
    }

    /// One of the things that the run depends on.
    pub fn said(&self, name: &str) -> Option<&str> {
        let (_, record) = self.records.values().next()?;
        record.run.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a record says differently than the first.
fn difference(record: &ShardRecord, first: &ShardRecord) -> Option<String> {
    let here = |what: &str, here: &str, there: &str| Some(format!("{what} {here} here and {there}"));
    if record.command != first.command {
        return here("a run of", &format!("`{}`", record.command), &format!("`{}`", first.command));
    }
    if record.shard.of() != first.shard.of() {
        return here("shard", &record.shard.to_string(), &first.shard.to_string());
    }
    let other = |((name, value), (other_name, other)): (&(String, String), &(String, String))| {
        (name != other_name || value != other).then(|| format!("{name} {value} here and {other_name} {other}"))
    };
    let lengths = || (record.run.len() != first.run.len()).then(|| "other settings here than".to_owned());
    record.run.iter().zip(&first.run).find_map(other).or_else(lengths)
}

/// The pieces of all shards in the order of the whole run; each piece comes with its number.
///
/// # Errors
/// [`DruseError::Shard`] if a piece is missing or there twice: then a record is damaged.
pub fn assemble<T>(parts: Vec<Part<Vec<(usize, T)>>>, pieces: usize) -> Result<Vec<(PathBuf, T)>, DruseError> {
    let n_parts = parts.len();
    let mut all: BTreeMap<usize, (PathBuf, T)> = BTreeMap::new();
    let mut folders = Vec::new();
    for (index, Part { folder, result }) in parts.into_iter().enumerate() {
        for (number, piece) in result {
            if number % n_parts != index || number >= pieces || all.insert(number, (folder.clone(), piece)).is_some() {
                return Err(refused(
                    &folder.join(FILE),
                    format!("piece {number} is not of this shard, or there twice"),
                ));
            }
        }
        folders.push(folder);
    }
    match (0..pieces).find(|number| !all.contains_key(number)) {
        Some(number) => {
            let reason = format!("piece {number} of {pieces} is missing; do the shard again, into another folder");
            Err(refused(&folders[number % n_parts].join(FILE), reason))
        }
        None => Ok(all.into_values().collect()),
    }
}

/// Copies a file of a shard, which must still have the content with which it was written.
///
/// # Errors
/// [`DruseError::Read`], [`DruseError::Write`]; [`DruseError::Shard`] if it has another SHA-256.
pub fn copy_file(from: &Path, sha256: &str, to: &Path) -> Result<(), DruseError> {
    let bytes = std::fs::read(from).map_err(|source| DruseError::Read { path: from.to_owned(), source })?;
    if sha256_hex(&bytes) != sha256 {
        let reason = "not the file that the shard wrote; do the shard again, into another folder".to_owned();
        return Err(refused(from, reason));
    }
    write_file(to, bytes)
}

/// A folder for what comes of the shards: new, or empty.
///
/// # Errors
/// [`DruseError::Shard`] if there is something in it, [`DruseError::Folder`].
pub fn new_folder(folder: &Path) -> Result<(), DruseError> {
    writable_folder(folder)?;
    let mut files = std::fs::read_dir(folder).map_err(|source| DruseError::Read { path: folder.to_owned(), source })?;
    if files.next().is_some() {
        return Err(refused(folder, "the folder holds files already; choose an empty one".to_owned()));
    }
    Ok(())
}

fn refused(path: &Path, reason: String) -> DruseError {
    DruseError::Shard { path: path.to_owned(), reason }
}

impl<T> Part<T> {
    /// The same shard with something made of its result.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Part<U> {
        Part { folder: self.folder, result: make(self.result) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceName, Shard};

    fn shard(root: &Path, name: &str, command: &str, shard: &str, seed: u64, finished: bool) -> PathBuf {
        let folder = root.join(name);
        let run = [("seed", seed.to_string())];
        let shard: Shard = shard.parse().expect("a part");
        let record = ShardRecord::begin(&folder, command, shard, &run, DeviceName::Cpu).expect("a record");
        if finished {
            let pieces: Vec<(usize, String)> =
                (0..5).filter(|piece| shard.has(*piece)).map(|piece| (piece, format!("piece {piece}"))).collect();
            record.finish(&folder, &pieces).expect("finished");
        }
        folder
    }

    #[test]
    fn shards_are_joined_in_the_order_of_the_run() {
        let root = tempfile::tempdir().expect("a folder");
        let folders = ["3/3", "1/3", "2/3"].map(|part| shard(root.path(), &part[..1], "druse sample", part, 7, true));
        let shards = Shards::gather(&folders).expect("a whole run");
        assert_eq!((shards.command.as_str(), shards.said("seed")), ("druse sample", Some("7")));
        let pieces = assemble(shards.parts::<Vec<(usize, String)>>().expect("parts"), 5).expect("all");
        let texts: Vec<&str> = pieces.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["piece 0", "piece 1", "piece 2", "piece 3", "piece 4"]);
        let error = assemble(shards.parts::<Vec<(usize, String)>>().expect("parts"), 6).expect_err("one is missing");
        assert!(error.to_string().contains("piece 5 of 6 is missing"), "{error}");
    }

    #[test]
    fn what_is_not_one_run_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let make = |name: &str, command: &str, part: &str, seed, finished| {
            shard(root.path(), name, command, part, seed, finished)
        };
        let one = make("one", "druse sample", "1/3", 7, true);
        let two = make("two", "druse sample", "2/3", 7, true);
        let refusal = |folders: &[&PathBuf]| {
            let folders: Vec<PathBuf> = folders.iter().map(|folder| (*folder).clone()).collect();
            Shards::gather(&folders).expect_err("refused").to_string()
        };
        let says = |message: &str, said: &[&str]| {
            assert!(said.iter().all(|said| message.contains(said)), "{said:?} is missing in: {message}");
        };
        says(&refusal(&[&one]), &["2/3, 3/3 are missing", "--shard"]);
        says(&refusal(&[&one, &two]), &["3/3 is missing"]);
        says(&refusal(&[&one, &make("again", "druse sample", "1/3", 7, true)]), &["shard 1/3, as is", "leave one"]);
        says(
            &refusal(&[&one, &make("seed", "druse sample", "2/3", 8, true)]),
            &["seed 8 here and seed 7 in", "one run"],
        );
        says(
            &refusal(&[&one, &make("relax", "druse relax", "2/3", 7, true)]),
            &["`druse relax` here and `druse sample`"],
        );
        says(&refusal(&[&one, &make("four", "druse sample", "2/4", 7, true)]), &["shard 2/4 here and 1/3"]);
        says(&refusal(&[&one, &two, &make("open", "druse sample", "3/3", 7, false)]), &["shard 3/3 is not finished"]);
        says(&refusal(&[&root.path().to_owned()]), &["no shard lies there", "--shard K/N"]);
        says(&refusal(&[]), &["no folder is named"]);
    }

    #[test]
    fn a_changed_file_and_a_full_folder_are_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let (from, to) = (root.path().join("a.cif"), root.path().join("b.cif"));
        std::fs::write(&from, "data_a").expect("written");
        copy_file(&from, &sha256_hex(b"data_a"), &to).expect("copied");
        let error = copy_file(&from, &sha256_hex(b"data_b"), &to).expect_err("changed").to_string();
        assert!(error.contains("a.cif: not the file that the shard wrote"), "{error}");
        assert!(new_folder(root.path()).is_err_and(|error| error.to_string().contains("an empty one")));
        assert!(new_folder(&root.path().join("new")).is_ok());
    }
}
