//! `druse checkpoint`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use crystal_core::SiteMode;
use druse::checkpoint::{self, Checkpoint};
use druse::score_model::Description;
use druse::{Architecture, DeviceName};
use serde::Serialize;
use serde_json::Value;

use super::{Completion, terminal};

/// Shows what a checkpoint says of itself: model, noise levels, graph, mode, data, and how it was trained.
///
/// With --convert the model is written again in the layout of this release; the parameters stay as they are, bit by
/// bit.
#[derive(Args)]
#[command(after_help = "Examples:\n  druse checkpoint checkpoint.safetensors\n  \
                  druse checkpoint old.safetensors --convert new.safetensors")]
pub(super) struct CheckpointArgs {
    /// Checkpoint, as `druse train` writes it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the model here, in the layout of this release
    #[arg(long, value_name = "FILE")]
    convert: Option<PathBuf>,
    /// Where the model is loaded: cpu, wgpu or cuda, as far as this build has them
    #[arg(long, default_value_t)]
    device: DeviceName,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    path: String,
    sha256: String,
    kind: &'static str,
    /// Whether the file has the layout of the releases before 0.1.
    converted: bool,
    model: Architecture,
    #[serde(flatten)]
    description: Description,
    /// The file that was written, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<Written>,
}

#[derive(Serialize)]
struct Written {
    path: String,
    sha256: String,
}

pub(super) fn run(args: &CheckpointArgs) -> Result<Completion> {
    let device = args.device.open()?;
    let Checkpoint { trained, architecture, path, sha256 } = checkpoint::load(&args.file, &device)?;
    let write = |target: &Path| -> Result<Written> {
        let sha256 = checkpoint::convert(&args.file, target, &device)?;
        Ok(Written { path: target.display().to_string(), sha256 })
    };
    let written = args.convert.as_deref().map(write).transpose()?;
    let (kind, converted, description) = (trained.kind, trained.converted, trained.description);
    if converted && written.is_none() {
        terminal::warning(&format!(
            "{path}: written by a release before 0.1 and converted while it was read; --convert FILE keeps the converted file"
        ));
    }
    let document = Document { path, sha256, kind, converted, model: architecture, description, written };
    if args.json {
        terminal::print_json(&document)?
    } else {
        terminal::print(&text(&document)?)?
    }
    Ok(Completion::Everything)
}

fn text(document: &Document) -> Result<String> {
    let Document { path, sha256, kind, description, written, .. } = document;
    let Description { schedule, graph, mode, data, steps, optimiser, provenance } = description;
    let mode = match mode {
        SiteMode::General => "general: sites go anywhere",
        SiteMode::Wyckoff => "Wyckoff: sites stay on their positions",
    };
    let (position, lattice) = (schedule.position_variance, schedule.lattice_variance);
    let mut lines = vec![
        ("file", path.clone()),
        ("SHA-256", sha256.clone()),
        ("kind", (*kind).to_owned()),
        ("mode", mode.to_owned()),
        (
            "noise",
            format!(
                "{} levels, variance of positions {} to {} Å², of lattice coordinates {} to {}",
                schedule.n_levels, position.0, position.1, lattice.0, lattice.1
            ),
        ),
        ("graph", settings(&serde_json::to_value(graph)?)),
        ("data", named(&data.name, &data.sha256)),
        ("selection", settings(&data.selection)),
        ("steps", steps.to_string()),
        ("optimiser", settings(optimiser)),
    ];
    lines.extend(provenance.iter().map(|leg| ("trained by", settings(leg))));
    if let Some(Written { path, sha256 }) = written {
        lines.push(("wrote", named(path, sha256)));
    }
    Ok(lines.into_iter().map(|(name, value)| format!("{name:<12}{value}\n")).collect())
}

fn named(name: &str, sha256: &str) -> String {
    if sha256.is_empty() { name.to_owned() } else { format!("{name} (SHA-256 {sha256})") }
}

/// The entries of an object on one line.
fn settings(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| match value {
                Value::String(text) => format!("{key} {text}"),
                other => format!("{key} {other}"),
            };
            entries.iter().map(entry).collect::<Vec<_>>().join(", ")
        }
        Value::Null => "not told".to_owned(),
        other => other.to_string(),
    }
}
