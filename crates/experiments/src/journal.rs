//! What a run has finished, so that one that was killed goes on.

use std::path::Path;

use anyhow::{Context, Result, bail};
use druse::journal;
use druse::output::write_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The journal of the run that a file beside it describes.
#[derive(Debug)]
pub struct Journal<T>(journal::Journal<T>);

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens `NAME.jsonl` of a folder for the run that `identity` describes, and returns what it has finished so far.
    /// The identity is kept beside it, in `NAME.run`.
    ///
    /// # Errors
    /// If there is a run and `resume` is not set, if it is another run, if a line is damaged, or if a file cannot be
    /// read or written.
    pub fn open(folder: &Path, name: &str, identity: &str, resume: bool) -> Result<(Self, Vec<T>)> {
        let (run, path) = (folder.join(format!("{name}.run")), folder.join(format!("{name}.jsonl")));
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
        } else {
            // Lines without a run are of none.
            write_file(&path, "")?;
            write_file(&run, identity)?;
        }
        let (journal, done) = journal::Journal::open(&path)?;
        Ok((Self(journal), done))
    }

    /// Notes a piece of work that is done.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn add(&mut self, row: &T) -> Result<()> {
        self.0.add(row).context("make room and go on with --resume")
    }
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
