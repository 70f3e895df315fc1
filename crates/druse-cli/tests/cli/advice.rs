//! What a message says to write is taken when it is written; what would not end is refused at once.

use std::time::{Duration, Instant};

use crate::support::{Folder, rock_salt};

const FAST: [&str; 6] = ["--sampler", "few-step", "--evaluations", "2", "--out", "grown"];

fn sample<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["sample"], words, &FAST].concat()
}

#[test]
fn formulas_as_people_write_them() {
    let folder = Folder::new();
    for formula in ["Na Cl", "Na(Cl)", "Na\u{2081}Cl", "(NaCl)2"] {
        let words = sample(&["--formula", formula, "--space-group", "225", "--atoms", "2", "--json"]);
        let document = folder.druse(&words).status(0).document();
        assert_eq!(document["structures"][0]["formula"], "NaCl", "{formula}");
    }
    // Groups in brackets: Ca3(PO4)2 is 13 atoms.
    let words = sample(&["--formula", "Ca3(PO4)2", "--space-group", "1", "--formula-units", "1", "--json"]);
    assert_eq!(folder.druse(&words).status(0).document()["structures"][0]["formula"], "Ca3P2O8");
    for (formula, cure) in [
        ("Fe:1,Nd:1,Si:1", "symbol such as Fe"),
        ("Fe0.5Mn0.5O", "FeMnO2"),
        ("CaSO4\u{b7}2H2O", "CaSO4(H2O)2"),
        ("2NaCl", "Cu2KSi"),
        ("Na2SO4)", "Ca3(PO4)2"),
        ("nacl", "symbol such as Fe"),
    ] {
        let run = folder.druse(&sample(&["--formula", formula, "--space-group", "1"])).refused(&[cure]);
        assert!(!run.stderr().contains("write it as Fe:1"), "the way of another option: {}", run.stderr());
    }
    // Sites per element have their own way, which is taken.
    folder
        .druse(&sample(&["--sites-per-element", "NaCl", "--space-group", "225"]))
        .refused(&["write it as Fe:1,Nd:1,Si:1"]);
    folder.druse(&sample(&["--sites-per-element", "Fe:1,Nd:1,Si:1", "--space-group", "139"])).status(0);
    folder.druse(&sample(&["--formula", "NaCl", "--atoms", "9-4"])).refused(&["such as 4-20"]);
    folder.druse(&sample(&["--formula", "NaCl", "--atoms", "4-20"])).status(0);
    // The line of orders that a message shows.
    folder.write("orders.jsonl", "{}\n");
    let orders = sample(&["--orders", "orders.jsonl"]);
    let said = folder.druse(&orders).status(2).stderr();
    let example = said.split("an order is ").nth(1).expect("an example").trim().to_owned();
    folder.write("orders.jsonl", &format!("{example}\n"));
    folder.druse(&orders).status(0);
}

#[test]
fn requests_without_end_are_refused_at_once() {
    let folder = Folder::new();
    let start = Instant::now();
    for (words, said) in [
        (vec!["--formula", "NaCl", "--space-group", "225", "--count", "99999999999"], "at most 1000000"),
        (vec!["--formula", "NaCl", "--count", "99999999999"], "at most 1000000"),
        (vec!["--formula", "NaCl", "--space-group", "225", "--atoms", "1-100000"], "at most 200"),
        (vec!["--formula", "NaCl", "--atoms", "1-400"], "at most 200"),
        (vec!["--formula", "NaCl", "--formula-units", "99999999999"], "at most 200"),
        (vec!["--formula", "Na99999Cl"], "at most 200"),
        (vec!["--wyckoff", "Na@4a Cl@4b", "--space-group", "225", "--count", "99999999999"], "at most"),
        (vec!["--sites-per-element", "Na:1", "--space-group", "225", "--count", "99999999999"], "at most"),
        (vec!["--elements", "Na,Cl", "--count", "99999999999"], "at most"),
        (vec!["--elements", "Na,Cl", "--sites", "1-100000"], "narrow --sites"),
        (vec!["--elements", "Na,Cl,K,Br,I,O,S,Se", "--sites", "1-8"], "narrow --sites"),
    ] {
        let before = Instant::now();
        folder.druse(&sample(&words)).refused(&[said]);
        assert!(before.elapsed() < Duration::from_secs(20), "{words:?}: {:?}", before.elapsed());
    }
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
    assert!(folder.files().is_empty());
}

/// A slab with 250 Å of vacuum has not collapsed, and 20 Å of vacuum are enough, as the message says.
#[test]
fn vacuum_is_named_as_such() {
    let folder = Folder::new();
    let slab = |c: f64| {
        let (mut species, mut points) = (Vec::new(), Vec::new());
        for layer in 0..3 {
            for (x, y) in [(0.0, 0.0), (0.5, 0.5), (0.5, 0.0), (0.0, 0.5)] {
                let is_metal = (layer % 2 == 0) == (x == y);
                species.push(if is_metal { "\"Mg\"" } else { "\"O\"" });
                points.push(format!("[{x}, {y}, {}]", 2.1 * f64::from(layer) / c));
            }
        }
        format!(
            "{{\"lattice\": [[4.2, 0, 0], [0, 4.2, 0], [0, 0, {c}]], \"species\": [{}], \"frac_coords\": [{}]}}\n",
            species.join(", "),
            points.join(", ")
        )
    };
    folder.write("wide.jsonl", &slab(600.0));
    folder.druse(&["fingerprint", "wide.jsonl", "--json"]).refused(&["wide.jsonl", "vacuum", "20 Å are enough"]);
    folder.write("narrow.jsonl", &slab(24.2));
    folder.druse(&["fingerprint", "narrow.jsonl", "--json"]).status(0);
}

/// A file of several structures where one is wanted: split, as the message says, each of them is taken.
#[test]
fn several_structures_are_split_as_the_message_says() {
    let folder = Folder::new();
    let two =
        format!("{}\n{}", rock_salt("Na", "Cl", 5.64), rock_salt("K", "Cl", 6.29).replace("data_test", "data_other"));
    folder.write("two.cif", &two);
    folder.druse(&sample(&["--template", "two.cif"])).refused(&["2 structures", "druse convert FILE FOLDER/"]);
    folder.druse(&["convert", "two.cif", "split/"]).status(0);
    let file = folder.files().into_iter().find(|file| file.starts_with("split/")).expect("a file");
    folder.druse(&sample(&["--template", &file])).status(0);
}
