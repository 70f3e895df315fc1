//! The page: templates, data and programs put together into one file.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use crystal_core::Species;
use druse::provenance::VERSION;
use score_model::{LATTICE_LOSS, POSITION_LOSS};
use serde::Serialize;
use serde_json::json;
use training::LossPoint;

use super::command;
use super::crystals::Crystal;
use super::distributions::Distribution;
use super::elements::look;
use super::folder::FinishedRun;
use crate::table::{HEADERS, NOT_RUN, lines};
use crate::table1::further;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const PROGRAMS: [&str; 3] = [include_str!("charts.js"), include_str!("viewer.js"), include_str!("page.js")];

/// 3Dmol.js, as its makers built it. Its text goes into a script element as it stands: a test looks whether it could
/// end one.
pub(super) const LIBRARY: &str = include_str!("../../../../assets/vendor/3Dmol-min.js");
const LIBRARY_LICENCE: &str = include_str!("../../../../assets/vendor/3Dmol-LICENSE.txt");

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
    let again = command::in_workspace(&[], &["report", "--run", &run.folder().display().to_string()]);
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
    let symprec = run.config.data.symprec.to_string();
    let no_curve =
        if run.curve.is_empty() { "This run sampled with weights that it did not train: it has no curve." } else { "" };
    fill(
        PAGE,
        &[
            ("name", &escaped(&run.name)),
            ("heading", &escaped(&run.heading)),
            ("style", STYLE),
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
            ("version", VERSION),
            ("data", &for_script(&data)?),
            ("library", LIBRARY.trim_end()),
            ("library_licence", &escaped(LIBRARY_LICENCE.trim())),
            ("programs", &PROGRAMS.join("\n")),
        ],
    )
}

/// Puts values in place of `{{name}}`, each once looked at: what a value holds is not searched again.
fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut parts = template.split("{{");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((name, rest)) = part.split_once("}}") else { bail!("page.html: a place for a value is not closed") };
        let Some((_, value)) = values.iter().find(|(known, _)| *known == name) else {
            bail!("page.html: there is no value named '{name}'")
        };
        page += value;
        page += rest;
    }
    Ok(page)
}

/// Text as HTML shows it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            other => out.push(other),
        }
    }
    out
}

/// JSON that may stand in a script element: nothing in it can end the element or begin a comment.
fn for_script(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string(value)?;
    // Outside of strings JSON has none of these characters, and inside of strings their codes mean the same.
    Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
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

/// A table of lines, each with its class; the first cell of a line is its head.
fn html_table<const N: usize>(head: [&str; N], lines: impl Iterator<Item = (&'static str, [String; N])>) -> String {
    let cells = |cells: &[String]| cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect::<String>();
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escaped(name))).collect();
    let line = |(kind, line): (&str, [String; N])| {
        format!("<tr class=\"{kind}\"><th scope=\"row\">{}</th>{}</tr>\n", escaped(&line[0]), cells(&line[1..]))
    };
    let body: String = lines.map(line).collect();
    format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>")
}

fn list(items: &[String]) -> String {
    items.iter().map(|item| format!("<li>{}</li>\n", escaped(item))).collect()
}

/// The stages, the longest first.
fn seconds(stages: &BTreeMap<String, f64>) -> String {
    let mut stages: Vec<(&String, &f64)> = stages.iter().collect();
    stages.sort_by(|a, b| b.1.total_cmp(a.1));
    let row = |(name, seconds): (&String, &f64)| {
        format!("<tr><th scope=\"row\">{}</th><td>{seconds:.1} s</td></tr>\n", escaped(name))
    };
    stages.into_iter().map(row).collect()
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

/// Colours and radii of the elements that occur in the gallery.
fn looks(crystals: &[Crystal]) -> serde_json::Value {
    let symbols = crystals.iter().flat_map(|crystal| &crystal.elements);
    let entry = |symbol: &&'static str| {
        let look = look(symbol.parse::<Species>().expect("the gallery holds elements"));
        ((*symbol).to_owned(), json!({ "colour": look.colour, "radius": look.radius }))
    };
    symbols.map(entry).collect::<serde_json::Map<_, _>>().into()
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn values_are_not_searched_for_places() {
        assert_eq!(fill("a {{x}} {{y}}", &[("x", "{{y}}"), ("y", "1")]).expect("a page"), "a {{y}} 1");
        assert!(fill("{{x}}", &[]).is_err() && fill("{{x", &[("x", "")]).is_err());
    }

    #[test]
    fn nothing_in_the_data_ends_the_script() {
        let hostile = json!({ "id": "</script><!--&\u{2028}\"" });
        let text = for_script(&hostile).expect("JSON");
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), hostile);
        assert_eq!(escaped("<a href='&'>\""), "&lt;a href=&#39;&amp;&#39;&gt;&quot;");
    }

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
        let harmless =
            |program: &str| ["</script", "<script", "<!--"].iter().all(|end| !program.to_lowercase().contains(end));
        assert!(PROGRAMS.iter().all(|program| harmless(program)) && harmless(LIBRARY));
    }

    #[test]
    fn the_library_is_the_one_that_is_noted() {
        let digest = sealed_file::sha256_hex(LIBRARY.as_bytes());
        let notes = include_str!("../../../../assets/README.md");
        let line = notes.lines().find(|line| line.starts_with("| `3Dmol-min.js`")).expect("a line about the library");
        assert!(line.contains(&digest), "{digest} is not in: {line}");
    }
}
