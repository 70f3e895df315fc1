//! `druse sample` without a composition.

use std::collections::BTreeSet;

use crystal_core::{Composition, Species, io};
use serde_json::Value;

use crate::support::Folder;

const FAST: [&str; 5] = ["--sampler", "few-step", "--evaluations", "4", "--json"];

fn grown(folder: &Folder, words: &[&str]) -> Vec<Value> {
    let document = folder.druse(&[&["sample"], words, &FAST].concat()).status(0).document();
    document["structures"].as_array().expect("a list").clone()
}

#[test]
fn crystals_come_without_a_demand() {
    let folder = Folder::new();
    let four = grown(&folder, &["--count", "4", "--seed", "2", "--out", "four"]);
    assert_eq!(four.len(), 4);
    let two = grown(&folder, &["--count", "2", "--seed", "2", "--out", "two"]);
    for (short, long) in two.iter().zip(&four) {
        assert_eq!((&short["id"], &short["wyckoff"]), (&long["id"], &long["wyckoff"]));
        let file = |structure: &Value| folder.read(structure["file"].as_str().expect("a file"));
        assert_eq!(file(short), file(long), "structure n depends on the seed and on n alone");
    }
    let kinds: BTreeSet<String> = four.iter().map(|structure| structure["formula"].to_string()).collect();
    assert!(kinds.len() > 1, "{kinds:?}");
}

#[test]
fn crystals_hold_all_elements_that_are_named_and_no_other() {
    let folder = Folder::new();
    let named: BTreeSet<Species> = ["Li", "O", "P"].map(|symbol| symbol.parse().expect("an element")).into();
    for structure in grown(&folder, &["--elements", "Li,O,P", "--max-atoms", "10", "--count", "3", "--out", "grown"]) {
        let file = folder.path().join(structure["file"].as_str().expect("a file"));
        let atoms = Composition::of(&io::read(&file).expect("a structure"));
        assert_eq!(atoms.iter().map(|(species, _)| species).collect::<BTreeSet<_>>(), named);
    }
}

#[test]
fn what_cannot_be_invented_is_refused_or_said() {
    let folder = Folder::new();
    let sample = |words: &[&str]| folder.druse(&[&["sample", "--out", "nowhere"], words].concat());
    sample(&[]).refused(&["say what to grow", "--count"]);
    sample(&["--count", "3", "--hull", "0.0"]).refused(&["has learned no energies", "druse hull"]);
    sample(&["--count", "3", "--temperature", "0"]).refused(&["temperature of 0", "from 0.1 to 5"]);
    sample(&["--count", "3", "--temperature", "-1"]).refused(&["from 0.1 to 5"]);
    sample(&["--max-atoms", "21"]).refused(&["21 atoms", "at most 20"]);
    sample(&["--elements", "Li,O,P", "--max-atoms", "2"]).refused(&["one atom of each of 3 elements"]);
    sample(&["--elements", "Md"]).refused(&["Md is not among them"]);
    sample(&["--elements", "Na,Cl", "--proposer", "prior"]).refused(&["the prior knows no elements"]);
    sample(&["--elements", "Na,Cl", "--sites", "1-2", "--space-group", "225"]).refused(&["--space-group", "search"]);
    sample(&["--sites", "1-2"]).refused(&["--sites is for a search"]);
    sample(&["--formula", "NaCl", "--max-atoms", "8"]).refused(&["--max-atoms", "open composition"]);
    sample(&["--elements", "Na,Cl", "--sites", "1", "--temperature", "2"]).refused(&["--temperature"]);
    sample(&["--elements", "Na", "--wyckoff", "Na@a", "--space-group", "225"]).refused(&["--elements"]);
    assert!(folder.files().is_empty());
    let fast = ["--elements", "Na,Po", "--sampler", "few-step", "--evaluations", "2"];
    let said = sample(&fast).stderr();
    assert!(said.contains("no crystal with Po"), "{said}");
}
