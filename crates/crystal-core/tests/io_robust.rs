//! The readers under damaged input, and crystals in every setting through every format.
//!
//! `DRUSE_FUZZ_SECONDS` (4 by default) is how long the damaged files are tried.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crystal_core::io::{self, Format};
use crystal_core::{Lattice, Site, Structure};
use moyo::data::{HallSymbol, hall_symbol_entry};
use nalgebra::{Matrix3, Vector3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A run on an input under 100 kB takes less, on an idle machine by far.
const LONGEST: Duration = Duration::from_secs(5);

fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the corpus").map(|item| item.expect("an item").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).expect("a readable file"))).collect()
}

/// Words that readers look for: found in the wrong place they lead farther than noise does.
const WORDS: [&str; 24] = [
    "loop_",
    "data_",
    "save_",
    ";\n",
    "\n;",
    "'",
    "\"",
    "?",
    ".",
    "-1e308",
    "1e-320",
    "nan",
    "99999999999999999999",
    "_cell_length_a",
    "_space_group_name_Hall",
    "_space_group_IT_number 230",
    "'-F 4vw 2vw 3 (x/3,y,z+1/7)'",
    "x,y,z",
    "[[",
    "{",
    "]}",
    "\u{2212}",
    "\u{feff}",
    "_atom_site_fract_x",
];

fn damage(bytes: &mut Vec<u8>, others: &[(PathBuf, Vec<u8>)], random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.random()),
            2 if at < bytes.len() => bytes[at] = random.random(),
            3 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            4 => {
                let word = WORDS[random.random_range(0..WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            5 => {
                let end = (at + random.random_range(0..200)).min(bytes.len());
                bytes.drain(at..end);
            }
            6 => {
                let end = (at + random.random_range(0..200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let target = random.random_range(0..=bytes.len());
                bytes.splice(target..target, piece);
            }
            _ => {
                let other = &others[random.random_range(0..others.len())].1;
                let start = random.random_range(0..other.len());
                let end = (start + random.random_range(0..300)).min(other.len());
                bytes.splice(at..at, other[start..end].iter().copied());
            }
        }
    }
}

#[test]
fn the_corpus_is_read() {
    for (path, bytes) in corpus() {
        let format = Format::of_path(&path).expect("a format");
        for entry in io::read_bytes(&bytes, format, &path) {
            let good = entry.structure.is_ok() || entry.disordered.is_some();
            assert!(good, "{}: {:?}", entry.id, entry.structure.err().map(|error| error.to_string()));
        }
    }
}

#[test]
fn damaged_files_give_structures_or_errors_in_time() {
    let seconds = std::env::var("DRUSE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let corpus = corpus();
    let start = Instant::now();
    let (mut n_runs, mut n_read, mut longest) = (0_u64, 0_u64, Duration::ZERO);
    while start.elapsed() < Duration::from_secs(seconds) {
        let mut random = ChaCha8Rng::seed_from_u64(n_runs);
        let (path, whole) = &corpus[random.random_range(0..corpus.len())];
        let mut bytes = whole.clone();
        damage(&mut bytes, &corpus, &mut random);
        let run = Instant::now();
        let format = Format::of_path(path).expect("a format");
        for entry in io::read_bytes(&bytes, format, path) {
            match entry.structure {
                Ok(structure) => {
                    n_read += 1;
                    assert!(structure.sites().iter().all(|site| site.frac_coords.iter().all(|x| x.is_finite())));
                }
                Err(error) => assert!(error.to_string().contains("corpus"), "the message names no file: {error}"),
            }
        }
        longest = longest.max(run.elapsed());
        assert!(run.elapsed() < LONGEST, "seed {n_runs} took {:?}", run.elapsed());
        n_runs += 1;
    }
    println!("{n_runs} runs, {n_read} structures, the longest run {longest:?}");
}

/// A metric that the rotations keep, from a general one: `G = Σ Wᵀ·G₀·W`.
fn lattice_for(rotations: &[Matrix3<i32>]) -> Lattice {
    let general = Matrix3::new(180.0, 9.0, 14.0, 9.0, 230.0, 12.0, 14.0, 12.0, 310.0);
    let sum: Matrix3<f64> = rotations
        .iter()
        .map(|rotation| rotation.map(f64::from))
        .map(|rotation| rotation.transpose() * general * rotation)
        .sum();
    Lattice::new((sum / rotations.len() as f64).cholesky().expect("a metric").l()).expect("a lattice")
}

fn assert_same(found: &Structure, expected: &Structure, what: &str) {
    assert_eq!(found.n_sites(), expected.n_sites(), "{what}");
    for (a, b) in found.sites().iter().zip(expected.sites()) {
        assert_eq!(a.species, b.species, "{what}");
        assert!((a.frac_coords - b.frac_coords).abs().max() < 1e-9, "{what}");
    }
    let metric = |structure: &Structure| structure.lattice().matrix() * structure.lattice().matrix().transpose();
    assert!((metric(found) - metric(expected)).abs().max() < 1e-8, "{what}");
}

/// A crystal in each of the 530 settings, named by its Hall symbol: the images are those of the tables' operations, and
/// every format gives back what it was given.
#[test]
fn every_setting_through_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for hall_number in 1..=530 {
        let entry = hall_symbol_entry(hall_number).expect("an entry of the table");
        let symbol = HallSymbol::from_hall_number(hall_number).expect("a symbol of the table");
        let operations = symbol.traverse();
        let rotations: Vec<Matrix3<i32>> = operations.iter().map(|operation| operation.rotation).collect();
        let lattice = lattice_for(&rotations);
        let points = symbol.centering.lattice_points();
        // Far from every special position, so that nothing merges.
        let (point, images) = loop {
            let point =
                Vector3::new(random.random(), random.random(), random.random()).map(|x: f64| (x * 1e6).round() / 1e6);
            let images: Vec<Vector3<f64>> = points
                .iter()
                .flat_map(|shift| {
                    operations
                        .iter()
                        .map(move |operation| operation.rotation.map(f64::from) * point + operation.translation + shift)
                })
                .collect();
            let near =
                |image: &Vector3<f64>| lattice.to_cartesian(&(image - point).map(|x| x - x.round())).norm() < 0.6;
            if images.iter().filter(|image| near(image)).count() == 1 {
                break (point, images);
            }
        };
        let cell = lattice.parameters();
        let text = format!(
            "data_x\n_space_group_name_Hall\n;{}\n;\n_cell_length_a {}\n_cell_length_b {}\n_cell_length_c {}\n_cell_angle_alpha {}\n_cell_angle_beta {}\n_cell_angle_gamma {}\nloop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nSi1 {} {} {}\n",
            entry.hall_symbol, cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma, point.x, point.y, point.z
        );
        let read = io::read_bytes(text.as_bytes(), Format::Cif, Path::new("x.cif")).remove(0).structure;
        let read = read.unwrap_or_else(|error| panic!("{hall_number}: {error}"));
        assert_eq!(read.n_sites(), images.len(), "{hall_number}");
        for image in &images {
            let near = |site: &Site| (site.frac_coords - image).map(|x| x - x.round()).abs().max() < 1e-6;
            assert_eq!(read.sites().iter().filter(|site| near(site)).count(), 1, "{hall_number}");
        }
        for name in ["a.cif", "a.vasp", "a.xyz", "a.json", "a.jsonl", "a.jsonl.zst"] {
            let path = folder.path().join(name);
            io::write(&path, &read).expect(name);
            assert_same(&io::read(&path).expect(name), &read, &format!("{hall_number} {name}"));
        }
    }
}
