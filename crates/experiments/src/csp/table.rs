//! The tables of structure prediction.

use comfy_table::{ContentArrangement, Table, presets};
use serde::{Deserialize, Serialize};

use super::score::{Distances, Rate, Symmetry};

/// One way to predict.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CspRow {
    /// Sampler, or what takes its place.
    pub name: String,
    /// What it was told.
    pub given: String,
    /// Over all targets.
    pub overall: Rate,
    /// By free parameters of the target's positions.
    pub by_free_parameters: Vec<(String, Rate)>,
    /// Network evaluations of one try; none where nothing was sampled.
    pub evaluations: Option<usize>,
    /// Space groups of the tries.
    pub symmetry: Symmetry,
    /// Draws that diverged and were drawn again.
    pub redraws: usize,
    /// Tries that failed.
    pub given_up: usize,
    /// Structures per second of the sampling; none where nothing was sampled.
    pub structures_per_second: Option<f64>,
}

impl CspRow {
    pub(super) fn new(name: &str, given: &str, distances: &Distances, symmetry: Symmetry) -> Self {
        Self {
            name: name.to_owned(),
            given: given.to_owned(),
            overall: distances.overall(),
            by_free_parameters: distances.by_freedom(),
            evaluations: None,
            symmetry,
            redraws: 0,
            given_up: 0,
            structures_per_second: None,
        }
    }
}

/// Published rates with the true letters, percent: per try, best of three, best of three at nine and more free
/// parameters.
const PUBLISHED: [(&str, f64, f64, f64); 3] = [
    ("random coordinates, published", 22.6, 40.2, 4.5),
    ("DiffCSP++, published", 81.3, 86.6, 57.2),
    ("best study, published", 83.5, 88.4, 61.7),
];

fn kept(symmetry: &Symmetry) -> String {
    let Symmetry { same, supergroup, other, unknown } = symmetry;
    format!("{same} / {supergroup} / {other} / {unknown}")
}

fn percent(rate: &Rate, share: f64) -> String {
    if rate.targets == 0 {
        return "–".to_owned();
    }
    format!("{:.1} ± {:.1}", 100.0 * share, 100.0 * rate.standard_error(share))
}

/// Both tables, in a preset of comfy-table.
fn tables(rows: &[CspRow], tries: usize, preset: &str) -> String {
    let empty = |header: Vec<String>| {
        let mut table = Table::new();
        table.load_preset(preset).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
        table
    };
    let best = format!("best of {tries}, %");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut overall = empty(words(&[
        "given",
        "by",
        "evaluations",
        "match per try, %",
        &best,
        "RMSE of matches",
        "group kept / supergroup / other / none found",
        "drawn again",
        "structures/s",
    ]));
    for row in rows {
        let Rate { per_try, best_of, rmse, .. } = row.overall;
        overall.add_row([
            row.given.clone(),
            row.name.clone(),
            row.evaluations.map_or_else(|| "–".to_owned(), |evaluations| evaluations.to_string()),
            percent(&row.overall, per_try),
            percent(&row.overall, best_of),
            rmse.map_or_else(|| "–".to_owned(), |rmse| format!("{rmse:.3}")),
            kept(&row.symmetry),
            row.redraws.to_string(),
            row.structures_per_second.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}")),
        ]);
    }
    for (name, per_try, best_of, _) in PUBLISHED {
        overall.add_row(words(&[
            "letters",
            name,
            "–",
            &format!("{per_try:.1}"),
            &format!("{best_of:.1} (of 3)"),
            "–",
            "–",
            "–",
            "–",
        ]));
    }
    let bins = rows.first().map(|row| row.by_free_parameters.clone()).unwrap_or_default();
    let heads = bins.iter().map(|(name, rate)| format!("{name} ({})", rate.targets));
    let mut split = empty(words(&["given", "by"]).into_iter().chain(heads).collect());
    for row in rows {
        let cells = row.by_free_parameters.iter().map(|(_, rate)| percent(rate, rate.best_of));
        split.add_row([row.given.clone(), row.name.clone()].into_iter().chain(cells).collect::<Vec<_>>());
    }
    for (name, _, _, most_free) in PUBLISHED {
        let unknown = std::iter::repeat_n("–".to_owned(), bins.len().saturating_sub(1));
        let cells = words(&["letters", name]).into_iter().chain(unknown).chain([format!("{most_free:.1}")]);
        split.add_row(cells.collect::<Vec<_>>());
    }
    format!(
        "{overall}\n\nBest of {tries}, %, by free parameters of the positions (targets)\n{split}\n\n\
         ± is the standard error of a share of this many targets. A match is StructureMatcher's (stol 0.5, ltol 0.3, angle 10°, scaled). \
         Letters: space group and the element on each Wyckoff position are given; formula: space group and the formula of the primitive \
         cell, positions from what the run names, which has learned from the training split alone. Random coordinates have the true cell. Space groups of all tries are the symmetry finder's at 0.001 Å.\n"
    )
}

/// For a terminal.
pub(super) fn as_text(rows: &[CspRow], tries: usize) -> String {
    tables(rows, tries, presets::UTF8_FULL_CONDENSED)
}

/// For a page.
pub(super) fn as_markdown(rows: &[CspRow], tries: usize) -> String {
    tables(rows, tries, presets::ASCII_MARKDOWN)
}
