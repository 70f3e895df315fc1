//! What `druse relax` prints, leaves as a shard, and makes of all shards.

use std::path::Path;

use anyhow::{Context, Result};
use crystal_core::SpaceGroupNumber;
use druse::Shard;
use druse::output::write_file;
use druse::shard::{Shards, assemble, copy_file};
use relax::RelaxedNumbers;
use sealed_file::sha256_hex;
use serde::{Deserialize, Serialize};

use super::journal;
use crate::inputs::{self, Row};
use crate::potentials::PotentialName;
use crate::{Completion, terminal};

/// The table.
pub(super) const TABLE: &str = "relax.csv";

#[derive(Serialize)]
pub(super) struct Document<'a> {
    pub structures: &'a [Row<Relaxed>],
    pub structures_per_second: f64,
    pub potential: PotentialName,
    pub device: String,
    /// Which part of the run, if it is not the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// A row with the SHA-256 of its CIF.
pub(super) type Hashed = (Row<Relaxed>, Option<String>);

/// What a shard did.
#[derive(Serialize, Deserialize)]
pub(super) struct OfShard {
    /// Structures of the whole run.
    pub n_structures: usize,
    /// The shard's own, by number in the whole run.
    pub structures: Vec<(usize, Hashed)>,
    pub seconds: f64,
    pub potential: PotentialName,
    pub device: String,
    /// What the journal of the whole run would be of.
    pub identity: String,
}

/// A relaxed structure in documents and in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Relaxed {
    pub file: String,
    #[serde(flatten)]
    pub numbers: RelaxedNumbers,
}

impl Document<'_> {
    /// Prints what was done.
    pub(super) fn print(&self, json: bool) -> Result<Completion> {
        let completion = inputs::completion_of_shard(self.structures, self.shard)?;
        if json {
            terminal::print_json(self)?;
        } else {
            print(self.structures)?;
        }
        Ok(completion)
    }
}

/// A row with the SHA-256 of its file, if there is one.
pub(super) fn with_hash(row: &Row<Relaxed>) -> Result<Hashed> {
    let hash = |relaxed: &Relaxed| {
        let bytes = std::fs::read(&relaxed.file).with_context(|| format!("{}: cannot be read", relaxed.file))?;
        Ok::<String, anyhow::Error>(sha256_hex(&bytes))
    };
    Ok((row.clone(), row.numbers.as_ref().map(hash).transpose()?))
}

/// Joins shards: the structures, the table, and a journal as of a finished run, in `out`.
pub(crate) fn merge(shards: &Shards, out: &Path, json: bool) -> Result<Completion> {
    let parts = shards.parts::<OfShard>()?;
    let first = &parts.first().context("there is a shard")?.result;
    let (n_structures, potential, device) = (first.n_structures, first.potential.clone(), first.device.clone());
    let identity = first.identity.clone();
    let seconds: f64 = parts.iter().map(|part| part.result.seconds).sum();
    let structures = parts.into_iter().map(|part| part.map(|shard| shard.structures)).collect();
    let (mut rows, mut lines) = (Vec::with_capacity(n_structures), String::new());
    for (folder, (mut row, sha256)) in assemble(structures, n_structures)? {
        if let (Some(relaxed), Some(sha256)) = (&mut row.numbers, sha256) {
            let name = Path::new(&relaxed.file).file_name().context("a file has a name")?.to_owned();
            let file = out.join(&name);
            copy_file(&folder.join(&name), &sha256, &file)?;
            relaxed.file = file.display().to_string();
        }
        lines += &(serde_json::to_string(&row).context("a line of the journal")? + "\n");
        rows.push(row);
    }
    write_file(&out.join(TABLE), csv(&rows))?;
    write_file(&out.join(journal::LINES), lines)?;
    write_file(&out.join(journal::RUN), identity)?;
    let n_relaxed = rows.iter().filter(|row| row.numbers.is_some()).count();
    let structures_per_second = n_relaxed as f64 / seconds.max(1e-9);
    Document { structures: &rows, structures_per_second, potential, device, shard: None }.print(json)
}

const COLUMNS: &str = "id,file,energy_start_per_atom,energy_per_atom,volume_start_per_atom,volume_per_atom,steps,converged,\
                       max_force,max_stress_gpa,space_group_start,space_group,max_displacement,rms_displacement,strain,error";

pub(super) fn csv(rows: &[Row<Relaxed>]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let group = |number: Option<SpaceGroupNumber>| number.map_or_else(String::new, |number| number.to_string());
    let line = |row: &Row<Relaxed>| match &row.numbers {
        Some(Relaxed { file, numbers: r }) => format!(
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},\n",
            quoted(&row.id),
            quoted(file),
            r.energy_start_per_atom,
            r.energy_per_atom,
            r.volume_start_per_atom,
            r.volume_per_atom,
            r.steps,
            r.converged,
            r.max_force,
            r.max_stress_gpa,
            group(r.space_group_start),
            group(r.space_group),
            r.max_displacement,
            r.rms_displacement,
            r.strain,
        ),
        None => format!("{}{}{}\n", quoted(&row.id), ",".repeat(15), quoted(row.error.as_deref().unwrap_or_default())),
    };
    let lines: String = rows.iter().map(line).collect();
    format!("{COLUMNS}\n{lines}")
}

fn print(rows: &[Row<Relaxed>]) -> Result<()> {
    let mut table = terminal::table(&[
        "id",
        "eV/atom before",
        "eV/atom after",
        "steps",
        "converged",
        "force, eV/Å",
        "stress, GPa",
        "group",
        "moved, Å",
    ]);
    for Row { id, numbers, .. } in rows {
        if let Some(Relaxed { numbers: r, .. }) = numbers {
            let group =
                |number: Option<SpaceGroupNumber>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
            table.add_row([
                id.clone(),
                format!("{:.4}", r.energy_start_per_atom),
                format!("{:.4}", r.energy_per_atom),
                r.steps.to_string(),
                terminal::yes_or_no(r.converged).to_owned(),
                format!("{:.4}", r.max_force),
                format!("{:.3}", r.max_stress_gpa),
                format!("{} → {}", group(r.space_group_start), group(r.space_group)),
                format!("{:.3}", r.max_displacement),
            ]);
        }
    }
    terminal::print_table(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_column_for_every_value() {
        let row = Row::of("a \"b\"".to_owned(), Err("why, then".to_owned()));
        let text = csv(&[row]);
        let columns = COLUMNS.split(',').count();
        let line = text.lines().nth(1).expect("a line");
        assert_eq!(line, format!("\"a \"\"b\"\"\"{}\"why, then\"", ",".repeat(columns - 1)));
    }
}
