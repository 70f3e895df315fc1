//! Displacements, frequencies and thermal functions against phonopy, band paths against seekpath. `golden/generate.py`
//! made the values.

use std::collections::BTreeMap;
use std::path::Path;

use crystal_core::whole;
use crystal_core::{AsymmetricUnit, Finder, Lattice, LatticeCoordinates, Site, SpaceGroup, Structure};
use nalgebra::{Matrix3, Vector3};
use phonon::{BandPath, Crystal, Settings, ThermalFunctions, compute};
use serde::Deserialize;
use serde::de::DeserializeOwned;

mod common;
use common::{PairPotential, assert_close, bump, species, with_lattice};

#[derive(Deserialize)]
struct Golden<T> {
    entries: Vec<T>,
}

fn golden<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = std::fs::read_to_string(&path).expect("the golden file is part of the repository");
    serde_json::from_str::<Golden<T>>(&text).expect("the golden file is well formed").entries
}

#[derive(Deserialize)]
struct PhonopyEntry {
    name: String,
    space_group: u8,
    lattice: [[f64; 3]; 3],
    positions: Vec<[f64; 3]>,
    symbols: Vec<String>,
    supercell: [usize; 3],
    displacements: Vec<PhonopyDisplacement>,
    max_residual_force: f64,
    frequencies_thz: Vec<AtQpoint>,
    thermal: Thermal,
}

#[derive(Deserialize)]
struct PhonopyDisplacement {
    vector: [f64; 3],
}

#[derive(Deserialize)]
struct AtQpoint {
    qpoint: [f64; 3],
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Thermal {
    temperatures_k: Vec<f64>,
    free_energy_kj_mol: Vec<f64>,
    entropy_j_k_mol: Vec<f64>,
    heat_capacity_j_k_mol: Vec<f64>,
}

impl PhonopyEntry {
    fn structure(&self) -> Structure {
        let lattice = Lattice::from_rows(self.lattice).expect("a cell");
        let site =
            |(symbol, x): (&String, &[f64; 3])| Site { species: species(symbol), frac_coords: Vector3::from(*x) };
        Structure::new(lattice, self.symbols.iter().zip(&self.positions).map(site).collect()).expect("a structure")
    }
}

#[test]
fn displacements_and_frequencies_of_phonopy() {
    let entries: Vec<PhonopyEntry> = golden("phonopy.json");
    assert!(entries.len() >= 20);
    let potential = PairPotential::new(3.9, bump);
    for entry in &entries {
        let name = format!("{} {:?}", entry.name, entry.supercell);
        let crystal = Crystal::from_structure(&entry.structure(), 1e-3).expect("a crystal");
        // Supercells of the default size are found by the rule; smaller ones are asked for.
        let height = crystal.lattice().reciprocal_lengths().into_iter().zip(entry.supercell);
        let is_small = height.map(|(length, n)| n as f64 / length).fold(f64::INFINITY, f64::min) < 7.99;
        let supercell = is_small.then_some(entry.supercell);
        let settings = Settings { supercell, mesh: Some([6, 6, 6]), ..Settings::default() };
        let phonons = compute(&potential, vec![crystal], &settings).expect("good settings").remove(0);
        let phonons = phonons.unwrap_or_else(|error| panic!("{name}: {error}"));
        let crystal = phonons.crystal();
        assert_eq!(crystal.space_group().number().get(), entry.space_group, "{name}");
        assert_eq!(crystal.n_sites(), entry.symbols.len(), "{name}");
        let mut multiples = phonons.supercell().multiples();
        let mut expected = entry.supercell;
        multiples.sort_unstable();
        expected.sort_unstable();
        assert_eq!(multiples, expected, "{name}");
        assert_eq!(phonons.displacements().len(), entry.displacements.len(), "{name}: number of displacements");
        if (crystal.lattice().matrix() - Matrix3::from_row_slice(entry.lattice.as_flattened())).amax() < 1e-6 {
            // In the same cell the directions are the same, too (which of several equivalent atoms comes first is not).
            let sorted = |vectors: Vec<[f64; 3]>| {
                let mut rounded: Vec<[i64; 3]> =
                    vectors.iter().map(|v| v.map(|x| whole::saturated_64((x * 1e6).round()))).collect();
                rounded.sort_unstable();
                rounded
            };
            let found = sorted(phonons.displacements().iter().map(|displacement| displacement.vector.into()).collect());
            assert_eq!(
                found,
                sorted(entry.displacements.iter().map(|displacement| displacement.vector).collect()),
                "{name}"
            );
        }
        assert!((phonons.residual_force() - entry.max_residual_force).abs() < 1e-6, "{name}");
        for AtQpoint { qpoint, values } in &entry.frequencies_thz {
            let qpoint = crystal.qpoint_of_input(&Vector3::from(*qpoint));
            let found = phonons.frequencies(&qpoint);
            // A frequency is the root of an eigenvalue: near zero, as wide apart as the root of the error.
            for (found, expected) in found.iter().zip(values) {
                let square = |x: f64| x * x.abs();
                assert!(
                    (square(*found) - square(*expected)).abs() < 4e-3,
                    "{name} at {qpoint:?}: {found} not {expected}"
                );
            }
        }
        let thermal = ThermalFunctions::new(&phonons.on_mesh().expect("a mesh"), &entry.thermal.temperatures_k);
        for (index, point) in thermal.points.iter().enumerate() {
            let found = [point.free_energy_kj_mol, point.entropy_j_k_mol, point.heat_capacity_j_k_mol];
            let expected = [
                entry.thermal.free_energy_kj_mol[index],
                entry.thermal.entropy_j_k_mol[index],
                entry.thermal.heat_capacity_j_k_mol[index],
            ];
            assert_close(
                &found,
                &expected,
                5e-3 * (1.0 + expected[1].abs()),
                &format!("{name} {} K", point.temperature_k),
            );
        }
    }
}

#[derive(Deserialize)]
struct SeekpathEntry {
    space_group: i64,
    bravais: String,
    conventional: [[f64; 3]; 3],
    points: BTreeMap<String, [f64; 3]>,
    path: Vec<[String; 2]>,
}

fn greek(label: &str) -> String {
    let mut label = label.to_owned();
    for (latin, greek) in [("GAMMA", "Γ"), ("SIGMA", "Σ"), ("DELTA", "Δ"), ("LAMBDA", "Λ")] {
        label = label.replace(latin, greek);
    }
    label
}

/// Scalar products of all pairs of points of a path, Cartesian: independent of the orientation.
fn products(points: &[Vector3<f64>]) -> Vec<f64> {
    points.iter().flat_map(|a| points.iter().map(|b| a.dot(b))).collect()
}

#[test]
fn special_points_and_paths_of_seekpath() {
    let entries: Vec<SeekpathEntry> = golden("seekpath.json");
    let kinds: std::collections::BTreeSet<&str> = entries.iter().map(|entry| entry.bravais.as_str()).collect();
    assert_eq!(kinds.len(), 29, "every extended Bravais lattice is tried");
    for entry in &entries {
        let name = format!("{} of group {}", entry.bravais, entry.space_group);
        let space_group = SpaceGroup::from_number(entry.space_group).expect("a space group");
        let coordinates = LatticeCoordinates::new(space_group.system());
        let conventional = Lattice::from_rows(entry.conventional).expect("a cell");
        let lattice = coordinates.decode(&coordinates.encode(&conventional)).expect("a cell");
        let unit = with_lattice(space_group, lattice, &[("O", [0.0917, 0.1773, 0.2879])]);
        let crystal = Crystal::from_unit(&unit).expect("a crystal");
        let path = BandPath::new(&crystal).expect("a path");
        assert_eq!(path.bravais, entry.bravais, "{name}");
        let segments: Vec<[String; 2]> =
            path.segments.iter().map(|[a, b]| [a.label.clone(), b.label.clone()]).collect();
        let expected: Vec<[String; 2]> = entry.path.iter().map(|[a, b]| [greek(a), greek(b)]).collect();
        assert_eq!(segments, expected, "{name}");
        assert_eq!(path.points.len(), entry.points.len(), "{name}");
        let mut found = Vec::new();
        let mut wanted = Vec::new();
        for (label, cartesian) in &entry.points {
            let point = path.points.iter().find(|point| point.label == greek(label)).expect("the point exists");
            found.push(crystal.lattice().inverse() * Vector3::from(point.qpoint));
            wanted.push(Vector3::from(*cartesian));
        }
        assert_close(&products(&found), &products(&wanted), 1e-8, &name);
    }
}

#[test]
fn the_path_follows_the_lattice_of_an_unreduced_monoclinic_cell() {
    // The same base-centred lattice in three cells: as it is, with an acute angle, and with long, skewed vectors.
    let space_group = SpaceGroup::from_number(12).expect("a space group");
    let rows = Matrix3::new(7.5, 0.0, 0.0, 0.0, 7.6, 0.0, -2.44, 0.0, 4.59);
    let changes = [
        Matrix3::identity(),
        Matrix3::new(1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0),
        Matrix3::new(1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 3.0, 0.0, 7.0),
    ];
    let lengths: Vec<Vec<f64>> = changes
        .iter()
        .map(|change| {
            let lattice = Lattice::new(change * rows).expect("a cell");
            let coordinates = LatticeCoordinates::new(space_group.system());
            let lattice = coordinates.decode(&coordinates.encode(&lattice)).expect("a cell");
            let unit = with_lattice(space_group, lattice, &[("O", [0.09, 0.17, 0.28])]);
            let crystal = Crystal::from_unit(&unit).expect("a crystal");
            let path = BandPath::new(&crystal).expect("a path");
            let length = |[a, b]: &[phonon::PathPoint; 2]| {
                (crystal.lattice().inverse() * (Vector3::from(b.qpoint) - Vector3::from(a.qpoint))).norm()
            };
            path.segments.iter().map(length).collect()
        })
        .collect();
    assert_close(&lengths[1], &lengths[0], 1e-9, "acute");
    assert_close(&lengths[2], &lengths[0], 1e-9, "skewed");
}

#[test]
fn a_finder_and_a_unit_agree() {
    let entries: Vec<PhonopyEntry> = golden("phonopy.json");
    let structure = entries[0].structure();
    let unit = AsymmetricUnit::from_structure(&structure, 1e-3, Finder::Moyo).expect("a unit");
    let from_unit = Crystal::from_unit(&unit).expect("a crystal");
    let from_structure = Crystal::from_structure(&structure, 1e-3).expect("a crystal");
    assert_eq!(from_unit.primitive(), from_structure.primitive());
}
