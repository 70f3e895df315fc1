//! Rows in parts: what shards keep of each row, and the whole rows that come of it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use crystal_core::Structure;
use druse::Provenance;
use druse::config::to_ron;
use druse::output::{write_file, write_json};
use druse::shard::{Part, Shards, assemble};
use metrics::StructureMatcher;
use sealed_file::write_atomically;
use serde::{Deserialize, Serialize};

use super::config::CspConfig;
use super::score::{Distances, Symmetry};
use super::table::{self, CspRow};
use super::targets::Target;
use super::{Document, Identity, RESULT, RUN};
use crate::command;

/// Compression of a `.jsonl.zst`, as elsewhere.
const ZSTD_LEVEL: i32 = 3;

/// What a run is of, as far as its documents tell: the same for all shards.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    /// Preset or configuration, for people.
    pub described: String,
    /// Name of the data set.
    pub data: String,
    pub config: CspConfig,
    /// Free parameters of each target.
    pub free: Vec<usize>,
    pub not_reduced: usize,
    pub positions: String,
    pub checkpoint: String,
    pub checkpoint_sha256: String,
    pub provenance: Provenance,
}

/// A row, or the part of it that a shard did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RowPart {
    pub name: String,
    pub given: String,
    pub evaluations: Option<usize>,
    pub redraws: usize,
    pub given_up: usize,
    /// Of the sampling; none where nothing was sampled.
    pub seconds: Option<f64>,
    pub symmetry: Symmetry,
    /// By number over all targets: whether there is a structure, and its distance if it matches.
    pub tries: Vec<(usize, (bool, Option<f64>))>,
}

/// What a shard leaves.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OfShard {
    pub head: Head,
    pub rows: Vec<RowPart>,
}

impl RowPart {
    /// Measures those tries whose number is wanted.
    pub(super) fn measure(
        name: &str,
        given: &str,
        targets: &[Target],
        tries: &[Vec<Option<Structure>>],
        wanted: impl Fn(usize) -> bool,
    ) -> Self {
        let distances = Distances::of(targets, tries, &StructureMatcher::default());
        let sampled = tries.iter().flatten().map(Option::is_some);
        let all = sampled.zip(distances.of_tries()).enumerate();
        Self {
            name: name.to_owned(),
            given: given.to_owned(),
            evaluations: None,
            redraws: 0,
            given_up: 0,
            seconds: None,
            symmetry: Symmetry::of(targets, tries),
            tries: all.filter(|(number, _)| wanted(*number)).collect(),
        }
    }

    /// Stem of the row's files.
    fn stem(&self) -> String {
        format!("{}-{}", self.given, self.name)
    }

    /// The row, if all tries are there.
    pub(super) fn row(&self, free: &[usize], n_tries: usize) -> CspRow {
        let distances: Vec<Option<f64>> = self.tries.iter().map(|(_, (_, distance))| *distance).collect();
        let n_sampled = self.tries.iter().filter(|(_, (sampled, _))| *sampled).count();
        let distances = Distances::from_tries(free, &distances, n_tries);
        CspRow {
            evaluations: self.evaluations,
            redraws: self.redraws,
            given_up: self.given_up,
            structures_per_second: self.seconds.map(|seconds| n_sampled as f64 / seconds.max(1e-9)),
            ..CspRow::new(&self.name, &self.given, &distances, self.symmetry)
        }
    }

    /// The whole row of its parts, in the order of the shards.
    fn join(parts: Vec<Part<Self>>, pieces: usize) -> Result<Self> {
        let first = parts.first().context("there is a shard")?.result.clone();
        if let Some(other) = parts.iter().find(|part| part.result.stem() != first.stem()) {
            bail!("{}: its rows are in another order; do the shard again, into another folder", other.folder.display());
        }
        let rows = || parts.iter().map(|part| &part.result);
        let seconds = rows().map(|row| row.seconds).sum();
        let (redraws, given_up) = (rows().map(|row| row.redraws).sum(), rows().map(|row| row.given_up).sum());
        let symmetry = rows().fold(Symmetry::default(), |sum, row| sum.plus(row.symmetry));
        let tries = assemble(parts.into_iter().map(|part| part.map(|row| row.tries)).collect(), pieces)?;
        let tries = tries.into_iter().map(|(_, one)| one).enumerate().collect();
        Ok(Self { redraws, given_up, seconds, symmetry, tries, ..first })
    }
}

/// Writes the tables and, last, the document. Returns the text.
pub(super) fn finish(folder: &Path, head: &Head, rows: &[CspRow]) -> Result<String> {
    let Head { config, provenance, positions, .. } = head;
    let tries = config.tries;
    let text = format!(
        "Structure prediction, {} of {} ({} structures of the {} split, {tries} tries each), {}, device {}, seed {}\n\
         Positions of the rows 'formula': {positions}\n\n{}",
        head.described,
        head.data,
        head.free.len(),
        config.reference.name(),
        head.checkpoint,
        provenance.device,
        provenance.seed,
        table::as_text(rows, tries),
    );
    write_file(&folder.join("csp.txt"), &text)?;
    write_file(&folder.join("csp.md"), table::as_markdown(rows, tries))?;
    let document = Document {
        rows,
        n_targets: head.free.len(),
        not_reduced: head.not_reduced,
        tries,
        checkpoint: &head.checkpoint,
        checkpoint_sha256: &head.checkpoint_sha256,
        positions,
        provenance,
    };
    write_json(&folder.join(RESULT), &document)?;
    Ok(text)
}

/// Joins shards: the tries, the rows, the tables and the document of the whole run. Returns the text.
///
/// # Errors
/// If a record or a file of a shard is damaged, or a file cannot be written.
pub(crate) fn merge(shards: &Shards, out: &Path) -> Result<String> {
    let parts = shards.parts::<OfShard>()?;
    let head = parts.first().context("there is a shard")?.result.head.clone();
    let (tries, pieces) = (head.config.tries, head.free.len() * head.config.tries);
    let n_rows = parts.iter().map(|part| part.result.rows.len()).min().unwrap_or_default();
    write_file(&out.join("config.ron"), to_ron(&head.config)?)?;
    write_file(&out.join(command::FILE), command::of_this_process() + "\n")?;
    write_file(&out.join(RUN), Identity::of(&head).text()?)?;
    let mut rows = Vec::with_capacity(n_rows);
    for index in 0..n_rows {
        let of_row: Vec<Part<RowPart>> = parts
            .iter()
            .map(|part| Part { folder: part.folder.clone(), result: part.result.rows[index].clone() })
            .collect();
        let folders: Vec<PathBuf> = of_row.iter().map(|part| part.folder.clone()).collect();
        let whole = RowPart::join(of_row, pieces)?;
        if whole.seconds.is_some() {
            join_tries(&folders, out, &whole)?;
            let row = serde_json::to_string_pretty(&whole.row(&head.free, tries))? + "\n";
            write_file(&out.join(format!("{}.json", whole.stem())), row)?;
        }
        rows.push(whole.row(&head.free, tries));
    }
    finish(out, &head, &rows)
}

/// The file of all tries: the lines of the shards, as they stand, in the order of the whole run.
fn join_tries(folders: &[PathBuf], out: &Path, row: &RowPart) -> Result<()> {
    let name = format!("{}.jsonl.zst", row.stem());
    let lines = |folder: &PathBuf| {
        let path = folder.join(&name);
        let unread = || format!("{}: cannot be read", path.display());
        let decoder = zstd::Decoder::new(std::fs::File::open(&path).with_context(unread)?).with_context(unread)?;
        BufReader::new(decoder).lines().collect::<std::io::Result<Vec<String>>>().with_context(unread)
    };
    let mut lines = folders.iter().map(lines).map(|lines| Ok(lines?.into_iter())).collect::<Result<Vec<_>>>()?;
    let mut all = Vec::new();
    for (number, _) in row.tries.iter().filter(|(_, (sampled, _))| *sampled) {
        let shard = number % folders.len();
        let Some(line) = lines[shard].next() else {
            bail!(
                "{}: holds too few structures; do the shard again, into another folder",
                folders[shard].join(&name).display()
            );
        };
        all.push(line + "\n");
    }
    let path = out.join(&name);
    let written = write_atomically(&path, |file| {
        let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL)?;
        all.iter().try_for_each(|line| encoder.write_all(line.as_bytes()))?;
        encoder.finish().map(|_| ())
    });
    written.with_context(|| format!("{}: cannot be written", path.display()))
}
