//! What a long run has finished, line by line, so that one that was killed goes on.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::DruseError;
use crate::output::write_file;

/// A file with a line of JSON for each finished piece of work. A line is handed to the system as soon as its piece is
/// done: a kill loses at most what is in flight.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    kind: PhantomData<fn(&T) -> T>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens a journal, or makes an empty one, and returns what is in it. A last line without an end was cut off when
    /// the run was killed: it is dropped, with a warning. A damaged line anywhere else is an error: without it the run
    /// would not be the one that was begun.
    ///
    /// # Errors
    /// [`DruseError::JournalLine`], [`DruseError::Read`], [`DruseError::Write`].
    pub fn open(path: &Path) -> Result<(Self, Vec<T>), DruseError> {
        let found = match std::fs::read(path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(DruseError::Read { path: path.to_owned(), source }),
        };
        let bytes = found.as_deref().unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let entries = bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate();
        let entries = entries
            .map(|(index, line)| {
                serde_json::from_slice(line).map_err(|error| DruseError::JournalLine {
                    path: path.to_owned(),
                    line: index + 1,
                    reason: error.to_string(),
                })
            })
            .collect::<Result<Vec<T>, _>>()?;
        if whole < bytes.len() {
            tracing::warn!(
                "{}:{}: this line was cut off when the run ended; its work is done again",
                path.display(),
                entries.len() + 1
            );
        }
        if found.is_none() || whole < bytes.len() {
            write_file(path, &bytes[..whole])?;
        }
        let file = OpenOptions::new().append(true).open(path);
        let file = file.map_err(|source| DruseError::Write { path: path.to_owned(), source })?;
        Ok((Self { path: path.to_owned(), file, kind: PhantomData }, entries))
    }

    /// Notes a piece of work that is done. A later leg reads the same, to the last bit of every number.
    ///
    /// # Errors
    /// [`DruseError::Write`], [`DruseError::Serialise`].
    pub fn add(&mut self, entry: &T) -> Result<(), DruseError> {
        let failed =
            |error: serde_json::Error| DruseError::Serialise { what: "line of the journal", reason: error.to_string() };
        let line = serde_json::to_string(entry).map_err(failed)? + "\n";
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush());
        written.map_err(|source| DruseError::Write { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Journal::<Vec<f64>>::open(&folder.path().join("work.jsonl")).expect("a journal");
        // Digits without a pattern, over the exponents of what is measured.
        let number = |n: i32| f64::from(n).sqrt().sin() * 10_f64.powi(n % 40 - 20);
        let numbers: Vec<f64> = (1..20_000).map(number).collect();
        open().0.add(&numbers).expect("a line");
        let (_, read) = open();
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert!(bits(&read[0]) == bits(&numbers), "a number lost a bit");
    }

    #[test]
    fn a_line_that_was_cut_off_is_dropped_and_a_damaged_one_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("work.jsonl");
        let open = || Journal::<(String, u8)>::open(&path);
        let (mut journal, done) = open().expect("a new journal");
        assert!(done.is_empty() && path.exists());
        journal.add(&("a".to_owned(), 1)).expect("a line");
        drop(journal);
        let whole = std::fs::read(&path).expect("lines");
        // Killed within the second line, in the middle of a letter.
        std::fs::write(&path, [whole.as_slice(), b"[\"\xc3"].concat()).expect("lines");
        let (mut journal, done) = open().expect("a journal that was cut off");
        assert_eq!(done, [("a".to_owned(), 1)]);
        assert_eq!(std::fs::read(&path).expect("lines"), whole);
        journal.add(&("b".to_owned(), 2)).expect("a line");
        assert_eq!(open().expect("two lines").1.len(), 2);
        for damaged in ["nonsense\n", "[\"a\",300]\n", "\n", "[\"\u{0}\",1]\n"] {
            std::fs::write(&path, format!("[\"a\",1]\n{damaged}[\"b\",2]\n")).expect("lines");
            let error = open().expect_err("a damaged line");
            assert!(matches!(&error, DruseError::JournalLine { line: 2, .. }), "{error}");
            assert!(error.to_string().contains("work.jsonl:2: not a line"), "{error}");
        }
        std::fs::write(&path, b"\xff\xff\n").expect("lines");
        assert!(matches!(open(), Err(DruseError::JournalLine { line: 1, .. })));
    }
}
