//! Figures of an earlier run: read, compared with, drawn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use druse::output::write_file;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::timing::significant;
use super::{Measurement, roofline};

/// Where figures go, and what they are compared with.
#[derive(Debug, Clone, clap::Args)]
pub struct Reports {
    /// Writes the figures here, as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Compares with the JSON of an earlier run of this command: how many times as fast each row is.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Draws operations per second against operations per byte under the ceilings of this run, as SVG.
    #[arg(long, value_name = "FILE")]
    pub roofline: Option<PathBuf>,
}

/// A document of figures: what it was measured with, and the figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Device, data, revision and so on.
    #[serde(flatten)]
    pub about: BTreeMap<String, Value>,
    pub figures: Vec<Measurement>,
}

impl Reports {
    /// The earlier figures, if a comparison is wished: read before anything is measured.
    ///
    /// # Errors
    /// If the file is none of `experiments throughput` and its like.
    pub(super) fn earlier(&self) -> Result<Option<Kept>> {
        self.baseline.as_deref().map(Kept::read).transpose()
    }

    /// Writes and draws what is asked for; returns the figures, and the comparison, as text.
    ///
    /// # Errors
    /// If a file cannot be written, the earlier figures are of another command, or nothing can be drawn.
    pub(super) fn finish(&self, now: &Kept, earlier: Option<&Kept>) -> Result<String> {
        if let Some(path) = &self.json {
            write_file(path, serde_json::to_string_pretty(now)? + "\n")?;
        }
        if let Some(path) = &self.roofline {
            write_file(path, roofline::draw(now)?)?;
        }
        let table = super::table(&now.figures);
        match earlier {
            Some(earlier) => Ok(format!("{table}\n\n{}", comparison(now, earlier)?)),
            None => Ok(table),
        }
    }
}

impl Kept {
    /// Reads a document.
    ///
    /// # Errors
    /// If the file cannot be read or holds no figures.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{}: not the figures of `cargo xtask bench --json`", path.display()))
    }

    fn said(&self, key: &str) -> String {
        match self.about.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => "unknown".to_owned(),
        }
    }
}

/// How many times as fast a figure is as before; none where it is not a speed.
fn times_as_fast(now: &Measurement, before: &Measurement) -> Option<f64> {
    match now.unit.as_ref() {
        "ms" | "s" => Some(before.value / now.value),
        unit if unit.ends_with("/s") => Some(now.value / before.value),
        _ => None,
    }
}

/// The table of ratios. Rows that only one of the two has are named below it.
fn comparison(now: &Kept, before: &Kept) -> Result<String> {
    // What only the potential's documents have.
    let kind = |kept: &Kept| if kept.about.contains_key("potential_sha256") { "the potential" } else { "sampling" };
    if kind(now) != kind(before) {
        bail!(
            "these are figures of {}, and the baseline has those of {}; give one of the same command",
            kind(now),
            kind(before)
        );
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header(["what", "batch", "before", "now", "unit", "now / before", "times as fast"]);
    let key = |one: &Measurement| (one.what.clone(), one.batch);
    let known: BTreeMap<_, &Measurement> = before.figures.iter().map(|one| (key(one), one)).collect();
    let (mut added, mut lost) = (Vec::new(), Vec::new());
    let named = |(what, batch): (String, Option<usize>)| match batch {
        Some(batch) => format!("{what} (batch {batch})"),
        None => what,
    };
    for one in &now.figures {
        match known.get(&key(one)).filter(|earlier| earlier.unit == one.unit) {
            Some(earlier) => {
                let ratio = format!("{:.3}", one.value / earlier.value);
                table.add_row([
                    one.what.clone(),
                    one.batch.map_or_else(|| "–".to_owned(), |batch| batch.to_string()),
                    significant(earlier.value),
                    significant(one.value),
                    one.unit.to_string(),
                    ratio,
                    times_as_fast(one, earlier).map_or_else(|| "–".to_owned(), |times| format!("{times:.3}")),
                ]);
            }
            None => added.push(named(key(one))),
        }
    }
    let here: Vec<_> = now.figures.iter().map(|one| (key(one), &one.unit)).collect();
    for one in &before.figures {
        if !here.contains(&(key(one), &one.unit)) {
            lost.push(named(key(one)));
        }
    }
    let mut text = format!("Before: revision {}; now: revision {}\n{table}\n", before.said("git"), now.said("git"));
    for (what, rows) in [("Only in the baseline", lost), ("Not in the baseline", added)] {
        if !rows.is_empty() {
            text += &format!("{what}: {}\n", rows.join("; "));
        }
    }
    for key in ["device", "data_sha256", "gpus", "exchange"] {
        let (earlier, now) = (before.said(key), now.said(key));
        if earlier != now {
            text += &format!("Not measured alike: {key} was {earlier}, and is {now}\n");
        }
    }
    Ok(text)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::throughput) fn kept(figures: &[(&str, Option<usize>, f64, &str)]) -> Kept {
        let figure = |&(what, batch, value, unit): &(&str, Option<usize>, f64, &str)| Measurement {
            what: what.to_owned(),
            batch,
            value,
            range: (value, value),
            unit: unit.to_owned().into(),
            of_ceiling: None,
        };
        let about = [("git", "abc"), ("device", "cpu")].map(|(key, value)| (key.to_owned(), value.into())).into();
        Kept { about, figures: figures.iter().map(figure).collect() }
    }

    #[test]
    fn ratios_say_what_is_faster_and_what_is_missing() {
        let before = kept(&[
            ("evaluation", Some(4), 8.0, "ms"),
            ("sampling", Some(4), 2.0, "structures/s"),
            ("old", None, 1.0, "ms"),
        ]);
        let now = kept(&[
            ("evaluation", Some(4), 2.0, "ms"),
            ("sampling", Some(4), 3.0, "structures/s"),
            ("sampling", Some(8), 3.0, "structures/s"),
            ("memory", Some(4), 1.0, "GiB"),
        ]);
        let text = comparison(&now, &before).expect("a comparison");
        let row = |start: &str| text.lines().find(|line| line.contains(start)).expect("a row").to_owned();
        assert!(row("evaluation").contains("0.250") && row("evaluation").contains("4.000"), "{text}");
        assert!(row("structures/s").contains("1.500"), "{text}");
        assert!(text.contains("Only in the baseline: old\n"), "{text}");
        assert!(text.contains("Not in the baseline: sampling (batch 8); memory (batch 4)"), "{text}");
        assert!(!text.contains("Not measured alike"), "{text}");
        let mut other = before.clone();
        other.about.insert("device".to_owned(), "cuda".into());
        assert!(comparison(&now, &other).expect("a comparison").contains("device was cuda, and is cpu"));
        other.about.insert("potential_sha256".to_owned(), "0".into());
        let error = comparison(&now, &other).expect_err("another command").to_string();
        assert!(error.contains("of the same command"), "{error}");
    }

    #[test]
    fn kept_documents_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/results/throughput");
        for name in ["h200-batches.json", "h200-potential-2.json"] {
            let kept = Kept::read(&folder.join(name)).expect("figures");
            let again: Kept = serde_json::from_value(serde_json::to_value(&kept).expect("JSON")).expect("figures");
            assert_eq!(again, kept);
            assert!(comparison(&kept, &kept).expect("a comparison").contains("1.000"));
        }
        assert!(Kept::read(&folder.join("h200-parity.json")).is_err());
    }
}
