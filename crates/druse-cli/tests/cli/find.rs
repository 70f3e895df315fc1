//! `druse find` and `druse verify` refuse what cannot be, before anything is written.

use crate::support::Folder;

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--system", "Na-Xx"], &["'Xx'", "Cu-Si-K"]),
        (&["--system", "Na-Cl", "--budget", "0"], &["'0' is not a time"]),
        (&["--system", "Na-Cl", "--budget", "0m"], &["too little"]),
        (&["--system", "Na-Cl", "--rounds", "0"], &["at least 1"]),
        (&["--system", "Na-Cl", "--formula", "KCl"], &["the system has no K", "the formula has no Na"]),
        (&["--system", "Na-Cl", "--space-group", "231"], &["231"]),
        (&[], &["--system"]),
    ];
    for (arguments, said) in cases {
        let run = folder.druse(&[&["find", "--out", "found"], arguments].concat()).status(2);
        assert_eq!(run.stdout(), "", "{arguments:?}");
        for said in said {
            assert!(run.stderr().contains(said), "{arguments:?}\n'{said}' is missing in: {}", run.stderr());
        }
    }
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}

#[test]
fn a_file_that_is_not_a_certificate_is_refused() {
    let folder = Folder::new();
    folder.write("a.cif", "data_a\n");
    folder.write("b.json", "{}\n");
    folder.druse(&["verify", "a.cif"]).refused(&["a.cif", "certificate.json"]);
    folder.druse(&["verify", "b.json"]).refused(&["b.json", "not a certificate"]);
    folder.druse(&["verify", "none.json"]).refused(&["none.json", "check the path"]);
    let reference = folder.write("reference.bin", "nothing");
    let reference = reference.to_str().expect("a name");
    let run = folder.druse(&["find", "--system", "Na-Cl", "--out", "found", "--reference", reference]);
    run.refused(&["reference.bin"]);
    assert!(!folder.path().join("found").exists());
}
