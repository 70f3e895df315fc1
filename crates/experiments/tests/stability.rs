//! The stability benchmark and Table 2: small runs of the program.

mod common;

use std::path::Path;
use std::process::Command;

use common::{experiments, successful};
use serde_json::Value;
use test_support::needs;

/// Sodium, chlorine in a simple cell, rock salt.
const KNOWN: &str = "material_id,lattice,species,frac_coords\n\
                     mp-1,-2.1 2.1 2.1 2.1 -2.1 2.1 2.1 2.1 -2.1,Na,0 0 0\n\
                     mp-2,0 2.4 2.4 2.4 0 2.4 2.4 2.4 0,Cl,0 0 0\n\
                     mp-3,0 2.82 2.82 2.82 0 2.82 2.82 2.82 0,Na Cl,0 0 0 0.5 0.5 0.5\n";
/// Rock salt twice, atoms on one another, and an element that the hull lacks.
const SAMPLES: &str = "idx,lattice,species,frac_coords\n\
                       0,0 2.9 2.9 2.9 0 2.9 2.9 2.9 0,Na Cl,0 0 0 0.5 0.5 0.5\n\
                       1,0 2.8 2.8 2.8 0 2.8 2.8 2.8 0,Na Cl,0.5 0.5 0.5 0 0 0\n\
                       2,4 0 0 0 4 0 0 0 4,Na Cl,0 0 0 0.01 0 0\n\
                       3,-1.9 1.9 1.9 1.9 -1.9 1.9 1.9 1.9 -1.9,K,0 0 0\n";

fn stability(folder: &Path, more: &[&str]) -> Command {
    let mut command = experiments(folder);
    command.args(["stability", "--name", "run", "--data"]).arg(folder).arg("--out").arg(folder);
    command.arg("--generated").arg(folder.join("samples.csv"));
    command.arg("--reference").arg(folder.join("hull/hull-reference.bin")).args(more);
    command
}

#[test]
fn samples_are_counted_with_their_failures() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("mp_20")).expect("a folder");
    std::fs::write(folder.join("mp_20/train.csv"), KNOWN).expect("a table");
    std::fs::write(folder.join("samples.csv"), SAMPLES).expect("a table");
    let mut hull = experiments(folder);
    hull.args(["hull-reference", "--data"]).arg(folder).arg("--out").arg(folder.join("hull"));
    successful(&mut hull);
    // A time that is over before the work: nothing is lost, and the run goes on.
    let short = successful(&mut stability(folder, &["--minutes", "0.01"]));
    assert!(String::from_utf8_lossy(&short.stdout).contains("--resume"));
    successful(&mut stability(folder, &["--resume", "--phonons", "1"]));
    let text = std::fs::read(folder.join("run/stability.json")).expect("a document");
    let document: Value = serde_json::from_slice(&text).expect("JSON");
    let count = |key: &str| document["rows"][0][key]["n"].as_u64().expect("a count");
    assert_eq!(document["rows"][0]["n_samples"], 4);
    // One is not valid, one in a system without a hull.
    assert_eq!(["failed", "unique", "unique_novel"].map(count), [2, 2, 1], "{document}");
    assert_eq!(count("stable") + count("metastable"), 2, "rock salt is the phase of the hull, {document}");
    assert_eq!(count("sun_up_to_0.1"), 0, "rock salt is known");
    let failures = ["invalid", "not_relaxed", "not_on_hull"].map(|key| document["failures"][key].clone());
    assert_eq!(failures, [1, 0, 1].map(Value::from));
    assert_eq!(document["phonons"]["computed"], 1);
    let csv = std::fs::read_to_string(folder.join("run/samples.csv")).expect("a table");
    assert_eq!(csv.lines().count(), 5);
    let again = stability(folder, &["--resume"]).output().expect("the program starts");
    assert!(String::from_utf8_lossy(&again.stderr).contains("a finished run lies there"));
}

#[needs(shared)]
#[test]
fn a_target_is_sampled_relaxed_and_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut run = experiments(folder);
    run.args(["table2", "--first", "1", "--samples", "2", "--evaluations", "4", "--name", "run", "--targets"]);
    run.arg(test_support::shared("data/table2/targets.jsonl")).arg("--out").arg(folder);
    let said = String::from_utf8(successful(&mut run).stdout).expect("text");
    assert!(said.contains("NOT checked") && said.contains("1 targets"), "{said}");
    let text = std::fs::read(folder.join("run/table2.json")).expect("a document");
    let document: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(document["rows"].as_array().map(Vec::len), Some(3));
    // With the formula given, LiMgP has the right composition in every sample that came out.
    let formula = &document["rows"][2];
    assert_eq!(formula["targets"][0]["same_formula"], formula["sampled"]);
    assert_eq!(document["ceiling"]["kept"][0][0][0], true, "the half-Heusler compound keeps its structure");
}

#[test]
fn crystals_are_invented_for_the_benchmark() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("mp_20")).expect("a folder");
    std::fs::write(folder.join("mp_20/train.csv"), KNOWN).expect("a table");
    let run = |name: &str, more: &[&str]| {
        let mut command = experiments(folder);
        command.args(["stability", "--de-novo", "--samples", "3", "--evaluations", "4", "--minutes", "0.01"]);
        command.args(["--name", name, "--data"]).arg(folder).arg("--out").arg(folder).args(more);
        command
    };
    // The samples are there before the time is over.
    let said = String::from_utf8(successful(&mut run("first", &[])).stdout).expect("text");
    assert!(said.contains("--resume"), "{said}");
    let samples = |name: &str| std::fs::read_to_string(folder.join(name).join("samples.jsonl")).expect("samples");
    assert_eq!(samples("first").lines().count(), 3);
    successful(&mut run("cold", &["--temperature", "0.3"]));
    assert_ne!(samples("cold"), samples("first"));
    let refused = |more: &[&str]| {
        let output = run("refused", more).output().expect("the program starts");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--temperature", "0"]).contains("from 0.1 to 5"));
    assert!(refused(&["--generated", "samples.csv"]).contains("--generated"));
    assert!(!folder.join("refused").exists());
}
