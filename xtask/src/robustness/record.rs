//! The figures that are kept: `experiments/results/robustness.json`, and the table of the documentation made of it.

use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where the figures are kept.
const RESULTS: &str = "experiments/results/robustness.json";
/// The page with their table.
const PAGE: &str = "docs/src/robustness.md";
/// What stands around the table there.
const BEGIN: &str = "<!-- made by `cargo xtask robustness`, begin -->\n";
const END: &str = "<!-- made by `cargo xtask robustness`, end -->\n";

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// The part of the command that measures it.
    pub(super) part: Option<String>,
    /// What was tried.
    pub(super) what: String,
    /// Numbers.
    pub(super) figures: Value,
    /// The same in words.
    pub(super) text: String,
    /// Git revision of the programs, with `-dirty` where their sources had changes; absent where it was not noted.
    pub(super) revision: Option<String>,
    /// `release` or `dev`; absent where it was not noted.
    pub(super) build: Option<String>,
}

/// `kept` with the new rows in the place of those of the same name; new names behind them.
pub(super) fn merged(mut kept: Vec<Row>, new: &[Row]) -> Vec<Row> {
    for row in new {
        match kept.iter_mut().find(|known| known.what == row.what) {
            Some(known) => *known = row.clone(),
            None => kept.push(row.clone()),
        }
    }
    kept
}

/// The table of the documentation.
pub(super) fn table(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let revision = row.revision.as_deref().unwrap_or("not noted");
        format!("| {} | {} | {revision} |\n", row.what, row.text)
    };
    let lines: String = rows.iter().map(line).collect();
    format!("| what | figures | revision |\n| --- | --- | --- |\n{lines}")
}

/// Writes the new rows into the file of results and into the page.
pub(super) fn keep(root: &Path, new: &[Row]) -> anyhow::Result<()> {
    let rows = merged(read(root)?, new);
    let page = page_with(&text(root, PAGE)?, &table(&rows))?;
    let document = serde_json::to_string_pretty(&rows).context("figures as JSON")? + "\n";
    for (name, text) in [(RESULTS, document), (PAGE, page)] {
        // Renamed when whole: a kill leaves the old file.
        let path = root.join(name);
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, text).with_context(|| format!("cannot write {}", unfinished.display()))?;
        std::fs::rename(&unfinished, &path).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

fn read(root: &Path) -> anyhow::Result<Vec<Row>> {
    if !root.join(RESULTS).exists() {
        return Ok(vec![]);
    }
    serde_json::from_str(&text(root, RESULTS)?).with_context(|| format!("{RESULTS} is damaged; remove it"))
}

fn text(root: &Path, name: &str) -> anyhow::Result<String> {
    let path = root.join(name);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn page_with(page: &str, table: &str) -> anyhow::Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        bail!("{PAGE} lacks the lines '{}' and '{}' around its table; put them in", BEGIN.trim(), END.trim());
    };
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(what: &str, n: u64) -> Row {
        Row {
            part: None,
            what: what.to_owned(),
            figures: json!({"n": n}),
            text: format!("{n} runs"),
            revision: None,
            build: None,
        }
    }

    #[test]
    fn new_rows_take_the_place_of_old_ones() {
        let rows = merged(vec![row("a", 1), row("b", 2)], &[row("c", 3), row("b", 4)]);
        assert_eq!(rows, [row("a", 1), row("b", 4), row("c", 3)]);
    }

    #[test]
    fn a_page_takes_the_table() {
        let page = page_with(&format!("before\n{BEGIN}old\n{END}after"), "| a |\n").expect("the marks");
        assert_eq!(page, format!("before\n{BEGIN}\n| a |\n\n{END}after"));
        assert!(page_with("without marks", "").is_err());
    }

    #[test]
    fn the_documented_table_is_that_of_the_results() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root of the workspace");
        let page = text(root, PAGE).expect("the page");
        let rows = read(root).expect("the results");
        assert!(!rows.is_empty());
        assert_eq!(page_with(&page, &table(&rows)).expect("the marks"), page, "run `cargo xtask robustness` again");
    }
}
