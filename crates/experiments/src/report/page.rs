//! The page: templates, data and programs put together into one file.

use std::collections::BTreeMap;

use anyhow::Result;
use druse::provenance::VERSION;
use score_model::{LATTICE_LOSS, POSITION_LOSS};
use serde_json::json;
use training::LossPoint;

use report_page::{
    Crystal, GALLERY, GALLERY_HTML, NODES, Report, VIEWER, escaped, fill, html_table, looks, plain_rows,
};

use super::distributions::Distribution;
use super::finished::FinishedRun;
use crate::table::{HEADERS, NOT_RUN, lines};
use crate::{command, further};

const SECTIONS: &str = include_str!("page.html");
const LINKS: [(&str, &str); 5] = [
    ("table", "Table"),
    ("loss", "Loss"),
    ("distributions", "Distributions"),
    ("crystals", "Crystals"),
    ("run", "Run"),
];
const PROGRAMS: [&str; 5] = [NODES, include_str!("charts.js"), VIEWER, GALLERY, include_str!("page.js")];

/// Points of the loss curve that are drawn at most: more than a picture has pixels for would only make the page large.
const CURVE_POINTS: usize = 500;
/// What stands in place of a command that was not noted.
const NO_COMMAND: &str = "not noted by this run; config.ron has its settings";

/// The page of a run. `n_compared` are the numbers of generated and test structures behind the distributions.
///
/// # Errors
/// If a template and this code do not agree.
pub fn page(
    run: &FinishedRun,
    distributions: &[Distribution],
    crystals: &[Crystal],
    n_compared: [usize; 2],
) -> Result<String> {
    let command = run.command.as_deref().unwrap_or(NO_COMMAND);
    let again = command::in_workspace(&[], &["report", "--run", &run.folder.display().to_string()]);
    let data = json!({
        "command": command,
        "loss": loss(&run.curve),
        "distributions": distributions,
        "crystals": crystals,
        "looks": looks(crystals),
    });
    let [n_generated, n_test] = n_compared.map(|n| n.to_string());
    let all_generated = run.generated.len().to_string();
    let shown = crystals.len().to_string();
    let symprec = run.symprec.to_string();
    let no_curve =
        if run.curve.is_empty() { "This run sampled with weights that it did not train: it has no curve." } else { "" };
    let sections = fill(
        SECTIONS,
        &[
            ("gallery", GALLERY_HTML.trim_end()),
            ("table", &table(run)),
            ("further", &further(run)),
            ("notes", &list(&run.notes)),
            ("command", &escaped(command)),
            ("again", &escaped(&again)),
            ("no_curve", no_curve),
            ("n_generated", &n_generated),
            ("all_generated", &all_generated),
            ("n_test", &n_test),
            ("n_shown", &shown),
            ("symprec", &symprec),
            ("data_name", &escaped(&run.data_name)),
            ("data_sha256", &escaped(&run.data_sha256)),
            ("seconds", &seconds(&run.seconds)),
            ("config", &escaped(run.config_text.trim())),
        ],
    )?;
    let report = Report {
        title: &format!("Table 1: {}", run.name),
        kicker: "Druse, report of a run",
        name: &run.name,
        heading: &run.heading,
        links: &LINKS,
        without_programs: "The pictures of this page are drawn by its own program, which needs JavaScript. The table and \
                           the notes do not.",
        own_style: "",
        sections: &sections,
        data: &data,
        programs: &PROGRAMS,
        version: VERSION,
    };
    Ok(report.html()?)
}

fn table(run: &FinishedRun) -> String {
    let line = |cells: [String; 5]| {
        let kind = match cells[1].as_str() {
            NOT_RUN => "absent",
            _ if cells[0].ends_with("published") => "published",
            _ => "measured",
        };
        (kind, cells)
    };
    html_table(HEADERS, lines(&run.rows).into_iter().map(line))
}

fn further(run: &FinishedRun) -> String {
    html_table(further::HEADERS, run.further.iter().map(|set| ("measured", set.cells())))
}

fn list(items: &[String]) -> String {
    items.iter().map(|item| format!("<li>{}</li>\n", escaped(item))).collect()
}

/// The stages, the longest first.
fn seconds(stages: &BTreeMap<String, f64>) -> String {
    let mut stages: Vec<(&String, &f64)> = stages.iter().collect();
    stages.sort_by(|a, b| b.1.total_cmp(a.1));
    plain_rows(stages.into_iter().map(|(name, seconds)| (name.as_str(), format!("{seconds:.1} s"))))
}

/// The curve, each point the mean over as many steps as bring it down to [`CURVE_POINTS`]. Nothing for an empty curve.
fn loss(curve: &[LossPoint]) -> Option<serde_json::Value> {
    let last = curve.last()?;
    let chunk = curve.len().div_ceil(CURVE_POINTS);
    let mean = |value: fn(&LossPoint) -> f32| {
        let of_chunk = |points: &[LossPoint]| {
            let mean = points.iter().map(|point| f64::from(value(point))).sum::<f64>() / points.len() as f64;
            (mean * 1e4).round() / 1e4
        };
        curve.chunks(chunk).map(of_chunk).collect::<Vec<f64>>()
    };
    let steps: Vec<u64> = curve.chunks(chunk).map(|points| points[points.len() / 2].step).collect();
    Some(json!({
        "last": last.step + 1,
        "averaged": chunk,
        "step": steps,
        "position": mean(|point| point.parts[POSITION_LOSS]),
        "lattice": mean(|point| point.parts[LATTICE_LOSS]),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_are_averaged() {
        let curve: Vec<LossPoint> = (0..15_000).map(|step| LossPoint { step, parts: vec![0.5, step as f32] }).collect();
        let loss = loss(&curve).expect("a curve");
        let points = loss["position"].as_array().expect("numbers");
        assert!(points.len() == 500 && points.iter().all(|point| point == 0.5));
        assert_eq!(
            (loss["averaged"].as_u64(), loss["lattice"][0].as_f64(), loss["step"][0].as_u64()),
            (Some(30), Some(14.5), Some(15))
        );
        assert!(super::loss(&[]).is_none());
    }

    #[test]
    fn the_programs_do_not_end_their_element() {
        assert!(PROGRAMS.iter().all(|program| report_page::may_stand_in_script(program)));
    }
}
