//! Shards of a run, joined, are the whole run; what is not a whole run is refused.

use serde_json::Value;

use crate::support::{Folder, Run, cesium_chlorides};

/// Runs a command line in words.
fn druse(folder: &Folder, line: &str) -> Run {
    folder.druse(&line.split(' ').collect::<Vec<_>>())
}

/// The document without what depends on the clock, and with one name for the folder of the result.
fn plain(mut document: Value, folder: &str) -> Value {
    document.as_object_mut().expect("an object").remove("structures_per_second").expect("a rate");
    let text = document.to_string().replace(&format!("\"{folder}/"), "\"OUT/");
    serde_json::from_str(&text).expect("JSON")
}

/// Files of a folder with one name for it.
fn files(folder: &Folder, below: &str) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").replace(&format!("\"{below}/"), "\"OUT/");
    folder.contents(below).into_iter().map(|(name, bytes)| (name.replacen(below, "OUT", 1), text(bytes))).collect()
}

const SAMPLE: &str = "sample --formula NaCl --space-group 225 --count 5 --sampler few-step --evaluations 4 --seed 3";

#[test]
fn shards_of_a_sampling_are_the_whole() {
    let folder = Folder::new();
    let whole = druse(&folder, &format!("{SAMPLE} --out whole --json")).status(0).document();
    assert!(whole.get("shard").is_none());
    let first = druse(&folder, &format!("{SAMPLE} --out p1 --shard 1/2 --batch-size 1 --json")).status(0).document();
    assert_eq!((&first["shard"], first["structures"].as_array().map(Vec::len)), (&"1/2".into(), Some(3)));
    druse(&folder, "merge p1 --out merged").refused(&["2/2 is missing", "--shard"]);
    druse(&folder, &format!("{SAMPLE} --out p2 --shard 2/2")).status(0);
    let joined = druse(&folder, "merge p2 p1 --out merged --json").status(0).document();
    assert_eq!(plain(joined, "merged"), plain(whole, "whole"));
    assert_eq!(files(&folder, "merged"), files(&folder, "whole"));

    // The same shard again changes nothing; nothing else may lie in its folder.
    let before = folder.contents("p2");
    druse(&folder, &format!("{SAMPLE} --out p2 --shard 1/2")).refused(&["p2: shard 2/2", "another folder"]);
    druse(&folder, &format!("{SAMPLE} --out p2")).refused(&["p2: shard 2/2", "whole run"]);
    assert_eq!(folder.contents("p2"), before);
    // What reads the folder of a shard is told.
    let said = druse(&folder, "symmetry p2 --json").status(0).stderr();
    assert!(said.contains("p2: only shard 2/2 of `druse sample`"), "{said}");

    let other = SAMPLE.replace("--seed 3", "--seed 4");
    druse(&folder, &format!("{other} --out other --shard 2/2")).status(0);
    druse(&folder, "merge p1 other --out joined").refused(&["other: seed 4 here and seed 3 in p1"]);
    druse(&folder, "merge p1 p2 --out merged").refused(&["merged", "empty"]);
    druse(&folder, "merge p1 p2 p1 --out joined").refused(&["shard 1/2, as is p1"]);
    druse(&folder, "merge whole --out joined").refused(&["whole: no shard lies there"]);
    druse(&folder, "merge nowhere --out joined").refused(&["nowhere: no shard lies there"]);
    let file = folder.files().into_iter().find(|name| name.starts_with("p1/") && name.ends_with(".cif"));
    folder.write(&file.expect("a structure"), "data_changed\n");
    druse(&folder, "merge p1 p2 --out joined").refused(&["p1/", "not the file that the shard wrote"]);
}

#[test]
fn shards_of_a_relaxation_are_the_whole() {
    let folder = Folder::new();
    // Three that can be relaxed, and one whose atoms lie on each other.
    let set = cesium_chlorides(&[("Cs", "Cl", 4.2), ("Cs", "Br", 4.4), ("Tl", "Cl", 3.9)])
        + "{\"id\": \"bad\", \"lattice\": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], \"species\": [\"Cs\", \"Xx\"], \
           \"frac_coords\": [[0, 0, 0], [0.5, 0.5, 0.5]]}\n";
    folder.write("set.jsonl", &set);
    // With the rattle, which is of the number of the structure.
    let relax = "relax set.jsonl --free --steps 2 --seed 5";
    let whole = druse(&folder, &format!("{relax} --out whole --json")).status(1).document();
    druse(&folder, &format!("{relax} --out p1 --shard 1/2")).status(0);
    let second = druse(&folder, &format!("{relax} --out p2 --shard 2/2 --json")).status(1);
    assert_eq!(second.document()["shard"], "2/2");
    let joined = druse(&folder, "merge p1 p2 --out merged --json").status(1).document();
    assert_eq!(plain(joined, "merged"), plain(whole, "whole"));
    let (mut merged, mut expected) = (files(&folder, "merged"), files(&folder, "whole"));
    // Lines of a journal stand in the order in which they were done; what cannot be read is in no journal of a run.
    let journal = |files: &mut Vec<(String, String)>| {
        let place = files.iter().position(|(name, _)| name.ends_with("relax.journal")).expect("a journal");
        let (_, text) = files.remove(place);
        let mut lines: Vec<String> = text.lines().filter(|line| !line.contains("\"bad\"")).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(journal(&mut merged), journal(&mut expected));
    assert_eq!(merged, expected);
    // The merged run is finished: to go on with it does nothing.
    let again = druse(&folder, &format!("{relax} --out merged --resume --json")).status(1).document();
    assert_eq!(again["structures"].as_array().map(Vec::len), Some(4));

    druse(&folder, &format!("{relax} --out p1 --shard 1/2")).refused(&["p1", "--resume"]);
    druse(&folder, "merge p1 p2 --out joined").status(1);
    druse(&folder, &format!("{SAMPLE} --out p1 --shard 1/2")).refused(&["p1: shard 1/2 of `druse relax`"]);
    // More shards than structures: one has nothing to do.
    for part in 1..=5 {
        let status = if part == 4 { 1 } else { 0 };
        druse(&folder, &format!("{relax} --out five{part} --shard {part}/5")).status(status);
    }
    druse(&folder, "merge five1 five2 five3 five4 five5 --out five").status(1);
    assert_eq!(
        folder.read("five/relax.csv"),
        String::from_utf8(folder.read("whole/relax.csv")).expect("text").replace("\"whole/", "\"five/").into_bytes()
    );
}

#[test]
fn shards_of_a_search_are_the_whole() {
    let folder = Folder::new();
    let find = "find --formula NaCl --space-group 225 --proposer prior --rounds 1 --top 1 --seed 1";
    let mut whole = druse(&folder, &format!("{find} --out whole --json")).status(0).document();
    druse(&folder, &format!("{find} --out p1 --shard 1/2")).status(0);
    druse(&folder, &format!("{find} --out p1")).refused(&["p1: shard 1/2 of `druse find`"]);
    let second = druse(&folder, &format!("{find} --out p2 --shard 2/2 --json")).status(0).document();
    assert_eq!((&second["shard"], &second["samples"]), (&"2/2".into(), &4.into()));
    let mut joined = druse(&folder, "merge p1 p2 --out merged --json").status(0).document();
    for document in [&mut whole, &mut joined] {
        document["seconds"] = Value::Null;
    }
    let text = |document: Value, out: &str| document.to_string().replace(&format!("\"{out}/"), "\"OUT/");
    assert_eq!(text(joined, "merged"), text(whole, "whole"));
    // The report tells times, and the journal has its lines in the order in which they were done.
    let timeless = |out: &str| {
        let all = files(&folder, out).into_iter();
        let told = ["report.html", "search.json", "search.jsonl"];
        all.filter(|(name, _)| !told.iter().any(|file| name.ends_with(file))).collect::<Vec<_>>()
    };
    assert!(timeless("whole").iter().any(|(name, _)| name.ends_with(".certificate.json")));
    assert_eq!(timeless("merged"), timeless("whole"));
    for clock in ["--budget 1m --rounds 1", "--budget 1m", ""] {
        let line = format!("find --system Na-Cl --out clock --shard 1/2 {clock}");
        druse(&folder, line.trim()).status(2);
    }
    assert!(!folder.path().join("clock").exists());
}

#[test]
fn what_is_no_part_of_a_run_is_refused() {
    let folder = Folder::new();
    for (part, said) in [("0/4", "'0/4'"), ("5/4", "'5/4'"), ("x", "'x'"), ("1/0", "'1/0'")] {
        for command in [SAMPLE, "relax set.jsonl", "find --system Na-Cl --rounds 1"] {
            let run = druse(&folder, &format!("{command} --out out --shard {part}")).status(2);
            assert!(run.stderr().contains(said) && run.stderr().contains("such as 1/4"), "{}", run.stderr());
        }
    }
    assert!(folder.files().is_empty());
}
