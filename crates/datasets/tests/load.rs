//! Loading: filter, rejected rows, cache.

use std::fs;
use std::path::{Path, PathBuf};

use datasets::{DataSet, DatasetError, LoadOptions, Source, Split, load};

const HEADER: &str = "material_id,formula,space_group_0.1,lattice,species,frac_coords\n";
const SALT: &str = "225,0 2.8 2.8 2.8 0 2.8 2.8 2.8 0,Na Cl,0 0 0 0.5 0.5 0.5\n";
const TRICLINIC: &str = "2,4 0 0 0.5 5 0 0.3 0.7 6,Na Cl,0 0 0 0.5 0.5 0.5\n";

struct Fixture {
    folder: tempfile::TempDir,
    options: LoadOptions,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options =
            LoadOptions { min_space_group: 16, cache_dir: Some(folder.path().join("cache")), ..LoadOptions::default() };
        let fixture = Self { folder, options };
        fs::create_dir(fixture.data()).expect("a folder");
        fixture.write(
            "train",
            &format!("{HEADER}a,NaCl,{SALT}b,NaCl,{TRICLINIC}c,NaCl,{}d,NaCl,{SALT}", SALT.replace("Na Cl", "Na Qq")),
        );
        fixture.write(
            "val",
            &format!("{HEADER}e,NaCl,{}f,NaCl,{}", SALT.replace("225", ""), TRICLINIC.replace("2,4", ",4")),
        );
        fixture.write("test", &format!("{HEADER}a,NaCl,{SALT}g,NaCl,{SALT}"));
        fixture
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("mp_20")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.data().join(format!("{name}.csv")), text).expect("a file");
    }

    fn load(&self) -> DataSet {
        load(&Source::Folder(self.folder.path().to_owned()), &self.options).expect("a data set")
    }

    fn cache_files(&self) -> Vec<PathBuf> {
        let folder = self.options.cache_dir.as_ref().expect("a cache folder").join("reduced");
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).expect("a folder").map(|item| item.expect("an item").path()).collect();
        files.sort();
        files
    }
}

fn ids(data: &DataSet, split: Split) -> Vec<&str> {
    data.split(split).iter().map(|record| record.id.as_str()).collect()
}

fn assert_same(a: &DataSet, b: &DataSet) {
    assert_eq!((&a.name, &a.sha256, &a.rejected, a.dropped), (&b.name, &b.sha256, &b.rejected, b.dropped));
    assert_eq!(a.records().count(), b.records().count());
    for (a, b) in a.records().zip(b.records()) {
        assert_eq!((&a.id, &a.structure, a.space_group), (&b.id, &b.structure, b.space_group));
        let (a, b) = (a.unit.as_ref().expect("a unit"), b.unit.as_ref().expect("a unit"));
        assert_eq!(
            (a.space_group().number(), a.lattice(), a.sites()),
            (b.space_group().number(), b.lattice(), b.sites())
        );
    }
}

#[test]
fn filters_rejects_and_reduces() {
    let data = Fixture::new().load();
    assert_eq!(data.name, "mp_20");
    assert_eq!(ids(&data, Split::Train), ["a", "d"]);
    assert_eq!(ids(&data, Split::Validation), ["e"], "without a column the found group counts");
    assert_eq!(ids(&data, Split::Test), ["g"], "an id is taken once");
    assert_eq!(data.dropped, [1, 1, 0]);
    assert_eq!(data.rejected.len(), 2);
    assert!(data.rejected[0].1.contains("train.csv:4: column 'species'"), "{:?}", data.rejected);
    assert!(data.rejected[1].1.contains("twice"), "{:?}", data.rejected);
    let record = &data.split(Split::Validation)[0];
    assert_eq!(record.space_group, Some(225));
    let unit = record.unit.as_ref().expect("a unit");
    assert_eq!(unit.sites_per_element().to_string(), "Na:1,Cl:1");
    assert!((unit.lattice().parameters().a - 5.6).abs() < 1e-6);
}

#[test]
fn without_filter_all_are_kept() {
    let mut fixture = Fixture::new();
    fixture.options.min_space_group = 1;
    let data = fixture.load();
    assert_eq!(ids(&data, Split::Train), ["a", "b", "d"]);
    assert_eq!(data.split(Split::Validation)[1].space_group, Some(2));
}

#[test]
fn equal_rows_have_equal_hashes_however_they_are_packed() {
    let fixture = Fixture::new();
    let plain = fixture.load().sha256;
    for name in ["train", "val", "test"] {
        let file = fixture.data().join(format!("{name}.csv"));
        let text = fs::read(&file).expect("a file");
        let packed = zstd::encode_all(text.as_slice(), 19).expect("a frame");
        fs::write(fixture.data().join(format!("{name}.csv.zst")), packed).expect("writable");
        fs::remove_file(&file).expect("there");
    }
    assert_eq!(fixture.load().sha256, plain, "another container holds the same data");
}

#[test]
fn the_cache_gives_back_what_was_reduced() {
    let mut fixture = Fixture::new();
    let first = fixture.load();
    let files = fixture.cache_files();
    assert_eq!(files.len(), 1, "no temporary file is left behind");
    let written = fs::metadata(&files[0]).expect("metadata").modified().expect("a time");
    assert_same(&first, &fixture.load());
    assert_eq!(
        fs::metadata(&files[0]).expect("metadata").modified().expect("a time"),
        written,
        "it is not written again"
    );
    // Other options and other sources have other files.
    fixture.options.symprec = 0.05;
    fixture.load();
    assert_eq!(fixture.cache_files().len(), 2);
    fixture.write("val", &format!("{HEADER}e,NaCl,{SALT}"));
    assert_ne!(fixture.load().sha256, first.sha256);
    assert_eq!(fixture.cache_files().len(), 3);
}

#[test]
fn a_damaged_cache_is_rebuilt() {
    let fixture = Fixture::new();
    let first = fixture.load();
    let path = &fixture.cache_files()[0];
    let good = fs::read(path).expect("a file");
    let mut flipped = good.clone();
    let middle = good.len() / 2;
    flipped[middle] ^= 1;
    for bad in [&good[..good.len() - 3], &flipped, b"", b"druse-ds", b"something else"] {
        fs::write(path, bad).expect("a file");
        assert_same(&first, &fixture.load());
        assert_eq!(fs::read(path).expect("a file"), good, "the cache is whole again");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_no_error() {
    let mut fixture = Fixture::new();
    let blocked = fixture.folder.path().join("blocked");
    fs::write(&blocked, "a file where a folder should be").expect("a file");
    fixture.options.cache_dir = Some(blocked);
    assert_eq!(ids(&fixture.load(), Split::Train), ["a", "d"]);
    fixture.options.cache_dir = None;
    assert_eq!(ids(&fixture.load(), Split::Train), ["a", "d"]);
}

#[test]
fn errors_name_the_file() {
    let fixture = Fixture::new();
    let error =
        |path: &Path| load(&Source::Folder(path.to_owned()), &fixture.options).expect_err("an error").to_string();
    fixture.write("test", &format!("{HEADER}a,NaCl,225,0 2.8"));
    let text = error(fixture.folder.path());
    assert!(text.contains("test.csv:2:") && text.contains("truncated"), "{text}");
    fs::remove_file(fixture.data().join("val.csv")).expect("a file");
    assert!(error(&fixture.data()).contains("neither val.csv nor val.csv.zst"));
    assert!(error(Path::new("no/such/folder")).contains("no/such/folder: no such folder"));
    let options = LoadOptions { symprec: 0.0, ..fixture.options.clone() };
    assert!(matches!(load(&Source::Embedded, &options), Err(DatasetError::Symprec { .. })));
}

#[test]
fn the_embedded_set_loads() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let options =
        LoadOptions { min_space_group: 16, cache_dir: Some(cache.path().to_owned()), ..LoadOptions::default() };
    let seconds = [(); 2].map(|()| {
        let start = std::time::Instant::now();
        let data = load(&Source::Embedded, &options).expect("a data set");
        assert_eq!(data.dropped, [0; 3]);
        assert!(data.rejected.is_empty(), "{:?}", data.rejected);
        assert!(data.records().all(|record| record.unit.is_ok()));
        assert_eq!(data.sha256.len(), 64);
        (data, start.elapsed().as_secs_f64())
    });
    let [(first, cold), (second, warm)] = seconds;
    eprintln!("embedded: {} structures, {cold:.2} s reduced anew, {warm:.2} s from the cache", first.records().count());
    assert_same(&first, &second);
    let cubic = LoadOptions { min_space_group: 195, cache_dir: None, ..options };
    let cubic = load(&Source::Embedded, &cubic).expect("a data set");
    assert_eq!(cubic.records().count() + cubic.dropped.iter().sum::<usize>(), first.records().count());
    assert!(cubic.records().all(|record| record.space_group >= Some(195)));
}
