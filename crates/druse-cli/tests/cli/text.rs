//! What people read: help and tables.

use insta::assert_snapshot;

use crate::support::{Folder, cesium_chlorides, rock_salt};

#[test]
fn every_command_has_help_with_an_example_and_json() {
    let folder = Folder::new();
    let overview = folder.druse(&["--help"]).status(0).stdout();
    for command in ["sample", "train", "checkpoint", "symmetry", "convert", "fingerprint", "evaluate", "match"] {
        assert!(overview.contains(command), "{command}: {overview}");
        let help = folder.druse(&[command, "--help"]).status(0);
        assert_eq!(help.stderr(), "");
        let help = help.stdout();
        for needed in ["Usage:", "Example", &format!("  druse {command} "), "--json"] {
            assert!(help.contains(needed), "'{needed}' is missing in the help of {command}:\n{help}");
        }
    }
    assert!(folder.druse(&["--version"]).status(0).stdout().starts_with("druse "));
}

#[test]
fn symmetry_table() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    folder.write("CsCl.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12)]));
    assert_snapshot!(folder.druse(&["symmetry", "NaCl.cif", "CsCl.jsonl"]).status(0).stdout(), @"
     id     space group   symbol     Hall number   orbits: element, letter (site symmetry) × atoms
    ───────────────────────────────────────────────────────────────────────────────────────────────
     NaCl   225           F m -3 m   523           Na a (m-3m) × 4
                                                   Cl b (m-3m) × 4
     CsCl   221           P m -3 m   517           Cs a (m-3m) × 1
                                                   Cl b (m-3m) × 1
    ");
}

#[test]
fn fingerprint_table() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    assert_snapshot!(folder.druse(&["fingerprint", "NaCl.cif"]).status(0).stdout(), @"
     id     formula   coordination number × sites   largest features
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     NaCl   Na4Cl4    6 × 8                         wt CN_6 1.000, octahedral CN_6 1.000, pentagonal pyramidal CN_6 0.500
    ");
}

#[test]
fn evaluation_table() {
    let folder = Folder::new();
    folder.write("set.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29), ("Cs", "I", 4.57)]));
    let run = folder.druse(&["evaluate", "--generated", "set.jsonl", "--reference", "set.jsonl"]).status(0);
    assert_snapshot!(run.stdout(), @"
     measure                                    generated   reference
    ──────────────────────────────────────────────────────────────────
     structures                                 3           3
     valid, with a fingerprint                  3
     coverage (precision, recall)               1.0000      1.0000
     mean smallest structure distance           0.0000      0.0000
     mean smallest composition distance         0.0000      0.0000
     Fréchet distance, CrystalNN                0.0000
     Fréchet distance, CGCNN                    0.0000
     structure validity                         1.0000
     composition validity                       1.0000
     Wasserstein distance, density (g/cm³)      0.0000
     Wasserstein distance, number of elements   0.0000
    CGCNN: weights trained by this program, assets/weights/cgcnn-mp20.safetensors (SHA-256 273ba3065b1a…)
    ");
}

#[test]
fn match_table() {
    let folder = Folder::new();
    folder.write("a.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29)]));
    folder.write("b.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.2), ("Cs", "I", 4.57)]));
    assert_snapshot!(folder.druse(&["match", "a.jsonl", "b.jsonl"]).status(0).stdout(), @"
     A      B      match   rms      max
    ───────────────────────────────────────
     CsCl   CsCl   yes     0.0000   0.0000
     CsBr   CsI    no
    1 of 2 pairs match; mean rms 0.0000 (volume per atom)^(1/3)
    ");
}

#[test]
fn convert_says_what_it_wrote() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    assert_snapshot!(folder.druse(&["convert", "NaCl.cif", "POSCAR"]).status(0).stdout(), @"wrote POSCAR (NaCl, Na4Cl4)");
}

#[test]
fn messages() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    folder.write("overlap.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12)]).replace("0.5, 0.5, 0.5", "0, 0, 0"));
    let run = folder.druse(&["symmetry", "NaCl.cif", "overlap.jsonl"]).status(1);
    assert_snapshot!(run.stderr(), @"warning: overlap.jsonl: line 1: sites 0 and 1 are 0.0000 Å apart; remove one of them");
    let run = folder.druse(&["symmetry", "nowhere.cif"]).status(2);
    assert_snapshot!(run.stderr(), @"error: nowhere.cif: No such file or directory (os error 2); check the path");
}
