//! Crystals in every setting through every format.

use std::path::Path;

use crystal_core::io::{self, Format};
use crystal_core::{AsymmetricUnit, Finder, Lattice, Site, Species, Structure};
use moyo::data::{HallSymbol, hall_symbol_entry};
use nalgebra::{Matrix3, Vector3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::json;
use test_support::needs;
use test_support::robustness::{number, tell};

/// Hall numbers.
const SETTINGS: i32 = 530;

/// A random metric that the rotations keep, from a general one: `G = Σ Wᵀ·G₀·W`.
fn lattice_for(rotations: &[Matrix3<i32>], random: &mut ChaCha8Rng) -> Lattice {
    let rows = Matrix3::from_fn(|row, column| match row == column {
        true => random.random_range(12.0..18.0),
        false => random.random_range(-2.0..2.0),
    });
    let general = rows * rows.transpose();
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

/// Random crystal `index`, in each of the 530 settings in turn, as a CIF with its Hall symbol alone is read: the images
/// are those of the tables' operations.
fn crystal(index: i32) -> Structure {
    let hall_number = index % SETTINGS + 1;
    let what = format!("crystal {index}, Hall number {hall_number}");
    let mut random = ChaCha8Rng::seed_from_u64(index.unsigned_abs().into());
    let (entry, symbol) = (hall_symbol_entry(hall_number), HallSymbol::from_hall_number(hall_number));
    let (entry, symbol) = entry.zip(symbol).expect("an entry of the table");
    let operations = symbol.traverse();
    let rotations: Vec<Matrix3<i32>> = operations.iter().map(|operation| operation.rotation).collect();
    let lattice = lattice_for(&rotations, &mut random);
    let points = symbol.centering.lattice_points();
    // Far from every special position and from each other, so that nothing merges.
    let mut sites: Vec<Vec<Vector3<f64>>> = Vec::new();
    let wanted = random.random_range(1..=3);
    for _ in 0..10_000 {
        let x = Vector3::from_fn(|_, _| random.random_range(0.0..1.0));
        let images: Vec<Vector3<f64>> = operations
            .iter()
            .flat_map(|o| points.iter().map(move |p| o.rotation.map(f64::from) * x + o.translation + p))
            .collect();
        let all = || sites.iter().flatten().chain(&images[1..]);
        if all().all(|other| lattice.min_image_distance(&images[0], other) > 0.6) {
            sites.push(images);
        }
        if sites.len() == wanted {
            break;
        }
    }
    assert!(!sites.is_empty(), "{what}: no room for a site");
    let species: Vec<Species> = sites.iter().map(|_| element(random.random_range(1..=103))).collect();
    let cell = lattice.parameters();
    let mut text = format!(
        "data_x\n_space_group_name_Hall\n;{}\n;\n_cell_length_a {}\n_cell_length_b {}\n_cell_length_c {}\n_cell_angle_alpha {}\n_cell_angle_beta {}\n_cell_angle_gamma {}\nloop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n",
        entry.hall_symbol, cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma
    );
    for (species, images) in species.iter().zip(&sites) {
        text += &format!("{species} {} {} {}\n", images[0].x, images[0].y, images[0].z);
    }
    let read = io::read_bytes(text.as_bytes(), Format::Cif, Path::new("x.cif")).remove(0).structure;
    let read = read.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(read.n_sites(), sites.iter().map(Vec::len).sum::<usize>(), "{what}");
    for (species, images) in species.iter().zip(&sites) {
        for image in images {
            let is_there = |site: &Site| {
                let difference = (site.frac_coords - image).map(|x| x - x.round());
                site.species == *species && difference.abs().max() < 1e-6
            };
            assert_eq!(read.sites().iter().filter(|site| is_there(site)).count(), 1, "{what}");
        }
    }
    read
}

/// Random crystals (`DRUSE_ROUND_TRIPS` of them, one for each setting by default): every format gives back what it was
/// given.
#[test]
fn every_setting_through_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let crystals = number("DRUSE_ROUND_TRIPS").map_or(SETTINGS, |n| i32::try_from(n).expect("a number of crystals"));
    let names = ["a.cif", "a.vasp", "a.xyz", "a.json", "a.jsonl", "a.jsonl.zst"];
    (0..crystals).into_par_iter().for_each(|index| {
        let read = crystal(index);
        for name in names {
            let path = folder.path().join(format!("{index}{name}"));
            io::write(&path, &read).expect(name);
            assert_same(&io::read(&path).expect(name), &read, &format!("crystal {index}, {name}"));
            std::fs::remove_file(&path).expect("a file");
        }
    });
    tell(
        "round trips",
        &json!({"crystals": crystals, "settings": SETTINGS.min(crystals), "formats": names.len()}),
        &format!("{crystals} crystals in {} settings, each through {} formats", SETTINGS.min(crystals), names.len()),
    );
}

/// gemmi and pymatgen read what is written here to the same crystals: all atoms of a cell, and non-equivalent sites
/// with operations.
#[needs(python)]
#[test]
fn other_programs_read_what_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut expected: Vec<(String, Structure)> = Vec::new();
    // Every fifth setting: pymatgen takes seconds for the large ones.
    for index in (0..SETTINGS).step_by(5) {
        let read = crystal(index);
        let id = format!("s{index}");
        for ending in ["cif", "vasp", "json"] {
            io::write(&folder.path().join(format!("{id}.{ending}")), &read).expect(ending);
        }
        if let Ok(unit) = AsymmetricUnit::from_structure(&read, 1e-3, Finder::Moyo) {
            let id = format!("{id}-sites");
            std::fs::write(folder.path().join(format!("{id}.cif")), io::to_cif_symmetric(&unit, &id)).expect("a file");
            expected.push((id, unit.expand_conventional().expect("all atoms")));
        }
        expected.push((id, read));
    }
    assert!(expected.len() > 200, "{}", expected.len());
    io::write_all(&folder.path().join("expected.jsonl"), &expected).expect("written");
    let python = std::env::var("DRUSE_PYTHON").expect("the test was built with it");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers.py");
    let output = std::process::Command::new(python).arg(script).arg(folder.path()).output().expect("Python runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    tell("other programs", &json!({"crystals": expected.len()}), &text(&output.stdout));
}

fn element(number: i64) -> Species {
    Species::from_atomic_number(number).expect("an element")
}
