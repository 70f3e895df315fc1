//! The reference set of hulls: runs of the program on a few crystals, cut off and resumed.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{experiments, successful};
use serde_json::Value;
use stability::ReferenceSet;

/// Sodium, rock salt at a lattice constant that is too large, and polonium in a cell that no potential can evaluate.
const ROWS: [&str; 3] = [
    "mp-1,-2.1 2.1 2.1 2.1 -2.1 2.1 2.1 2.1 -2.1,Na,0 0 0",
    "mp-2,0 2.9 2.9 2.9 0 2.9 2.9 2.9 0,Na Cl,0 0 0 0.5 0.5 0.5",
    "mp-3,0 0.2 0.2 0.2 0 0.2 0.2 0.2 0,Cl,0 0 0",
];

fn data(folder: &Path) -> PathBuf {
    let data = folder.join("mp_20");
    std::fs::create_dir_all(&data).expect("a folder");
    let text = format!("material_id,lattice,species,frac_coords\n{}\n", ROWS.join("\n"));
    std::fs::write(data.join("train.csv"), text).expect("a table");
    data
}

fn command(folder: &Path, out: &str, more: &[&str]) -> Command {
    let mut command = experiments(folder);
    command.args(["hull-reference", "--data"]).arg(folder).arg("--out").arg(folder.join(out)).args(more);
    command
}

fn summary(folder: &Path, out: &str) -> Value {
    let text = std::fs::read(folder.join(out).join("hull-reference.json")).expect("a summary");
    serde_json::from_slice(&text).expect("JSON")
}

fn refused(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2), "{command:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_run_in_two_legs_is_the_run_in_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    data(folder);
    let said = successful(&mut command(folder, "whole", &[]));
    let said = String::from_utf8(said.stdout).expect("text");
    assert!(said.contains("WITHOUT an end member") && said.contains("Cl"), "{said}");
    let whole = summary(folder, "whole");
    let count = |summary: &Value, key: &str| summary[key].as_u64().expect("a count");
    let keys = ["structures", "with_energy", "failed", "not_reached", "phases"];
    assert_eq!(keys.map(|key| count(&whole, key)), [3, 2, 1, 0, 2]);
    assert_eq!(whole["missing_end_members"], serde_json::json!(["Cl"]));

    // One structure, then a line that a kill cut off, then the rest.
    successful(&mut command(folder, "legs", &["--limit", "1"]));
    assert_eq!(count(&summary(folder, "legs"), "not_reached"), 2);
    let journal = folder.join("legs/hull-reference.jsonl");
    let mut text = std::fs::read(&journal).expect("lines");
    text.extend(b"{\"id\":\"mp-2\",\"outc");
    std::fs::write(&journal, text).expect("lines");
    assert!(refused(&mut command(folder, "legs", &[])).contains("--resume"));
    assert!(refused(&mut command(folder, "legs", &["--resume", "--mode", "single-point"])).contains("other data"));
    successful(&mut command(folder, "legs", &["--resume"]));
    let read = |out: &str| ReferenceSet::read(&folder.join(out).join("hull-reference.bin")).expect("a set");
    let (one, other) = (read("whole"), read("legs"));
    assert!(one.phases().eq(other.phases()), "the same phases with the same energies");
    assert!(one.settings().contains("0.01 Å") && one.data().name.starts_with("mp_20 "), "{}", one.settings());

    // Nothing is relaxed, the file is written again.
    std::fs::remove_file(folder.join("legs/hull-reference.bin")).expect("a file");
    successful(&mut command(folder, "legs", &["--finish"]));
    assert_eq!(read("legs").sha256(), other.sha256());
}

#[test]
fn energies_as_given_and_a_time_that_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    data(folder);
    // Less than the reserve for writing: nothing is started, and that is said.
    successful(&mut command(folder, "short", &["--minutes", "0.01"]));
    assert_eq!(summary(folder, "short")["not_reached"], 3);
    successful(&mut command(folder, "points", &["--mode", "single-point"]));
    let set = ReferenceSet::read(&folder.join("points/hull-reference.bin")).expect("a set");
    successful(&mut command(folder, "relaxed", &[]));
    let relaxed = ReferenceSet::read(&folder.join("relaxed/hull-reference.bin")).expect("a set");
    for (point, relaxed) in set.phases().zip(relaxed.phases()) {
        assert_eq!(point.id, relaxed.id);
        assert!(relaxed.raw_energy_per_atom < point.raw_energy_per_atom, "{}", point.id);
    }
    for (arguments, cure) in
        [(["--limit", "0"], "--limit is 0"), (["--minutes", "nan"], "--minutes"), (["--max-atoms", "0"], "--max-atoms")]
    {
        assert!(refused(&mut command(folder, "refused", &arguments)).contains(cure));
    }
    assert!(!folder.join("refused").exists());
    assert!(refused(&mut command(folder, "nothing", &["--finish"])).contains("without --finish"));
}
