//! What a shard leaves in its folder.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tensor_ops::precision;

use super::{FILE, Shard};
use crate::output::{writable_folder, write_json};
use crate::provenance::{GIT_REVISION, VERSION, dirty};
use crate::{DeviceName, DruseError};

/// What a shard is of, and what it did: the file [`FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// The command, such as `druse sample`.
    pub command: String,
    /// Which part of the run.
    pub shard: Shard,
    /// Everything that the results of the whole run depend on, by name, the likeliest difference first.
    pub run: Vec<(String, String)>,
    /// What was done; none while the shard is not finished.
    result: Option<Value>,
}

impl ShardRecord {
    /// Notes in `folder` that a shard of this run is being done there; one that was begun or finished there stays as it
    /// is. What the run depends on gets the device, the precision and this build as its last entries.
    ///
    /// # Errors
    /// [`DruseError::Shard`] if another run, or another of its shards, lies there; [`DruseError::Folder`],
    /// [`DruseError::Write`].
    pub fn begin(
        folder: &Path,
        command: &str,
        shard: Shard,
        run: &[(&str, String)],
        device: DeviceName,
    ) -> Result<Self, DruseError> {
        let mut run: Vec<(String, String)> =
            run.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let revision = format!("{VERSION} ({GIT_REVISION}{})", if dirty() { ", changed" } else { "" });
        let place = [("device", device.to_string()), ("precision", precision().to_string()), ("build", revision)];
        run.extend(place.map(|(name, value)| (name.to_owned(), value)));
        let record = Self { command: command.to_owned(), shard, run, result: None };
        if let Some(there) = Self::read(folder)? {
            if (&there.command, there.shard, &there.run) == (&record.command, record.shard, &record.run) {
                return Ok(there);
            }
            let which = if there.run == record.run { "" } else { " of another run" };
            let reason =
                format!("shard {} of `{}`{which} lies there; choose another folder", there.shard, there.command);
            return Err(DruseError::Shard { path: folder.to_owned(), reason });
        }
        writable_folder(folder)?;
        write_json(&folder.join(FILE), &record)?;
        Ok(record)
    }

    /// Notes that the shard is done.
    ///
    /// # Errors
    /// [`DruseError::Write`], [`DruseError::Serialise`].
    pub fn finish(mut self, folder: &Path, result: &impl Serialize) -> Result<(), DruseError> {
        let failed =
            |error: serde_json::Error| DruseError::Serialise { what: "record of a shard", reason: error.to_string() };
        self.result = Some(serde_json::to_value(result).map_err(failed)?);
        write_json(&folder.join(FILE), &self)
    }

    /// The record in a folder, if there is one.
    ///
    /// # Errors
    /// [`DruseError::Shard`] if it is damaged, [`DruseError::Read`].
    pub fn read(folder: &Path) -> Result<Option<Self>, DruseError> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DruseError::Read { path, source }),
        };
        let record = serde_json::from_str(&text);
        record.map(Some).map_err(|error| damaged(&path, &error.to_string()))
    }

    /// Refuses to put a whole run where a shard lies.
    ///
    /// # Errors
    /// [`DruseError::Shard`], [`DruseError::Read`].
    pub fn refuse_in(folder: &Path) -> Result<(), DruseError> {
        match Self::read(folder)? {
            Some(there) => {
                let reason = format!(
                    "shard {} of `{}` lies there, and this is a whole run; choose another folder",
                    there.shard, there.command
                );
                Err(DruseError::Shard { path: folder.to_owned(), reason })
            }
            None => Ok(()),
        }
    }

    /// Whether the shard is done.
    pub fn is_finished(&self) -> bool {
        self.result.is_some()
    }

    /// What was done, if the shard is finished.
    pub(super) fn result<T: DeserializeOwned>(&self, folder: &Path) -> Result<Option<T>, DruseError> {
        let read = |value: &Value| {
            T::deserialize(value).map_err(|error: serde_json::Error| damaged(&folder.join(FILE), &error.to_string()))
        };
        self.result.as_ref().map(read).transpose()
    }
}

fn damaged(path: &Path, reason: &str) -> DruseError {
    let reason = format!("not the record of a shard ({reason}); do the shard again, into another folder");
    DruseError::Shard { path: PathBuf::from(path), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_every_bit_and_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let shard: Shard = "1/2".parse().expect("a part");
        let begin = |shard: Shard, seed: &str| {
            ShardRecord::begin(folder.path(), "druse sample", shard, &[("seed", seed.to_owned())], DeviceName::Cpu)
        };
        assert!(ShardRecord::refuse_in(folder.path()).is_ok());
        let record = begin(shard, "1").expect("a record");
        let numbers = [0.1 + 0.2, 1.0 / 3.0, 123_456_789.123_456_78, 5e-324, -0.0, 7.0];
        record.finish(folder.path(), &numbers).expect("finished");
        let read = ShardRecord::read(folder.path()).expect("a record").expect("a record");
        let back: Vec<f64> = read.result(folder.path()).expect("numbers").expect("finished");
        assert_eq!(back.iter().map(|number| number.to_bits()).collect::<Vec<_>>(), numbers.map(f64::to_bits));
        // The same may be done again, another one may not, and no whole run may lie there.
        assert!(begin(shard, "1").expect("the same").is_finished());
        let error = begin(shard, "2").expect_err("another seed").to_string();
        assert!(error.contains("shard 1/2 of `druse sample` of another run"), "{error}");
        let error = begin("2/2".parse().expect("a part"), "1").expect_err("another shard").to_string();
        assert!(error.contains("shard 1/2 of `druse sample` lies there"), "{error}");
        assert!(ShardRecord::refuse_in(folder.path()).is_err());
        std::fs::write(folder.path().join(FILE), "{}").expect("damaged");
        let error = ShardRecord::read(folder.path()).expect_err("damaged").to_string();
        assert!(error.contains("druse.shard: not the record of a shard"), "{error}");
    }
}
