//! Table 1 as text, Markdown and JSON.

use comfy_table::{ContentArrangement, Table, presets};
use serde::{Deserialize, Serialize};

use crate::published::Figures;

/// A measured figure with the standard deviation of its estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The figure.
    pub value: f64,
    /// Its standard deviation.
    pub std: f64,
}

/// A row of Table 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the model or set.
    pub name: String,
    /// The paper's figures.
    pub published: Option<Figures<f64>>,
    /// This run's.
    pub measured: Option<Figures<Option<Measured>>>,
    /// Number of structures measured.
    pub n_samples: usize,
    /// What was measured, or why nothing was.
    pub note: String,
}

/// What stands in place of a figure that was not measured.
pub(crate) const NOT_RUN: &str = "not run here";
/// Heads of the columns.
pub(crate) const HEADERS: [&str; 5] = ["model", "COV-P", "COV-R", "FD CrystalNN", "FD CGCNN"];

fn published_cells(f: &Figures<f64>) -> [String; 4] {
    [f.cov_p, f.cov_r, f.fd_crystalnn, f.fd_cgcnn].map(|figure| format!("{figure:.3}"))
}

fn measured_cells(figures: Option<&Figures<Option<Measured>>>) -> [String; 4] {
    let cell = |figure: Option<Measured>, digits: usize| {
        figure.map_or_else(|| "–".to_owned(), |m| format!("{:.digits$} ± {:.digits$}", m.value, m.std))
    };
    figures.map_or_else(
        || std::array::from_fn(|_| NOT_RUN.to_owned()),
        |f| [cell(f.cov_p, 3), cell(f.cov_r, 3), cell(f.fd_crystalnn, 4), cell(f.fd_cgcnn, 3)],
    )
}

/// Name and cells of every line: the paper's figures, if there are any, and this run's below them.
pub(crate) fn lines(rows: &[Row]) -> Vec<[String; 5]> {
    let mut lines = Vec::new();
    for row in rows {
        let with_name = |name: String, cells: [String; 4]| {
            let [a, b, c, d] = cells;
            [name, a, b, c, d]
        };
        if let Some(published) = &row.published {
            lines.push(with_name(format!("{}, published", row.name), published_cells(published)));
        }
        let count = if row.measured.is_some() { format!(" ({})", row.n_samples) } else { String::new() };
        lines.push(with_name(format!("{}, this run{count}", row.name), measured_cells(row.measured.as_ref())));
    }
    lines
}

/// The table for a terminal, notes below it.
pub fn text(rows: &[Row]) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(HEADERS);
    for line in lines(rows) {
        table.add_row(line);
    }
    format!("{table}\n{}", notes(rows, "  "))
}

/// The table as Markdown, notes below it.
pub fn markdown(rows: &[Row]) -> String {
    let mut out = format!("| {} |\n|{}\n", HEADERS.join(" | "), " --- |".repeat(HEADERS.len()));
    for line in lines(rows) {
        out += &format!("| {} |\n", line.join(" | "));
    }
    format!("{out}\n{}", notes(rows, "- "))
}

fn notes(rows: &[Row], bullet: &str) -> String {
    rows.iter().filter(|row| !row.note.is_empty()).map(|row| format!("{bullet}{}: {}\n", row.name, row.note)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published;

    fn rows() -> Vec<Row> {
        let measured = |value| Some(Measured { value, std: 0.002 });
        vec![
            Row {
                name: "this work".to_owned(),
                published: Some(published::THIS_WORK),
                measured: Some(Figures {
                    cov_p: measured(0.9),
                    cov_r: measured(0.85),
                    fd_crystalnn: measured(0.2),
                    fd_cgcnn: None,
                }),
                n_samples: 100,
                note: "seed 0".to_owned(),
            },
            Row {
                name: "CDVAE".to_owned(),
                published: Some(published::CDVAE),
                measured: None,
                n_samples: 0,
                note: String::new(),
            },
        ]
    }

    #[test]
    fn markdown_table() {
        insta::assert_snapshot!(markdown(&rows()), @r"
        | model | COV-P | COV-R | FD CrystalNN | FD CGCNN |
        | --- | --- | --- | --- | --- |
        | this work, published | 0.972 | 0.965 | 0.102 | 0.682 |
        | this work, this run (100) | 0.900 ± 0.002 | 0.850 ± 0.002 | 0.2000 ± 0.0020 | – |
        | CDVAE, published | 0.982 | 0.862 | 0.199 | 0.703 |
        | CDVAE, this run | not run here | not run here | not run here | not run here |

        - this work: seed 0
        ");
    }

    #[test]
    fn text_holds_every_cell() {
        let text = text(&rows());
        for line in lines(&rows()) {
            assert!(text.lines().any(|row| line.iter().all(|cell| row.contains(cell.as_str()))), "{line:?} in\n{text}");
        }
        assert!(text.contains("this work: seed 0"));
    }
}
