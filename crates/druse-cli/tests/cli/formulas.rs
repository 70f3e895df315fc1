//! A formula: structure n depends on the seed and on n, not on what else is asked for.

use crate::support::Folder;

const FAST: [&str; 5] = ["--sampler", "few-step", "--evaluations", "4", "--json"];

/// CIF of each structure, the candidate that was taken left aside.
fn grown(folder: &Folder, out: &str, further: &[&str]) -> Vec<(String, Vec<u8>)> {
    let words = ["sample", "--formula", "SrTiO3", "--atoms", "5-10", "--out", out];
    let document = folder.druse(&[&words[..], &FAST, further].concat()).status(0).document();
    let structures = document["structures"].as_array().expect("a list");
    let file = |structure: &serde_json::Value| structure["file"].as_str().expect("a file").to_owned();
    structures
        .iter()
        .map(|structure| (structure["id"].as_str().expect("an id").to_owned(), folder.read(&file(structure))))
        .collect()
}

#[test]
fn the_nth_structure_does_not_depend_on_the_count() {
    let folder = Folder::new();
    let two = grown(&folder, "two", &["--count", "2"]);
    let five = grown(&folder, "five", &["--count", "5"]);
    assert_eq!((two.len(), five.len()), (2, 5));
    assert_eq!(two, five[..2]);
    assert_ne!(two[0].1, two[1].1);
    assert_ne!(grown(&folder, "other", &["--count", "2", "--seed", "1"]), two);
}

#[test]
fn the_first_draw_does_not_depend_on_the_number_of_candidates() {
    let folder = Folder::new();
    let once = grown(&folder, "once", &["--count", "3"]);
    let told = grown(&folder, "told", &["--count", "3", "--candidates", "1"]);
    assert_eq!(once, told);
    // Ids name the space group and the place: the cell of structure n is drawn before its candidates.
    let of_four = grown(&folder, "four", &["--count", "3", "--candidates", "4"]);
    let ids = |grown: &[(String, Vec<u8>)]| grown.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&of_four), ids(&once));
    assert!(of_four.iter().zip(&once).any(|(a, b)| a.1 != b.1), "of four draws the first is not always the best");
}
