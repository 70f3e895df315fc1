//! The whole way to the report, on the embedded data; and the report in a real browser, where that is asked for.
//!
//! `DRUSE_BROWSER` names the browser, a Chromium; with `DRUSE_REQUIRE_BROWSER` alone one on the path is taken. Without
//! either that test is ignored. It needs Python 3 and a Unix system.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{contents, experiments, successful};
use crystal_core::io;
use serde_json::Value;
use test_support::needs;

/// Names that distributions give to Chromium.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Makes a run of Table 1 in seconds and returns its folder.
fn tiny_run(folder: &Path) -> PathBuf {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/tiny.ron");
    successful(
        experiments(folder)
            .args(["table1", "--train"])
            .arg("--config")
            .arg(config)
            .arg("--out")
            .arg(folder)
            .args(["--name", "tiny"]),
    );
    folder.join("tiny")
}

#[test]
fn a_run_ends_with_a_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = tiny_run(folder.path());
    let report = run.join("report.html");
    let first = std::fs::read_to_string(&report).expect("a report");
    assert!(first.contains("-- table1 --train --config"), "the report names its command");
    further_figures(&run, &first);

    // To go on with a finished run shows its table, and changes nothing.
    let before = contents(&run);
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/tiny.ron");
    let again = |more: &[&str]| {
        let mut command = experiments(folder.path());
        command.args(["table1", "--train", "--name", "tiny", "--config"]).arg(&config).arg("--out").arg(folder.path());
        command.args(more).output().expect("the program starts")
    };
    let resumed = again(&["--resume"]);
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let table = std::fs::read_to_string(run.join("table1.txt")).expect("a table");
    assert_eq!(String::from_utf8_lossy(&resumed.stdout), format!("{table}\n"));
    let refused = again(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a finished run lies there already"));
    assert!(contents(&run) == before, "the finished run was changed");

    // Made again from the folder alone it is the same, byte for byte.
    std::fs::remove_file(&report).expect("it was there");
    successful(experiments(folder.path()).arg("report").arg("--run").arg(&run));
    assert!(std::fs::read_to_string(&report).expect("a report") == first, "the report made again is another");
}

#[needs(browser)]
#[test]
fn the_report_works_in_a_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = tiny_run(folder.path()).join("report.html");
    open_in(&browser(), &report, &folder.path().join("downloads"));
}

/// Uniqueness and novelty are in every file of the run.
fn further_figures(run: &Path, report: &str) {
    let text = |name: &str| std::fs::read_to_string(run.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let table: Value = serde_json::from_str(&text("table1.json")).expect("JSON");
    let lines = text("structures.csv");
    let lines: Vec<Vec<&str>> = lines.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 24);
    let share = |holds: fn(&[&str]) -> bool| lines.iter().filter(|line| holds(line)).count() as f64 / 24.0;
    let [this_work, test] = [0, 1].map(|index| &table["further"][index]);
    assert_eq!(this_work["uniqueness"], share(|line| line[0] == line[4]));
    assert_eq!(this_work["novelty"], share(|line| line[5] == "true"));
    assert_eq!(this_work["n_not_comparable"], lines.iter().filter(|line| line[4].is_empty()).count());
    // The embedded prototypes are all different, in and between the splits.
    assert_eq!(
        (&test["name"], &test["uniqueness"], &test["n_not_comparable"]),
        (&"test".into(), &1.0.into(), &0.into())
    );
    assert!(table["n_training_structures"].as_u64().is_some_and(|n| n > 100), "{}", table["n_training_structures"]);
    for (name, text) in
        [("table1.md", text("table1.md")), ("table1.txt", text("table1.txt")), ("report.html", report.to_owned())]
    {
        for word in ["unique", "novel", "not comparable", "novelty is against the"] {
            assert!(text.contains(word), "{word} in {name}");
        }
    }
    let valid = lines.iter().filter(|line| line[1] == "true").count();
    assert!(report.contains(&format!("{valid} ")), "{valid} valid structures");
}

/// The browser to use. It must be asked for: one that happens to be installed may be shut in by its distribution and
/// unable to read the test's folder.
fn browser() -> PathBuf {
    if let Some(program) = std::env::var_os("DRUSE_BROWSER") {
        return PathBuf::from(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut programs = BROWSERS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.find(|program| program.is_file()).expect("a Chromium on the path; else name one in DRUSE_BROWSER")
}

/// Runs the checks of `browser.py`, then reads every CIF that the page offers.
fn open_in(browser: &Path, report: &Path, downloads: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/browser.py");
    let output = successful(Command::new("python3").arg(script).arg(browser).arg(report).arg(downloads));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    let entries = io::read_all(downloads).expect("files were offered");
    assert!(!entries.is_empty());
    for entry in entries {
        let structure = entry.structure.unwrap_or_else(|error| panic!("{}: {error}", entry.id));
        assert!(structure.n_sites() > 0);
    }
}
