//! What a finished run of Table 1 left in its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use crystal_core::{Structure, io};
use druse::config::parse_ron;
use serde::Deserialize;
use training::LossPoint;

use super::Table1Config;
use crate::further::Further;
use crate::report::FinishedRun;
use crate::table::Row;
use crate::{command, listing};

/// What the report takes from `table1.json`.
#[derive(Deserialize)]
struct Table1File {
    rows: Vec<Row>,
    further: Vec<Further>,
    seconds: BTreeMap<String, f64>,
    data: DataNote,
    reference: ReferenceNote,
}

#[derive(Deserialize)]
struct ReferenceNote {
    compiled_in: bool,
}

#[derive(Deserialize)]
struct DataNote {
    name: String,
    sha256: String,
}

/// A finished run of Table 1, and what its report is made with.
pub(super) struct Finished {
    pub(super) run: FinishedRun,
    pub(super) config: Table1Config,
    /// Whether the run was measured against the compiled-in reference.
    pub(super) compiled_in: bool,
}

impl Finished {
    /// Reads the files of a run.
    ///
    /// # Errors
    /// If the run is not finished, or a file is missing or damaged; the message names it.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let result = folder.join("table1.json");
        if !result.exists() {
            bail!("{}: no finished run of Table 1 lies there (there is no table1.json)", folder.display());
        }
        let table: Table1File = serde_json::from_str(&text_of(&result)?)
            .with_context(|| format!("{}: not what a run writes", result.display()))?;
        let (heading, notes) = heading_and_notes(&text_of(&folder.join("table1.md"))?);
        let config_file = folder.join("config.ron");
        let config_text = text_of(&config_file)?;
        let config: Table1Config = parse_ron(&config_text, &config_file.display().to_string())?;
        let generated = readable(&folder.join("generated.jsonl"))?;
        let lines = listing::read(folder)?;
        let valid = lines.map(|lines| lines.into_iter().map(|line| (line.id, line.valid)).collect());
        let losses = folder.join("loss.csv");
        let curve = if losses.exists() { losses_of(&text_of(&losses)?, &losses)? } else { Vec::new() };
        let named = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let command = fs::read_to_string(folder.join(command::FILE)).ok().map(|text| text.trim().to_owned());
        let run = FinishedRun {
            name: named.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            rows: table.rows,
            further: table.further,
            heading,
            notes,
            seconds: table.seconds,
            data_name: table.data.name,
            data_sha256: table.data.sha256,
            symprec: config.data.symprec,
            config_text,
            generated,
            valid,
            curve,
            command: command.filter(|command| !command.is_empty()),
            folder: folder.to_owned(),
        };
        Ok(Self { run, config, compiled_in: table.reference.compiled_in })
    }
}

/// The structures that can be read. A sampler may lay two atoms on one point, which is not a structure to a reader:
/// such ones are left out of pictures and distributions, with a warning. The figures of the table count them as
/// invalid.
fn readable(path: &Path) -> Result<Vec<(String, Structure)>> {
    let entries = io::read_all(path)?;
    let all = entries.len();
    let mut first_error = None;
    let mut structures = Vec::with_capacity(all);
    for entry in entries {
        match entry.structure {
            Ok(structure) => structures.push((entry.id, structure)),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    match first_error {
        Some(error) if structures.is_empty() => Err(error.into()),
        Some(error) => {
            tracing::warn!(
                "{} of {all} structures are left out of the report; the first: {error}",
                all - structures.len()
            );
            Ok(structures)
        }
        None => Ok(structures),
    }
}

fn text_of(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .with_context(|| format!("{}: cannot be read; is this the folder of a finished run?", path.display()))
}

/// The first line of `table1.md`, and the items of the list below its table.
fn heading_and_notes(markdown: &str) -> (String, Vec<String>) {
    let heading = markdown.lines().next().unwrap_or_default().to_owned();
    (heading, markdown.lines().filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect())
}

/// Points of `loss.csv`: step, position, lattice.
fn losses_of(csv: &str, path: &Path) -> Result<Vec<LossPoint>> {
    let point = |row: &str| {
        let mut cells = row.split(',');
        let point = LossPoint {
            step: cells.next()?.parse().ok()?,
            parts: vec![cells.next()?.parse().ok()?, cells.next()?.parse().ok()?],
        };
        cells.next().is_none().then_some(point)
    };
    let rows = csv.lines().enumerate().skip(1);
    rows.map(|(index, row)| {
        point(row).ok_or_else(|| anyhow!("{}:{}: '{row}' is not a step with two losses", path.display(), index + 1))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use score_model::LATTICE_LOSS;

    use super::*;

    #[test]
    fn losses_are_read_and_bad_lines_named() {
        let path = Path::new("loss.csv");
        let curve = losses_of("step,position,lattice\n0,1.5,0.5\n1,1.25,0.25\n", path).expect("two points");
        assert_eq!((curve.len(), curve[1].step, curve[1].parts[LATTICE_LOSS]), (2, 1, 0.25));
        for bad in ["0,1", "0,1,2,3", "x,1,2", ""] {
            let error = losses_of(&format!("step,position,lattice\n{bad}\n"), path).expect_err(bad).to_string();
            assert!(error.starts_with("loss.csv:2: "), "{error}");
        }
    }

    #[test]
    fn notes_are_the_items_below_the_table() {
        let (heading, notes) = heading_and_notes(
            "What was run\n\n| a |\n| --- |\n\n- this work: 12 of 12\n- FD CGCNN: none\n\n```text\n  x\n```\n",
        );
        assert_eq!(heading, "What was run");
        assert_eq!(notes, ["this work: 12 of 12", "FD CGCNN: none"]);
    }
}
