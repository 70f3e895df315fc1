//! Bad input gets one message with file, place and cure, exit status 2, and leaves nothing behind that looks whole.

use std::process::Stdio;

use crate::support::{Folder, cesium_chlorides, cif_head, rock_salt};

/// Every command that reads structures, applied to one file.
fn commands_on(file: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["symmetry", file],
        vec!["symmetry", file, "--json"],
        vec!["fingerprint", file, "--json"],
        vec!["convert", file, "out.vasp"],
        vec!["convert", file, "out"],
        vec!["evaluate", "--generated", file, "--reference", "good.jsonl", "--json"],
        vec!["evaluate", "--generated", "good.jsonl", "--reference", file],
        vec!["match", file, "good.jsonl", "--json"],
        vec!["match", "good.jsonl", file],
    ]
}

#[test]
fn bad_structure_files() {
    let whole = rock_salt("Na", "Cl", 5.64);
    let head = cif_head(5.64);
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("truncated.cif", whole[..whole.len() - 12].to_owned(), &["truncated.cif:"]),
        ("cut_in_the_cell.cif", whole[..40].to_owned(), &["cut_in_the_cell.cif"]),
        ("empty.cif", String::new(), &["empty.cif"]),
        ("no_sites.cif", head[..head.find("loop_").expect("a loop")].to_owned(), &["no_sites.cif"]),
        (
            "overlap.cif",
            head.clone() + "Na 0 0 0 1.0\nCl 0.0001 0 0 1.0\n",
            &["overlap.cif", "'Cl' stands where 'Na'", "remove"],
        ),
        (
            "partial.cif",
            head.clone() + "Na 0 0 0 0.5\nCl 0.5 0.5 0.5 1.0\n",
            &["partial.cif", "0.5", "order the structure"],
        ),
        ("element.cif", head.clone() + "Xq 0 0 0 1.0\n", &["element.cif", "Xq", "write the symbol of one element"]),
        ("number.cif", head.clone() + "Na 0 0 zero 1.0\n", &["number.cif:", "zero"]),
        (
            "group.cif",
            whole.replace("_symmetry_space_group_name_H-M 'P 1'", "_space_group_IT_number 231"),
            &["group.cif", "231"],
        ),
        ("POSCAR", "NaCl\n1.0\n5 0 0\n0 5 0\n".to_owned(), &["POSCAR"]),
        ("short.xyz", "2\nLattice=\"5 0 0 0 5 0 0 0 5\"\nNa 0 0 0\n".to_owned(), &["short.xyz"]),
        ("broken.json", "{\"lattice\": ".to_owned(), &["broken.json"]),
        ("broken.jsonl", "{\"id\": \"a\", \"lattice\": [[1, 0, 0]\n".to_owned(), &["broken.jsonl:1"]),
        ("flat.jsonl", cesium_chlorides(&[("Cs", "Cl", 0.0)]), &["flat.jsonl"]),
        ("structure.pdb", whole.clone(), &["structure.pdb", "unknown format"]),
    ];
    for (name, text, said) in cases {
        let folder = Folder::new();
        folder.write("good.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29), ("Cs", "I", 4.57)]));
        folder.write(name, &text);
        let before = folder.files();
        for arguments in commands_on(name) {
            folder.druse(&arguments).refused(said);
            assert_eq!(folder.files(), before, "{arguments:?} left something behind");
        }
    }
}

#[test]
fn missing_paths() {
    let folder = Folder::new();
    folder.write("good.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12)]));
    std::fs::create_dir(folder.path().join("nothing")).expect("a folder");
    for arguments in commands_on("nowhere.cif") {
        folder.druse(&arguments).refused(&["nowhere.cif", "check the path"]);
    }
    for arguments in commands_on("nothing") {
        folder.druse(&arguments).refused(&["nothing", "name another one"]);
    }
    folder.druse(&["symmetry"]).status(2);
    folder.druse(&[]).status(2);
    folder.druse(&["grow"]).status(2);
}

#[test]
fn one_bad_file_among_many_is_reported() {
    let folder = Folder::new();
    for index in 0..20 {
        folder.write(&format!("set/good{index:02}.cif"), &rock_salt("Na", "Cl", 5.5 + 0.01 * f64::from(index)));
    }
    folder.write("set/bad.cif", &(cif_head(5.0) + "Na 0 0 0 0.5\n"));
    for command in ["symmetry", "fingerprint"] {
        let run = folder.druse(&[command, "set", "--json"]).status(1);
        assert!(run.stderr().contains("bad.cif"), "{}", run.stderr());
        let document = run.document();
        let structures = document["structures"].as_array().expect("a list");
        assert_eq!(structures.len(), 21);
        for structure in structures {
            let bad = structure["id"] == "bad";
            assert_eq!(structure.get("error").is_some(), bad, "{structure}");
            assert!(
                !bad || structure.as_object().expect("an object").len() == 2,
                "no numbers beside an error: {structure}"
            );
        }
    }
    folder.druse(&["convert", "set", "all.jsonl"]).status(1);
    let lines = std::fs::read_to_string(folder.path().join("all.jsonl")).expect("the good ones");
    assert_eq!(lines.lines().count(), 20);
    let run = folder.druse(&["evaluate", "--generated", "set", "--reference", "all.jsonl", "--json"]).status(1);
    let document = run.document();
    assert_eq!((&document["n_generated"], &document["n_valid"]), (&21.into(), &20.into()));
    let validity = document["structure_validity"].as_f64().expect("a number");
    assert!((validity - 20.0 / 21.0).abs() < 1e-12, "what cannot be read was generated all the same: {validity}");
    // Two files on the command line, one of them bad.
    folder.druse(&["symmetry", "set/bad.cif", "set/good00.cif"]).status(1);
}

#[test]
fn pairs_that_cannot_be_made() {
    let folder = Folder::new();
    let three = cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29), ("Cs", "I", 4.57)]);
    folder.write("three.jsonl", &three);
    folder.write("one.cif", &rock_salt("Na", "Cl", 5.64));
    let said = ["three.jsonl has 3 structures", "one.cif has 1 structure;", "as many"];
    folder.druse(&["match", "three.jsonl", "one.cif", "--json"]).refused(&said);
    for option in ["--ltol", "--stol", "--angle-tol"] {
        for value in ["0", "-1", "nan", "wide"] {
            folder.druse(&["match", "one.cif", "one.cif", &format!("{option}={value}")]).refused(&[option, "positive"]);
        }
    }
    folder.druse(&["match", "one.cif"]).status(2);
    // One bad structure spoils its own pair only.
    folder.write("damaged.jsonl", &three.replacen("0.5, 0.5, 0.5", "0, 0, 0", 1));
    for arguments in
        [["match", "three.jsonl", "damaged.jsonl", "--json"], ["match", "damaged.jsonl", "three.jsonl", "--json"]]
    {
        let run = folder.druse(&arguments).status(1);
        assert!(run.stderr().contains("damaged.jsonl: line 1") && run.stderr().contains("apart"), "{}", run.stderr());
        let document = run.document();
        let pairs = document["pairs"].as_array().expect("a list");
        assert_eq!(pairs.len(), 3);
        assert_eq!(crate::support::keys(&pairs[0]), ["a", "b", "error"]);
        assert!(pairs[1..].iter().all(|pair| pair["match"] == true), "{document}");
    }
    let run = folder.druse(&["match", "three.jsonl", "damaged.jsonl"]).status(1);
    assert!(run.stdout().contains("2 of 2 pairs match"), "{}", run.stdout());
}

#[test]
fn impossible_orders() {
    let folder = Folder::new();
    let order = |composition: &'static str, space_group: &'static str, count: &'static str| {
        vec![
            "sample",
            "--sites-per-element",
            composition,
            "--space-group",
            space_group,
            "--count",
            count,
            "--out",
            "grown",
        ]
    };
    let few_step = |options: &[&'static str]| [&order("Na:1", "225", "1"), options].concat();
    for (arguments, said) in [
        (order("Na:1", "0", "1"), vec!["space group 0", "1 to 230"]),
        (order("Na:1", "231", "1"), vec!["space group 231", "1 to 230"]),
        (order("Na:1", "-1", "1"), vec!["1 to 230"]),
        (order("Na:1", "cubic", "1"), vec!["cubic", "1 to 230"]),
        (order("Na:1", "225", "0"), vec!["at least 1"]),
        (order("Na:1", "225", "-3"), vec!["at least 1"]),
        (order("Na:0", "225", "1"), vec!["Na", "at least 1"]),
        (order("Na:-1", "225", "1"), vec!["Na", "at least 1"]),
        (order("Xq:1", "225", "1"), vec!["Xq"]),
        (order("", "225", "1"), vec!["--sites-per-element"]),
        (order("Na:1000", "225", "1"), vec!["225", "ask for at most"]),
        (order("Na:4294967295,Cl:4294967295", "225", "1"), vec!["ask for at most"]),
        (order("Na:1", "225", "99999999999"), vec!["ask for at most"]),
        (few_step(&["--sampler", "few-step", "--evaluations", "1"]), vec!["evaluations = 1", "2 or more"]),
        (few_step(&["--sampler", "few-step", "--steps-per-level", "8"]), vec!["--evaluations"]),
        (few_step(&["--evaluations", "32"]), vec!["--sampler few-step"]),
        (few_step(&["--sampler", "fast"]), vec!["fast", "annealed", "few-step"]),
        (vec!["sample", "--space-group", "225", "--out", "grown"], vec!["--sites-per-element"]),
        (vec!["sample", "--sites-per-element", "Na:1", "--out", "grown"], vec!["--space-group"]),
        (vec!["sample", "--orders", "orders.jsonl", "--out", "grown"], vec!["orders.jsonl", "check the path"]),
    ] {
        folder.druse(&arguments).refused(&said);
        assert_eq!(folder.files(), Vec::<String>::new(), "{arguments:?}");
    }
    folder.write(
        "orders.jsonl",
        "{\"space_group\": 225, \"sites\": {\"Na\": 1}}\n{\"space_group\": 231, \"sites\": {\"Na\": 1}}\n",
    );
    folder.druse(&["sample", "--orders", "orders.jsonl", "--out", "grown"]).refused(&[
        "orders.jsonl:2",
        "231",
        "1 to 230",
    ]);
    folder.write("orders.jsonl.zst", "this is not a zstd");
    folder.druse(&["sample", "--orders", "orders.jsonl.zst", "--out", "grown"]).refused(&["orders.jsonl.zst"]);
    assert!(!folder.path().join("grown").exists());
}

#[test]
fn bad_options() {
    let folder = Folder::new();
    folder.write("good.cif", &rock_salt("Na", "Cl", 5.64));
    for symprec in ["0", "-0.1", "nan", "wide"] {
        folder.druse(&["symmetry", "good.cif", "--symprec", symprec]).refused(&["--symprec", "positive"]);
    }
    folder.druse(&["symmetry", "good.cif", "--finder", "eyes"]).refused(&["eyes", "moyo or spglib"]);
    folder.druse(&["fingerprint", "good.cif", "--fast"]).refused(&["--fast"]);
}

#[test]
fn unwritable_outputs() {
    let folder = Folder::new();
    folder.write("good.cif", &rock_salt("Na", "Cl", 5.64));
    folder.write("file", "not a folder");
    let before = folder.files();
    folder.druse(&["convert", "good.cif", "nowhere/out.cif"]).refused(&["nowhere/out.cif", "check the path"]);
    folder.druse(&["convert", "good.cif", "file/out.cif"]).refused(&["file/out.cif", "choose another place"]);
    folder.druse(&["convert", "good.cif", "out.pdb"]).refused(&["out.pdb", "unknown format"]);
    folder.write("two.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29)]));
    folder.druse(&["convert", "two.jsonl", "one.cif"]).refused(&["one.cif", "2"]);
    std::fs::remove_file(folder.path().join("two.jsonl")).expect("a file");
    assert_eq!(folder.files(), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_standard_output() {
    let folder = Folder::new();
    folder.write("good.cif", &rock_salt("Na", "Cl", 5.64));
    for extra in [None, Some("--json")] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_druse"));
        command.args(["symmetry", "good.cif"]).args(extra).current_dir(folder.path());
        let output =
            command.stdout(Stdio::from(full)).stderr(Stdio::piped()).spawn().and_then(|child| child.wait_with_output());
        let output = output.expect("the command runs");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("standard output") && message.contains("free some space"), "{message}");
    }
}

/// A limit on the size of files acts as a full disk: the write fails half way.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_a_file() {
    let folder = Folder::new();
    let pairs: Vec<(&str, &str, f64)> = (0..200).map(|index| ("Cs", "Cl", 4.0 + 0.001 * f64::from(index))).collect();
    folder.write("many.jsonl", &cesium_chlorides(&pairs));
    let before = folder.files();
    for output in ["out.jsonl", "out.extxyz"] {
        let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" convert many.jsonl \"$1\"";
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_druse"), output]).current_dir(folder.path());
        let finished = command.output().expect("a shell");
        let message = String::from_utf8_lossy(&finished.stderr).into_owned();
        assert_eq!(finished.status.code(), Some(2), "{message}");
        assert!(message.contains(output) && message.contains("raise the limit"), "{message}");
        assert_eq!(folder.files(), before);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new();
    // More than a pipe holds, so that the writing surely meets the closed end.
    let pairs: Vec<(&str, &str, f64)> = (0..200).map(|index| ("Cs", "Cl", 4.0 + 0.001 * f64::from(index))).collect();
    folder.write("many.jsonl", &cesium_chlorides(&pairs));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_druse"));
    command.args(["fingerprint", "many.jsonl", "--json"]).current_dir(folder.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the command ends");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), message.as_str()), (Some(0), ""));
}
