//! Structures survive every format.

use crate::support::{Folder, cesium_chlorides, rock_salt};

#[test]
fn round_trip_through_every_format() {
    let folder = Folder::new();
    folder.write("start.cif", &rock_salt("Na", "Cl", 5.6402));
    let chain = ["start.cif", "POSCAR", "a.extxyz", "b.json", "c.jsonl", "d.jsonl.zst", "e.vasp", "f.xyz", "end.cif"];
    for pair in chain.windows(2) {
        folder.druse(&["convert", pair[0], pair[1]]).status(0);
    }
    let fingerprint = |file: &str| {
        let document = folder.druse(&["fingerprint", file, "--json"]).status(0).document();
        let numbers = document["structures"][0]["crystalnn"].as_array().expect("numbers").clone();
        numbers.into_iter().map(|x| x.as_f64().expect("a number")).collect::<Vec<f64>>()
    };
    let start = fingerprint("start.cif");
    for file in &chain[1..] {
        for (a, b) in start.iter().zip(fingerprint(file)) {
            assert!((a - b).abs() < 1e-6, "{file}: {a} {b}");
        }
        let document = folder.druse(&["symmetry", file, "--symprec", "0.001", "--json"]).status(0).document();
        let structure = &document["structures"][0];
        assert_eq!(
            (&structure["number"], structure["orbits"].as_array().map(Vec::len)),
            (&225.into(), Some(8)),
            "{file}"
        );
    }
    // The cell and the coordinates themselves, read back from the last file.
    folder.druse(&["convert", "end.cif", "end.jsonl"]).status(0);
    let line = std::fs::read_to_string(folder.path().join("end.jsonl")).expect("a line");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    for row in 0..3 {
        for column in 0..3 {
            let expected = if row == column { 5.6402 } else { 0.0 };
            let found = line["lattice"][row][column].as_f64().expect("a number");
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }
    assert_eq!(line["species"].as_array().map(Vec::len), Some(8));
}

#[test]
fn sets_keep_ids_and_order() {
    let folder = Folder::new();
    folder.write("set.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29), ("Tl", "I", 4.2)]));
    folder.druse(&["convert", "set.jsonl", "cifs"]).status(0);
    assert_eq!(folder.files(), ["cifs/CsBr.cif", "cifs/CsCl.cif", "cifs/TlI.cif", "set.jsonl"]);
    folder.druse(&["convert", "cifs", "back.jsonl.zst"]).status(0);
    let run = folder.druse(&["convert", "back.jsonl.zst", "again.extxyz", "--json"]).status(0);
    let document = run.document();
    assert_eq!(document["file"], "again.extxyz");
    let ids: Vec<&str> =
        document["structures"].as_array().expect("a list").iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(ids, ["CsBr", "CsCl", "TlI"], "a folder is read in the order of its names");
    assert_eq!(document["structures"][0]["n_sites"], 2);
}

#[test]
fn an_old_file_is_replaced_as_a_whole_or_not_at_all() {
    let folder = Folder::new();
    folder.write("good.cif", &rock_salt("Na", "Cl", 5.64));
    folder.write("bad.cif", "data_x\n");
    folder.write("out.vasp", "precious");
    folder.druse(&["convert", "bad.cif", "out.vasp"]).refused(&["bad.cif"]);
    assert_eq!(std::fs::read_to_string(folder.path().join("out.vasp")).expect("the old file"), "precious");
    folder.druse(&["convert", "good.cif", "out.vasp"]).status(0);
    assert_eq!(folder.files(), ["bad.cif", "good.cif", "out.vasp"]);
    folder.druse(&["symmetry", "out.vasp"]).status(0);
}
