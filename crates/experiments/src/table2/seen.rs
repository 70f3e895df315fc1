//! Whether the network has seen a target.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::Result;
use crystal_core::{Composition, Structure};
use datasets::{Split, Table, read_raw};
use druse::Checkpoint;
use metrics::StructureMatcher;
use serde::{Deserialize, Serialize};

use super::targets::Target;

/// What the training data hold of the targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The sets.
    pub data: Vec<String>,
    /// What the networks say they were trained on.
    pub networks: Vec<String>,
    pub splits: Vec<SeenIn>,
}

/// Targets that a split holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SeenIn {
    /// Name of the set and of its split.
    pub split: String,
    /// By their id.
    pub by_id: Vec<String>,
    /// By a structure that matches them within the tolerances of structure prediction.
    pub by_structure: Vec<String>,
}

/// Looks for the targets in the training and validation splits of the sets in `folders`.
pub(super) fn look(targets: &[Target], folders: &[&Path], networks: &[&Checkpoint]) -> Result<Seen> {
    let (mut sets, mut splits) = (Vec::new(), Vec::new());
    for folder in folders {
        let inner = folder.join("mp_20");
        let data = read_raw(if inner.is_dir() { &inner } else { folder })?;
        for (split, table) in data.splits.iter().filter(|(split, _)| *split != Split::Test) {
            splits.push(look_in(targets, format!("{} {}", data.name, split.file_stem()), table)?);
        }
        sets.push((data.name, data.sha256));
    }
    let named = |name: &str, sha256: &str| format!("{name} {}", sha256.get(..12).unwrap_or("of no hash"));
    let of_network = |network: &&Checkpoint| {
        let data = &network.trained.description.data;
        named(&data.name, &data.sha256)
    };
    let data = sets.iter().map(|(name, sha256)| named(name, sha256)).collect();
    Ok(Seen { data, networks: networks.iter().map(of_network).collect(), splits })
}

/// Looks for the targets in one table.
fn look_in(targets: &[Target], split: String, table: &Table) -> Result<SeenIn> {
    let matcher = StructureMatcher::default();
    let ids: HashSet<&str> = table.rows.iter().map(|row| row.id.as_str()).collect();
    let mut by_formula: HashMap<Composition, Vec<&Structure>> = HashMap::new();
    for row in &table.rows {
        by_formula.entry(Composition::of(&row.structure).reduced()).or_default().push(&row.structure);
    }
    let mut by_structure = Vec::new();
    for target in targets {
        for structure in by_formula.get(&target.formula).into_iter().flatten() {
            if matcher.fit(structure, &target.structure)? {
                by_structure.push(target.id.clone());
                break;
            }
        }
    }
    let by_id = targets.iter().filter(|target| ids.contains(target.id.as_str())).map(|target| target.id.clone());
    Ok(SeenIn { split, by_id: by_id.collect(), by_structure })
}

impl Seen {
    pub(super) fn text(&self) -> String {
        let list = |ids: &[String]| if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
        let split = |seen: &SeenIn| {
            let SeenIn { split, by_id, by_structure } = seen;
            format!(
                "{split}: {} by id ({}), {} by structure ({})",
                by_id.len(),
                list(by_id),
                by_structure.len(),
                list(by_structure)
            )
        };
        let splits: Vec<String> = self.splits.iter().map(split).collect();
        format!(
            "Targets in {} (the networks name {}): {}",
            self.data.join(" and "),
            self.networks.join(" and "),
            splits.join("; ")
        )
    }
}
