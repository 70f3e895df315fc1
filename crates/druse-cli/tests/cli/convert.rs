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

/// A copper-gold alloy on the lattice of copper, with its operations or with all atoms listed.
fn alloy(gold: f64, symmetric: bool) -> String {
    let head = "data_alloy\n_cell_length_a 3.8\n_cell_length_b 3.8\n_cell_length_c 3.8\n_cell_angle_alpha 90\n\
                _cell_angle_beta 90\n_cell_angle_gamma 90\n";
    let group = if symmetric { "F m -3 m" } else { "P 1" };
    let points: &[&str] = if symmetric { &["0 0 0"] } else { &["0 0 0", "0 .5 .5", ".5 0 .5", ".5 .5 0"] };
    let mut text = format!("{head}_space_group_name_H-M_alt '{group}'\nloop_\n_atom_site_type_symbol\n");
    text += "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n";
    for point in points {
        text += &format!("Cu {point} {}\nAu {point} {gold}\n", 1.0 - gold);
    }
    text
}

#[test]
fn disordered_structures_are_ordered_on_request() {
    let folder = Folder::new();
    folder.write("auricupride.cif", &alloy(0.25, true));
    folder.write("listed.cif", &alloy(0.25, false));
    // Every command refuses, and names the way; the way works.
    for words in [
        vec!["convert", "auricupride.cif", "out.vasp"],
        vec!["symmetry", "auricupride.cif"],
        vec!["fingerprint", "auricupride.cif", "--json"],
        vec!["match", "auricupride.cif", "auricupride.cif"],
        vec!["evaluate", "--generated", "auricupride.cif", "--reference", "auricupride.cif"],
        vec!["sample", "--template", "auricupride.cif", "--out", "grown"],
    ] {
        folder.druse(&words).refused(&["druse convert --order 1 FILE ORDERED.cif"]);
    }
    folder.druse(&["convert", "--order", "1", "auricupride.cif", "ordered.cif"]).status(0);
    let found = folder.druse(&["symmetry", "ordered.cif", "--json"]).status(0).document();
    assert_eq!(found["structures"][0]["number"], 221, "L1\u{2082}");

    // Cu3Au in one conventional cell: L1\u{2082} first, which keeps all operations; from the list of atoms as well.
    for file in ["auricupride.cif", "listed.cif"] {
        let words = ["convert", file, "ordered", "--order", "3", "--max-atoms", "4", "--json"];
        let document = folder.druse(&words).status(0).document();
        let rows = document["structures"].as_array().expect("a list");
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row["formula"] == "Cu3Au" && row["primitive_cells"] == 4), "{document}");
        assert_eq!(rows[0]["operations_kept"], 48);
        let ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        let stem = file.trim_end_matches(".cif");
        assert_eq!(ids, [1, 2, 3].map(|n| format!("{stem}-{n}")));
    }
    // Fewer than asked for: told, with the limit.
    let run =
        folder.druse(&["convert", "auricupride.cif", "all.jsonl", "--order", "500", "--max-atoms", "4"]).status(0);
    assert!(
        run.stderr().contains("of 500 ordered supercells") && run.stderr().contains("--max-atoms"),
        "{}",
        run.stderr()
    );

    // A size that cannot be: the message names one that can.
    folder.write("dilute.cif", &alloy(0.05, true));
    let refused = folder.druse(&["convert", "--order", "1", "--max-atoms", "10", "dilute.cif", "no.cif"]);
    refused.refused(&["dilute.cif", "--max-atoms 19"]);
    folder.druse(&["convert", "--order", "1", "--max-atoms", "19", "dilute.cif", "dilute.vasp"]).status(0);
    assert!(String::from_utf8(folder.read("dilute.vasp")).expect("text").starts_with("Cu18Au"));

    // What is ordered stays as it is.
    folder.write("salt.cif", &rock_salt("Na", "Cl", 5.64));
    let document = folder.druse(&["convert", "salt.cif", "salt.jsonl", "--order", "2", "--json"]).status(0).document();
    assert_eq!(crate::support::keys(&document["structures"][0]), ["formula", "id", "n_sites"]);
    folder.druse(&["convert", "salt.cif", "salt.jsonl", "--max-atoms", "2"]).refused(&["--order"]);
    for bad in ["0", "-1", "many"] {
        folder.druse(&["convert", "salt.cif", "s.jsonl", "--order", bad]).refused(&["--order"]);
    }
}

#[test]
fn images_merge_within_the_distance_asked_for() {
    let folder = Folder::new();
    let text = alloy(0.5, true).replace("F m -3 m", "P m -3 m").replace("0.5\nAu 0 0 0 0.5", "1");
    folder.write("off.cif", &text.replace("Cu 0 0 0", "Cu 0.05 0 0"));
    let formula = |further: &[&str]| {
        let run = folder.druse(&[&["convert", "off.cif", "out.jsonl", "--json"], further].concat()).status(0);
        (run.document()["structures"][0]["formula"].as_str().expect("a formula").to_owned(), run.stderr())
    };
    let (merged, said) = formula(&[]);
    assert_eq!(merged, "Cu");
    assert!(said.contains("druse convert --merge-distance"), "{said}");
    let (apart, said) = formula(&["--merge-distance", "0.1"]);
    assert_eq!((apart.as_str(), said.contains("special position")), ("Cu6", false));
    for command in ["symmetry", "fingerprint"] {
        folder.druse(&[command, "off.cif", "--merge-distance", "0.1"]).status(0);
    }
    folder.druse(&["match", "off.cif", "off.cif", "--merge-distance", "0.1"]).status(0);
    // Six atoms a fraction of an ångström apart in place of one have another energy, if any.
    let energy = |further: &[&str]| folder.druse(&[&["energy", "off.cif", "--json"], further].concat()).stdout();
    assert_ne!(energy(&[]), energy(&["--merge-distance", "0.1"]));
    for command in ["evaluate", "energy", "relax", "phonon", "hull", "match", "symmetry", "fingerprint", "sample"] {
        let help = folder.druse(&[command, "--help"]).status(0).stdout();
        assert!(help.contains("--merge-distance <DISTANCE>"), "{command}");
    }
    for bad in ["0", "-1", "2", "nan"] {
        folder.druse(&["symmetry", "off.cif", "--merge-distance", bad]).refused(&["--merge-distance", "0.01 to 0.7"]);
    }
    let words = ["sample", "--formula", "NaCl", "--merge-distance", "0.1", "--out", "grown"];
    folder.druse(&words).refused(&["--merge-distance is for --template"]);
}
