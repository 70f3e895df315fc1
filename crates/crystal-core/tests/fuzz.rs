//! The readers of structures under damaged files.

use std::path::{Path, PathBuf};

use crystal_core::io::{self, Format};
use test_support::counted_memory;
use test_support::robustness::fuzz;

counted_memory!();

/// Words that readers look for.
const WORDS: &[&[u8]] = &[
    b"loop_",
    b"data_",
    b"save_",
    b";\n",
    b"\n;",
    b"'",
    b"\"",
    b"?",
    b".",
    b"-1e308",
    b"1e-320",
    b"nan",
    b"99999999999999999999",
    b"_cell_length_a",
    b"_space_group_name_Hall",
    b"_space_group_IT_number 230",
    b"'-F 4vw 2vw 3 (x/3,y,z+1/7)'",
    b"x,y,z",
    b"[[",
    b"{",
    b"]}",
    b"\xe2\x88\x92",
    b"\xef\xbb\xbf",
    b"_atom_site_fract_x",
    b"1e400",
    b"-0",
    b"_atom_site_disorder_group",
    b"_cell_formula_units_Z 4",
    b"D",
    b"Direct",
    b"Lattice=",
    b"Properties=species:S:1:pos:R:3",
    b"\"occu\": 0.5",
    b"\xff\xfe",
];

/// The files of `tests/corpus`, compiled in: the test binary runs without the sources.
macro_rules! corpus {
    ($($name:literal),+ $(,)?) => {
        const CORPUS: &[(&str, &[u8])] = &[$(($name, include_bytes!(concat!("corpus/", $name)))),+];
    };
}

corpus!(
    "frames.extxyz",
    "groups.vasp",
    "hall.cif",
    "lines.jsonl",
    "list.json",
    "operations.cif",
    "origin.cif",
    "partial.cif",
);

/// The committed files of a format.
fn corpus(format: Format) -> Vec<(PathBuf, Vec<u8>)> {
    let files = CORPUS.iter().map(|(name, bytes)| (Path::new("corpus").join(name), bytes.to_vec()));
    files.filter(|(path, _)| Format::of_path(path).is_ok_and(|of| of == format)).collect()
}

fn read(format: Format, path: &Path, bytes: &[u8]) {
    for entry in io::read_bytes(bytes, format, path) {
        match entry.structure {
            Ok(structure) => {
                assert!(structure.sites().iter().all(|site| site.frac_coords.iter().all(|x| x.is_finite())));
            }
            Err(error) => assert!(error.to_string().contains("corpus"), "the message names no file: {error}"),
        }
    }
}

#[test]
fn the_corpus_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the corpus")
        .map(|item| item.expect("an item").file_name().display().to_string())
        .collect();
    names.sort();
    assert_eq!(names, CORPUS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for format in [Format::Cif, Format::Poscar, Format::ExtXyz, Format::PymatgenJson, Format::JsonLines] {
        let corpus = corpus(format);
        assert!(!corpus.is_empty(), "{format:?}");
        for (path, bytes) in corpus {
            for entry in io::read_bytes(&bytes, format, &path) {
                let good = entry.structure.is_ok() || entry.disordered.is_some();
                assert!(good, "{}: {:?}", entry.id, entry.structure.err().map(|error| error.to_string()));
            }
        }
    }
}

#[test]
fn fuzz_cif() {
    fuzz(&MEMORY, "CIF", &corpus(Format::Cif), WORDS, |path, bytes| read(Format::Cif, path, bytes));
}

#[test]
fn fuzz_poscar() {
    fuzz(&MEMORY, "POSCAR", &corpus(Format::Poscar), WORDS, |path, bytes| read(Format::Poscar, path, bytes));
}

#[test]
fn fuzz_extended_xyz() {
    fuzz(&MEMORY, "extended XYZ", &corpus(Format::ExtXyz), WORDS, |path, bytes| read(Format::ExtXyz, path, bytes));
}

#[test]
fn fuzz_json() {
    let format = Format::PymatgenJson;
    fuzz(&MEMORY, "pymatgen JSON", &corpus(format), WORDS, |path, bytes| read(format, path, bytes));
}

#[test]
fn fuzz_json_lines() {
    let format = Format::JsonLines;
    fuzz(&MEMORY, "JSON lines", &corpus(format), WORDS, |path, bytes| read(format, path, bytes));
}

#[test]
fn fuzz_compressed_lines() {
    let compressed = |(path, bytes): (PathBuf, Vec<u8>)| {
        (path.with_extension("jsonl.zst"), zstd::encode_all(bytes.as_slice(), 3).expect("compressed"))
    };
    let corpus: Vec<(PathBuf, Vec<u8>)> = corpus(Format::JsonLines).into_iter().map(compressed).collect();
    fuzz(&MEMORY, "compressed lines", &corpus, &[], |path, bytes| read(Format::JsonLines, path, bytes));
}

/// A small file that unpacks to gigabytes without an end of line.
#[test]
fn a_line_without_end_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    let block = vec![b' '; 1 << 20];
    for _ in 0..300 {
        std::io::Write::write_all(&mut encoder, &block).expect("into memory");
    }
    let bytes = encoder.finish().expect("compressed");
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    let entries = io::read_bytes(&bytes, Format::JsonLines, Path::new("bomb.jsonl.zst"));
    let [entry] = &entries[..] else { panic!("{} entries", entries.len()) };
    let error = entry.structure.as_ref().expect_err("no structure").to_string();
    assert!(error.contains("bomb.jsonl.zst:1: ") && error.contains("longer than"), "{error}");
}
