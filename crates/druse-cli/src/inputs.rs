//! The structures that a command is given, and what became of each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use crystal_core::{DisorderedStructure, Structure, io};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Completion, message, terminal, values};

/// A structure as read, or why it could not be read.
pub(super) struct Input {
    /// The id of its line, or the name of its file without ending.
    pub id: String,
    /// Where it stands, for messages.
    place: String,
    /// The structure or a message that names file and place.
    pub structure: Result<Structure, String>,
    /// The structure with its occupancies, where these are what is wrong.
    pub disordered: Option<DisorderedStructure>,
}

/// How the files of a command are read.
#[derive(Debug, Default, Args)]
pub(super) struct ReadArgs {
    /// Images of one site of a CIF closer than this (Å) are one atom, whose coordinates were rounded [default: 0.5]
    #[arg(long, value_name = "DISTANCE", value_parser = values::merge_distance, allow_negative_numbers = true)]
    merge_distance: Option<f64>,
}

impl ReadArgs {
    /// Whether anything was said.
    pub(super) fn is_given(&self) -> bool {
        self.merge_distance.is_some()
    }

    /// The readers' options.
    pub(super) fn options(&self) -> io::ReadOptions {
        let options = io::ReadOptions::default();
        self.merge_distance.map_or(options, |distance| options.with_merge_distance(distance))
    }
}

/// What became of a structure, as the documents print it: numbers, or an error and no numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row<T> {
    /// The structure's id.
    pub id: String,
    /// The result.
    #[serde(flatten)]
    pub numbers: Option<T>,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl<T> Row<T> {
    /// The row of a result.
    pub(super) fn of(id: String, result: Result<T, String>) -> Self {
        match result {
            Ok(numbers) => Self { id, numbers: Some(numbers), error: None },
            Err(error) => Self { id, numbers: None, error: Some(error) },
        }
    }
}

impl Input {
    /// An input as it was read from `place`.
    #[cfg(test)]
    pub(super) fn new(id: String, place: String, structure: Result<Structure, String>) -> Self {
        Self { id, place, structure, disordered: None }
    }

    /// The message of an error that concerns this structure.
    pub(super) fn failed(&self, error: &(dyn std::error::Error + 'static)) -> String {
        format!("{}: {}", self.place, message::of_std(error))
    }

    /// What became of this input, under its own id.
    pub(super) fn with(&self, id: String, structure: Result<Structure, String>) -> Self {
        Self { id, place: self.place.clone(), structure, disordered: None }
    }

    /// Where the structure stands, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Applies `work` to the structure if there is one; an error gets the structure's place put in front.
    pub(super) fn map<T, E: std::error::Error + 'static>(
        &self,
        work: impl FnOnce(&Structure) -> Result<T, E>,
    ) -> Row<T> {
        let result = match &self.structure {
            Ok(structure) => work(structure).map_err(|error| self.failed(&error)),
            Err(error) => Err(error.clone()),
        };
        Row::of(self.id.clone(), result)
    }
}

/// Reads every structure of every path. What cannot be read stands in the list with its error; what the readers took
/// for granted is said on standard error.
pub(super) fn read(paths: &[PathBuf], args: &ReadArgs) -> Vec<Input> {
    let options = args.options();
    let spinner = terminal::spinner("reading");
    let mut notes = Vec::new();
    let inputs = paths.iter().flat_map(|path| read_path(path, &options, &mut notes)).collect();
    terminal::finish(&spinner);
    print_notes(&notes);
    inputs
}

/// Says the readers' notes on standard error.
pub(super) fn print_notes(notes: &[io::Note]) {
    /// In a large folder the same few habits of a program fill screens.
    const MOST: usize = 20;
    for note in notes.iter().take(MOST) {
        terminal::warning(&note.to_string());
    }
    if notes.len() > MOST {
        terminal::warning(&format!("{} more notes of this kind on other structures", notes.len() - MOST));
    }
}

fn read_path(path: &Path, options: &io::ReadOptions, notes: &mut Vec<io::Note>) -> Vec<Input> {
    let stem = || path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let place = path.display().to_string();
    match io::read_all_with(path, options) {
        Ok(mut entries) => {
            notes.extend(entries.iter_mut().flat_map(|entry| std::mem::take(&mut entry.notes)));
            let many = entries.len() > 1 || path.is_dir();
            let input = |entry: io::Entry| Input {
                place: if many { format!("{place} ({})", entry.id) } else { place.clone() },
                structure: entry.structure.map_err(|error| message::of_std(&error)),
                disordered: entry.disordered,
                id: entry.id,
            };
            entries.into_iter().map(input).collect()
        }
        Err(error) => vec![Input { id: stem(), place, structure: Err(message::of_std(&error)), disordered: None }],
    }
}

/// A file in `folder` for each input, named after its id.
///
/// # Errors
/// If two ids give one name: one of the files would replace the other.
pub(super) fn file_names(inputs: &[Input], folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let names = plain_names(inputs)?;
    Ok(names.into_iter().map(|name| folder.join(format!("{name}.{ending}"))).collect())
}

/// A name for each input that any file system takes, after its id.
///
/// # Errors
/// If two ids give one name.
pub(super) fn plain_names(inputs: &[Input]) -> Result<Vec<String>> {
    let mut seen = HashMap::new();
    let mut names = Vec::with_capacity(inputs.len());
    for input in inputs {
        let plain = |c: char| if c.is_alphanumeric() || "._-+()=".contains(c) { c } else { '_' };
        let name: String = input.id.chars().take(100).map(plain).collect();
        let name = name.trim_start_matches('.');
        // Some file systems do not tell capitals from small letters.
        if let Some(other) = seen.insert(name.to_lowercase(), &input.id) {
            bail!("the ids '{other}' and '{}' give one file name; give every structure its own id", input.id);
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Reports what could not be handled on standard error.
///
/// # Errors
/// If nothing could be handled: then nothing may be printed either.
pub(super) fn completion<'a>(errors: impl IntoIterator<Item = Option<&'a str>>) -> Result<Completion> {
    let all: Vec<Option<&str>> = errors.into_iter().collect();
    let failed: Vec<&str> = all.iter().copied().flatten().collect();
    match failed.as_slice() {
        [] if all.is_empty() => bail!("there is no structure to work on; name a file or folder that holds one"),
        [] => Ok(Completion::Everything),
        [only] if all.len() == 1 => bail!("{only}"),
        [first, ..] if failed.len() == all.len() => {
            bail!("none of the {} structures could be handled; the first: {first}", all.len())
        }
        some => {
            for error in some {
                terminal::warning(error);
            }
            Ok(Completion::SomeFailed)
        }
    }
}

/// As [`completion`], for the rows of a document.
///
/// # Errors
/// As [`completion`].
pub(super) fn completion_of_rows<T>(rows: &[Row<T>]) -> Result<Completion> {
    completion(rows.iter().map(|row| row.error.as_deref()))
}

/// Rows in order, the work spread over all cores, with a bar.
pub(super) fn rows<T, E>(
    inputs: &[Input],
    work: &'static str,
    handle: impl Fn(&Structure) -> Result<T, E> + Sync,
) -> Vec<Row<T>>
where
    T: Send,
    E: std::error::Error + 'static,
{
    let bar = terminal::bar(inputs.len() as u64, work);
    let handle = |input: &Input| {
        let row = input.map(&handle);
        bar.inc(1);
        row
    };
    let rows = inputs.par_iter().map(handle).collect();
    terminal::finish(&bar);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completion_counts_failures() {
        assert_eq!(completion([None, None]).expect("all done"), Completion::Everything);
        assert_eq!(completion([None, Some("a.cif: bad")]).expect("one done"), Completion::SomeFailed);
        assert!(completion([]).is_err());
        assert_eq!(completion([Some("a.cif: bad")]).expect_err("nothing done").to_string(), "a.cif: bad");
        let message = completion([Some("a.cif: bad"), Some("b.cif: bad")]).expect_err("nothing done").to_string();
        assert!(message.contains("2 structures") && message.contains("a.cif: bad"), "{message}");
    }

    #[test]
    fn ids_that_give_one_file_are_refused() {
        let input = |id: &str| Input::new(id.to_owned(), id.to_owned(), Err("unread".to_owned()));
        for (one, other) in [("a/b", "a_b"), ("NaCl", "nacl"), ("a", ".a")] {
            assert!(file_names(&[input(one), input(other)], Path::new("out"), "cif").is_err(), "{one} {other}");
        }
        let files = file_names(&[input("a"), input(".b")], Path::new("out"), "cif").expect("two files");
        assert_eq!(files, [Path::new("out/a.cif"), Path::new("out/b.cif")]);
    }

    #[test]
    fn a_failed_row_has_no_numbers() {
        #[derive(Serialize)]
        struct Numbers {
            number: u8,
        }
        let good = Row { id: "a".to_owned(), numbers: Some(Numbers { number: 1 }), error: None };
        let bad = Row::<Numbers> { id: "b".to_owned(), numbers: None, error: Some("why".to_owned()) };
        let text = serde_json::to_string(&[good, bad]).expect("rows are JSON");
        assert_eq!(text, r#"[{"id":"a","number":1},{"id":"b","error":"why"}]"#);
    }
}
