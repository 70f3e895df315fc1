//! What a run of Table 1 leaves in its folder beside the structures.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use cgcnn::Weights;
use druse::Provenance;
use druse::output::write_file;
use serde_json::json;

use super::reference::Reference;
use super::run::TABLE;
use super::stages::Stages;
use crate::further::{self, Further};
use crate::table::{Row, markdown, text};

/// A finished run.
pub(super) struct Outcome<'a> {
    /// By which preset or configuration.
    pub(super) made: &'a str,
    pub(super) preset: &'a str,
    pub(super) rows: &'a [Row],
    pub(super) further: &'a [Further],
    pub(super) reference: &'a Reference,
    /// Whether the reference was compiled in.
    pub(super) compiled_in: bool,
    /// Structures of the training split that novelty is measured against, where it was at hand.
    pub(super) n_training: Option<usize>,
    pub(super) cgcnn: &'a Weights,
    pub(super) stages: &'a Stages,
    pub(super) provenance: &'a Provenance,
    /// By the row's name: how structures that this leg has read were sampled, if not as it would sample them itself.
    pub(super) earlier: &'a BTreeMap<String, Provenance>,
}

impl Outcome<'_> {
    /// Writes the table as text, Markdown and JSON. Returns the text.
    pub(super) fn write(&self, folder: &Path) -> Result<String> {
        let provenance = self.provenance;
        let timings: String =
            self.stages.iter().map(|(name, seconds)| format!("  {name:<32} {seconds:8.1} s\n")).collect();
        let heading = format!(
            "Table 1 of arXiv 2310.10695, {}, data {} (SHA-256 {}…), device {}, seed {}, git {}",
            self.made,
            provenance.data,
            &provenance.data_sha256[..12.min(provenance.data_sha256.len())],
            provenance.device,
            provenance.seed,
            provenance.git,
        );
        let Reference { structures, git, .. } = self.reference;
        let source = if self.compiled_in {
            format!("compiled in, computed by {git}")
        } else {
            "computed in this run".to_owned()
        };
        let novelty = match self.n_training {
            Some(n) => format!("novelty is against the {n} structures of the training split"),
            None => "novelty is not measured, the training split is not compiled in: give --data DIR".to_owned(),
        };
        let notes = [
            format!("Reference: {} structures, fingerprints {source}", structures.len()),
            format!("FD CGCNN: {}", self.cgcnn.description()),
            format!("Unique and novel structures: StructureMatcher with CDVAE's tolerances; {novelty}"),
        ];
        let terminal = format!(
            "{heading}\n\n{}  {}\n\nFurther figures\n{}\nWall time per stage\n{timings}",
            text(self.rows),
            notes.join("\n  "),
            further::text(self.further)
        );
        write_file(&folder.join(TABLE), &terminal)?;
        write_file(
            &folder.join("table1.md"),
            format!(
                "{heading}\n\n{}- {}\n\n{}\n```text\n{timings}```\n",
                markdown(self.rows),
                notes.join("\n- "),
                further::markdown(self.further)
            ),
        )?;
        let json = json!({
            "rows": self.rows,
            "further": self.further,
            "preset": self.preset,
            "device": provenance.device,
            "seconds": self.stages,
            "data": { "name": provenance.data, "sha256": provenance.data_sha256 },
            "reference": { "compiled_in": self.compiled_in, "n_structures": structures.len(), "git": git },
            "n_training_structures": self.n_training,
            "cgcnn": { "path": self.cgcnn.path, "sha256": self.cgcnn.sha256 },
            "git": provenance.git,
            "seed": provenance.seed,
            "kept": self.earlier,
        });
        // Last: a run counts as finished when this file is there.
        write_file(&folder.join("table1.json"), serde_json::to_string_pretty(&json)? + "\n")?;
        Ok(terminal)
    }
}
