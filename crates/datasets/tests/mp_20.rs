//! The real MP-20. Needs the shared data.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::Instant;

use datasets::{DataSet, LoadOptions, Source, Split, load};
use test_support::{needs, shared};

/// Loads twice with an empty cache at first; prints and returns both and their times.
fn load_twice(folder: &Path) -> [(DataSet, f64); 2] {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let options =
        LoadOptions { min_space_group: 16, cache_dir: Some(cache.path().to_owned()), ..LoadOptions::default() };
    let loaded = [(); 2].map(|()| {
        let start = Instant::now();
        let data = load(&Source::Folder(folder.to_owned()), &options).expect("MP-20 loads");
        (data, start.elapsed().as_secs_f64())
    });
    let [(first, cold), (second, warm)] = &loaded;
    let sizes = Split::ALL.map(|split| first.split(split).len());
    let found = |record: &&datasets::Record| {
        record.unit.as_ref().is_ok_and(|unit| Some(unit.space_group().number().get()) != record.space_group)
    };
    eprintln!(
        "{sizes:?} (train, val, test): {cold:.2} s reduced anew, {warm:.2} s from the cache; dropped {:?}",
        first.dropped
    );
    let without_unit: Vec<_> =
        first.records().filter_map(|record| Some((&record.id, record.unit.as_ref().err()?))).collect();
    eprintln!(
        "no asymmetric unit: {}; another group found than the file states: {}",
        without_unit.len(),
        first.records().filter(found).count()
    );
    for (id, reason) in without_unit.iter().take(20) {
        eprintln!("  {id}: {reason}");
    }
    assert!(first.rejected.is_empty(), "{:?}", first.rejected);
    assert!(without_unit.len() * 100 <= first.records().count(), "more than 1 % without an asymmetric unit");
    assert_eq!(first.records().count(), second.records().count());
    for (a, b) in first.records().zip(second.records()) {
        assert_eq!((&a.id, &a.structure), (&b.id, &b.structure));
        match (&a.unit, &b.unit) {
            (Ok(a), Ok(b)) => assert_eq!((a.lattice(), a.sites()), (b.lattice(), b.sites())),
            (a, b) => assert_eq!(a.as_ref().err(), b.as_ref().err()),
        }
    }
    loaded
}

/// The test split and the beginnings of the others: a debug build takes minutes for all of it.
#[needs(shared)]
#[test]
fn the_test_split_has_7391_structures_above_monoclinic() {
    let folder = shared("data/mp_20");
    let small = tempfile::tempdir().expect("a temporary folder");
    fs::copy(folder.join("test.csv.zst"), small.path().join("test.csv.zst")).expect("a copy");
    for name in ["train", "val"] {
        let source = fs::File::open(folder.join(format!("{name}.csv.zst"))).expect("a file");
        let lines = BufReader::new(zstd::Decoder::new(source).expect("a frame")).lines().take(201);
        let mut file = fs::File::create(small.path().join(format!("{name}.csv"))).expect("a file");
        for line in lines {
            writeln!(file, "{}", line.expect("a line")).expect("a line written");
        }
    }
    let [(data, _), _] = load_twice(small.path());
    assert_eq!(data.split(Split::Test).len(), 7391, "test structures with space_group_0.1 > 15");
    assert_eq!(data.split(Split::Test).len() + data.dropped[2], 9046);
    assert_eq!(data.split(Split::Train).len() + data.dropped[0], 200);
}

#[test]
#[ignore = "reduces 36 000 structures, minutes in a debug build; run with `cargo test --release -p druse-datasets --test mp_20 -- --ignored`"]
fn a_second_start_takes_less_than_two_seconds() {
    let folder = shared("data/mp_20");
    let [(data, cold), (_, warm)] = load_twice(&folder);
    assert_eq!(data.records().count() + data.dropped.iter().sum::<usize>(), 26_703 + 9_047 + 9_046);
    assert!(warm < 2.0 && warm < cold, "the second start took {warm:.2} s");
}
