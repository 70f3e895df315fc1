//! The whole chain on rock salt, with the bundled networks and a small reference.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Equipment, salt};
use crystal_core::{Composition, io};
use druse::Shard;
use search::{
    Budget, Certificate, EndedBy, Found, Settings, join_shards, search, search_shard, verify, write_report,
    write_results,
};
use test_support::needs;

fn rounds(rounds: u64) -> Budget {
    Budget { time: None, rounds: Some(rounds) }
}

fn run(settings: &Settings, equipment: &Equipment, n: u64, folder: &Path, resume: bool) -> Result<Found, String> {
    let found = search(settings, &equipment.tools(), &rounds(n), 2, folder, resume, &mut |_| {});
    found.map_err(|error| error.to_string())
}

/// What of a result must not depend on how it came about.
fn summary(found: &Found) -> Vec<(String, u64, f64, Option<f64>)> {
    let of = |candidate: &search::Candidate| {
        (
            candidate.formula.clone(),
            candidate.relaxed.sample,
            candidate.relaxed.energy_above_hull,
            candidate.min_frequency_thz(),
        )
    };
    found.candidates.iter().map(of).collect()
}

#[test]
fn a_search_ends_with_candidates_whose_certificates_hold() {
    let equipment = Equipment::new();
    let settings = salt("NaCl").with_seed(1);
    let whole = tempfile::tempdir().expect("a folder");
    let found = run(&settings, &equipment, 2, whole.path(), false).expect("a search");
    assert_eq!((found.rounds, found.ended_by, found.candidates.len()), (2, EndedBy::Rounds, 2));
    assert!(found.counts.sampled >= found.counts.relaxed && found.counts.relaxed >= found.counts.unique);
    // Rock salt is in the reference: it is found again, on the hull, and not new.
    let salt = found.candidates.iter().find(|candidate| candidate.space_group == Some(225)).expect("rock salt");
    assert!(salt.relaxed.energy_above_hull.abs() < 1e-3 && !salt.novelty.novel, "{salt:?}");
    assert_eq!(salt.novelty.nearest.as_ref().map(|nearest| nearest.id.as_str()), Some("salt"));
    assert!(salt.novelty.prototype.as_ref().is_some_and(|name| name.starts_with("rock-salt")));
    assert_eq!(salt.dynamically_stable(), Some(true));

    write_results(&found, whole.path(), "cpu").expect("results");
    write_report(&found, &equipment.reference, whole.path()).expect("a report");
    let page = std::fs::read_to_string(whole.path().join("report.html")).expect("a page");
    assert!(page.contains("NaCl") && page.contains("data:image/svg+xml") && !page.contains("{{"));
    let path = whole.path().join(format!("candidates/{}.certificate.json", salt.file_stem()));
    let certificate = Certificate::read(&path).expect("a certificate");
    let statements = verify(&certificate, &equipment.tools()).expect("verified");
    assert!(statements.iter().all(|statement| statement.holds == Some(true)), "{statements:#?}");

    // A forged certificate does not hold, and says where.
    let mut forged = certificate;
    forged.energies.energy_above_hull -= 0.05;
    let statements = verify(&forged, &equipment.tools()).expect("verified");
    let broken: Vec<&str> =
        statements.iter().filter(|statement| statement.holds == Some(false)).map(|statement| statement.name).collect();
    assert_eq!(broken, ["energy above the hull"]);

    // In two legs, the first cut off in the middle of its second round, it is the same.
    let parts = tempfile::tempdir().expect("a folder");
    run(&settings, &equipment, 2, parts.path(), false).expect("a first leg");
    let journal = parts.path().join("search.jsonl");
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let kept: Vec<&str> = text.lines().take(11).collect();
    std::fs::write(&journal, kept.join("\n")).expect("cut off");
    let again = run(&settings, &equipment, 2, parts.path(), true).expect("a second leg");
    assert_eq!((summary(&again), again.counts), (summary(&found), found.counts));
    // What is finished is not done again: more rounds only add to it.
    let lines = std::fs::read_to_string(&journal).expect("a journal").lines().count();
    run(&settings, &equipment, 2, parts.path(), true).expect("a third leg");
    assert_eq!(std::fs::read_to_string(&journal).expect("a journal").lines().count(), lines);
}

#[test]
fn shards_joined_are_the_whole_search() {
    let equipment = Equipment::new();
    let settings = salt("NaCl").with_seed(2);
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let whole = run(&settings, &equipment, 1, &place("whole"), false).expect("a search");
    let shards = ["1/2", "2/2"].map(|shard| shard.parse::<Shard>().expect("a part"));
    let folders = shards.map(|shard| place(&shard.in_names()));
    let of_shard = |shard: Shard, folder: &Path, resume: bool| {
        search_shard(&settings, &equipment.tools(), 1, shard, folder, resume, &mut |_| {}).map_err(Box::new)
    };
    for (shard, folder) in shards.into_iter().zip(&folders) {
        assert_eq!(of_shard(shard, folder, false).expect("a shard"), 4);
        // A shard is neither a whole search nor another shard.
        let error = run(&settings, &equipment, 1, folder, true).expect_err("a shard");
        assert!(error.contains("another shard"), "{error}");
        assert_eq!(of_shard(shard, folder, true).expect("nothing is left"), 4);
    }
    let error = of_shard(shards[0], &folders[1], true).expect_err("another shard").to_string();
    assert!(error.contains("another shard"), "{error}");
    assert_eq!(join_shards(&folders, &place("joined")).expect("one search"), settings);
    let joined = run(&settings, &equipment, 1, &place("joined"), true).expect("a search");
    assert_eq!((summary(&joined), joined.counts), (summary(&whole), whole.counts));
    for (found, name) in [(&whole, "whole"), (&joined, "joined")] {
        write_results(found, &place(name), "cpu").expect("results");
    }
    let files = |name: &str| {
        let below = place(name).join("candidates");
        let names = std::fs::read_dir(&below).expect("candidates").map(|item| item.expect("an item").path());
        let mut files: Vec<_> =
            names.chain(["candidates.csv", "structures.csv"].map(|file| place(name).join(file))).collect();
        files.sort();
        let read = |file: &PathBuf| {
            let stem = file.file_name().expect("a name").to_owned();
            (stem, std::fs::read_to_string(file).expect("a file"))
        };
        files.iter().map(read).collect::<Vec<_>>()
    };
    assert_eq!(files("joined"), files("whole"));
    let other = salt("NaCl").with_seed(3);
    search_shard(&other, &equipment.tools(), 1, shards[1], &place("other"), false, &mut |_| {}).expect("a shard");
    let error = join_shards(&[folders[0].clone(), place("other")], &place("mixed")).expect_err("two searches");
    assert!(error.to_string().contains("another seed"), "{error}");
    assert!(!place("mixed").exists());
}

#[needs(browser)]
#[test]
fn the_report_works_in_a_browser() {
    let equipment = Equipment::new();
    let folder = tempfile::tempdir().expect("a folder");
    let found = run(&salt("NaCl"), &equipment, 1, folder.path(), false).expect("a search");
    write_report(&found, &equipment.reference, folder.path()).expect("a report");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/browser.py");
    let files = folder.path().join("files");
    let mut command = Command::new("python3");
    let output = command.arg(script).arg(folder.path().join("report.html")).arg(&files).output().expect("python3");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let entries = io::read_all(&files).expect("files were offered");
    assert_eq!(entries.len(), found.candidates.len());
    for (entry, candidate) in entries.into_iter().zip(&found.candidates) {
        let structure = entry.structure.expect("a structure");
        assert_eq!(Composition::of(&structure).reduced().formula(), candidate.formula);
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let equipment = Equipment::new();
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |settings: &Settings, equipment: &Equipment| {
        run(settings, equipment, 1, folder.path(), false).expect_err("refused")
    };
    let elements = |symbols: &[&str]| symbols.iter().map(|symbol| symbol.parse().expect("an element")).collect();
    let error = refused(&Settings::new(elements(&["Na", "K"])), &equipment);
    assert!(error.contains("no elementary phase of K") && error.contains("--reference"), "{error}");
    let error = refused(&Settings::new(elements(&["Na", "Og"])), &equipment);
    assert!(error.contains("does not know Og"), "{error}");
    let error = refused(&Settings::of_the_paper(elements(&["Na", "Cl"])), &equipment);
    assert!(error.contains("checkpoint of that mode"), "{error}");
    let other = Equipment::of_another_potential();
    let error = refused(&salt("NaCl"), &other);
    assert!(error.contains("potential"), "{error}");
    assert!(!folder.path().join("search.jsonl").exists(), "something was written");
}
