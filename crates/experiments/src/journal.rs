//! What a run has finished, line by line, so that a run that was killed goes on.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use druse::output::write_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file with a line of JSON for each finished piece of work. A line is handed to the system as soon as its piece is
/// done: a kill loses at most what is in flight.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    kind: PhantomData<fn(&T)>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens `NAME.jsonl` of a folder for the run that `identity` describes, and returns what it has finished so far.
    /// The identity is kept beside it, in `NAME.run`.
    ///
    /// # Errors
    /// If there is a run and `resume` is not set, if it is another run, or if a file cannot be read or written.
    pub fn open(folder: &Path, name: &str, identity: &str, resume: bool) -> Result<(Self, Vec<T>)> {
        let (run, path) = (folder.join(format!("{name}.run")), lines_of(folder, name));
        let mut done = Vec::new();
        if run.exists() {
            let known = std::fs::read_to_string(&run).with_context(|| format!("{}: cannot be read", run.display()))?;
            if !resume {
                bail!(
                    "{}: a run lies there already; go on with it (--resume) or choose another --out",
                    folder.display()
                );
            }
            if known != identity {
                bail!(
                    "{}: the run there had other data, settings or another potential; go on with those, or choose another \
                     --out\nthere:\n{known}here:\n{identity}",
                    run.display()
                );
            }
            done = read(&path)?;
        } else {
            write_file(&run, identity)?;
        }
        // A line that was cut off is dropped: the whole ones are written anew.
        let mut lines = String::new();
        for row in &done {
            lines += &line(row)?;
        }
        write_file(&path, lines)?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok((Self { path, file, kind: PhantomData }, done))
    }

    /// Notes a piece of work that is done.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn add(&mut self, row: &T) -> Result<()> {
        let written = self.file.write_all(line(row)?.as_bytes()).and_then(|()| self.file.flush());
        written
            .with_context(|| format!("{}: cannot be written; make room and go on with --resume", self.path.display()))
    }
}

/// The file of the lines.
fn lines_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.jsonl"))
}

fn line<T: Serialize>(row: &T) -> Result<String> {
    Ok(serde_json::to_string(row).context("a result cannot be written as JSON")? + "\n")
}

/// The whole lines of a file; a last line without an end was cut off and is left out.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let text = String::from_utf8_lossy(&text);
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| {
                format!(
                    "{}:{}: not a line of this run; delete the line to do its work again",
                    path.display(),
                    index + 1
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_where_it_was_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |identity: &str, resume| Journal::<(String, u8)>::open(folder.path(), "work", identity, resume);
        let (mut journal, done) = open("this\n", false).expect("a new run");
        assert!(done.is_empty());
        journal.add(&("a".to_owned(), 1)).expect("a line");
        drop(journal);
        // Killed within the second line.
        let path = folder.path().join("work.jsonl");
        let mut text = std::fs::read(&path).expect("lines");
        text.extend(b"[\"b\",");
        std::fs::write(&path, text).expect("lines");
        assert!(open("this\n", false).expect_err("not asked to go on").to_string().contains("--resume"));
        assert!(open("that\n", true).expect_err("another run").to_string().contains("other data"));
        let (mut journal, done) = open("this\n", true).expect("the same run");
        assert_eq!(done, [("a".to_owned(), 1)]);
        journal.add(&("b".to_owned(), 2)).expect("a line");
        let (_, done) = open("this\n", true).expect("the same run");
        assert_eq!(done.len(), 2);
        std::fs::write(&path, "[\"a\",1]\nnonsense\n[\"b\",2]\n").expect("lines");
        let error = format!("{:#}", open("this\n", true).expect_err("damaged"));
        assert!(error.contains("work.jsonl:2: not a line"), "{error}");
    }
}
