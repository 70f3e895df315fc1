//! What people read: help and tables.

use insta::assert_snapshot;

use crate::support::{Folder, cesium_chlorides, rock_salt};

#[test]
fn every_command_has_help_with_an_example_and_json() {
    let folder = Folder::new();
    let overview = folder.druse(&["--help"]).status(0).stdout();
    for command in ["sample", "train", "symmetry", "convert", "fingerprint", "evaluate"] {
        assert!(overview.contains(command), "{command}: {overview}");
        let help = folder.druse(&[command, "--help"]).status(0);
        assert_eq!(help.stderr(), "");
        let help = help.stdout();
        for needed in ["Usage:", "Example:", &format!("  druse {command} "), "--json"] {
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
    assert_snapshot!(folder.druse(&["symmetry", "NaCl.cif", "CsCl.jsonl"]).status(0).stdout(), @"");
}

#[test]
fn fingerprint_table() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    assert_snapshot!(folder.druse(&["fingerprint", "NaCl.cif"]).status(0).stdout(), @"");
}

#[test]
fn evaluation_table() {
    let folder = Folder::new();
    folder.write("set.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29), ("Cs", "I", 4.57)]));
    let run = folder.druse(&["evaluate", "--generated", "set.jsonl", "--reference", "set.jsonl"]).status(0);
    assert_snapshot!(run.stdout(), @"");
}

#[test]
fn convert_says_what_it_wrote() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    assert_snapshot!(folder.druse(&["convert", "NaCl.cif", "POSCAR"]).status(0).stdout(), @"");
}

#[test]
fn messages() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    folder.write("overlap.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12)]).replace("0.5, 0.5, 0.5", "0, 0, 0"));
    let run = folder.druse(&["symmetry", "NaCl.cif", "overlap.jsonl"]).status(1);
    assert_snapshot!(run.stderr(), @"");
    let run = folder.druse(&["symmetry", "nowhere.cif"]).status(2);
    assert_snapshot!(run.stderr(), @"");
}
