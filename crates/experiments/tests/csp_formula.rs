//! Structure prediction from a formula: small runs of the program.

mod common;

use std::path::Path;
use std::process::Command;

use common::{experiments, successful};
use serde_json::Value;

fn predict(folder: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = experiments(folder);
    command.args(["csp-formula", "--formulas", "3", "--tries", "4", "--evaluations", "6", "--name", name, "--out"]);
    command.arg(folder).args(more);
    command
}

fn document(folder: &Path, name: &str) -> Value {
    let text = std::fs::read(folder.join(name).join("csp-formula.json")).expect("a document");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn structures_are_predicted_from_their_formulas() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let said = String::from_utf8(successful(&mut predict(folder, "first", &[])).stdout).expect("text");
    assert!(said.contains("METRe") && !said.contains("(*)"), "{said}");
    let first = document(folder, "first");
    let rows = first["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &first["n_formulas"]), (4, &3.into()));
    for row in rows {
        let figure = |key: &str| row[key].as_f64().expect("a figure");
        assert!(figure("crmse") >= 0.5 * (1.0 - figure("metre")) - 1e-12, "{row}");
        assert!(
            (0.0..=1.0).contains(&figure("match_rate")) && figure("match_rate") <= figure("metre") + 1e-12,
            "{row}"
        );
        let among: Vec<f64> =
            row["among"].as_array().expect("shares").iter().map(|share| share.as_f64().expect("a share")).collect();
        assert!(among.windows(2).all(|pair| pair[0] <= pair[1]) && figure("match_rate") <= among[0], "{row}");
    }
    // Textbook prototypes are what the networks know best.
    assert!(rows[0]["among"][2].as_f64().expect("a share") > 0.0, "{first}");
    // A run that was interrupted goes on from what is there, and gives the same.
    let run = folder.join("first");
    std::fs::remove_file(run.join("csp-formula.json")).expect("a file of the run");
    let refused = predict(folder, "first", &[]).output().expect("the program starts");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--resume"));
    successful(&mut predict(folder, "first", &["--resume"]));
    assert_eq!(document(folder, "first")["rows"], first["rows"]);
    let other = predict(folder, "first", &["--seed", "1"]).output().expect("the program starts");
    assert!(String::from_utf8_lossy(&other.stderr).contains("a finished run lies there"));
}

#[test]
fn the_potential_chooses_and_the_table_says_what_it_has_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let energy = ["--given", "formula", "--rank", "energy", "--formulas", "1", "--tries", "1"];
    let mut command = experiments(folder);
    command.args(["csp-formula", "--evaluations", "6", "--name", "run", "--out"]).arg(folder).args(energy);
    let said = String::from_utf8(successful(&mut command).stdout).expect("text");
    assert!(said.contains("(*) The potential has seen"), "{said}");
    assert_eq!(document(folder, "run")["rows"].as_array().map(Vec::len), Some(6));
}
