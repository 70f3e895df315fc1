//! Frequencies of the published potential against those of phonopy on its published implementation.

use std::collections::BTreeMap;

use burn::tensor::Device;
use crystal_core::{Lattice, Site, Species, Structure};
use nalgebra::Vector3;
use phonon::{Crystal, Phonons, Settings, compute};
use potential::{Nequix, Potential, Weights};
use serde::Deserialize;
use test_support::{needs, shared};

#[derive(Deserialize)]
struct Golden {
    cell: [[f64; 3]; 3],
    numbers: Vec<i64>,
    scaled_positions: Vec<[f64; 3]>,
    supercell: [usize; 3],
    displacement: f64,
    displacements: Vec<GoldenDisplacement>,
    qpoints: BTreeMap<String, [f64; 3]>,
    frequencies_thz: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct GoldenDisplacement {
    atom: usize,
    vector: [f64; 3],
    forces_first: [f64; 3],
}

impl Golden {
    fn structure(&self) -> Structure {
        let site = |(number, x): (&i64, &[f64; 3])| Site {
            species: Species::from_atomic_number(*number).expect("an element"),
            frac_coords: Vector3::from(*x),
        };
        let sites = self.numbers.iter().zip(&self.scaled_positions).map(site).collect();
        Structure::new(Lattice::from_rows(self.cell).expect("a cell"), sites).expect("a structure")
    }
}

/// For every displacement the atomic number, the displacement and the force on the displaced atom.
fn forces_on_displaced(potential: &Nequix, phonons: &Phonons) -> Vec<(i64, Vector3<f64>, Vector3<f64>)> {
    let undisplaced = phonons.supercell().structure();
    let displaced = phonons.displacements().iter().map(|displacement| {
        let mut sites = undisplaced.sites().to_vec();
        sites[displacement.atom].frac_coords += undisplaced.lattice().to_fractional(&displacement.vector);
        Structure::new(*undisplaced.lattice(), sites).expect("a structure")
    });
    let evaluations = potential.evaluate(&displaced.collect::<Vec<_>>()).expect("the device works");
    let pairs = phonons.displacements().iter().zip(evaluations);
    pairs
        .map(|(displacement, evaluation)| {
            let number = i64::from(undisplaced.sites()[displacement.atom].species.atomic_number());
            (number, displacement.vector, evaluation.expect("forces").forces[displacement.atom])
        })
        .collect()
}

fn compare(name: &str, potential: &Nequix, force_tolerance: f64) {
    let path = shared(&format!("golden/potential/phonons_{name}.json"));
    let text = std::fs::read_to_string(path).expect("the golden file can be read");
    let golden: BTreeMap<String, Golden> = serde_json::from_str(&text).expect("the golden file is well formed");
    let (mut worst, mut worst_soft) = (0.0_f64, 0.0_f64);
    for (formula, golden) in &golden {
        let crystal = Crystal::from_structure(&golden.structure(), 1e-4).expect("a crystal");
        let settings =
            Settings { supercell: Some(golden.supercell), displacement: golden.displacement, ..Settings::default() };
        let phonons = compute(potential, vec![crystal], &settings).expect("good settings").remove(0).expect("phonons");
        assert!(phonons.residual_force() < 1e-4, "{name} {formula}: {}", phonons.residual_force());
        assert_eq!(phonons.displacements().len(), golden.displacements.len(), "{name} {formula}");

        let forces = forces_on_displaced(potential, &phonons);
        for expected in &golden.displacements {
            // Which of several equivalent atoms is moved along which equivalent direction is left open: the cosine
            // between force and displacement and the length of the force do not depend on it. Elements come in the
            // order of the file.
            let (vector, force) = (Vector3::from(expected.vector), Vector3::from(expected.forces_first));
            let species = golden.numbers[expected.atom / golden.supercell.iter().product::<usize>()];
            let agrees = forces.iter().any(|(number, displacement, found)| {
                *number == species
                    && (displacement.norm() - vector.norm()).abs() < 1e-9
                    && (found.norm() - force.norm()).abs() < force_tolerance
                    && (found.dot(displacement) - force.dot(&vector)).abs() < force_tolerance * vector.norm()
            });
            assert!(agrees, "{name} {formula}: {vector} {force}, not among {forces:?}");
        }

        for (label, expected) in &golden.frequencies_thz {
            let qpoint = phonons.crystal().qpoint_of_input(&Vector3::from(golden.qpoints[label]));
            let found = phonons.frequencies(&qpoint);
            for (found, expected) in found.iter().zip(expected) {
                let deviation = (found - expected).abs();
                let soft = expected.abs() < 0.5 || *expected < 0.0;
                let worst = if soft { &mut worst_soft } else { &mut worst };
                *worst = worst.max(deviation);
                let tolerance = if soft { 0.1 } else { 0.02 };
                assert!(deviation < tolerance, "{name} {formula} at {label}: {found} instead of {expected} THz");
            }
        }
    }
    eprintln!("{name}: largest deviation {worst:.2e} THz, of acoustic modes at Γ and soft modes {worst_soft:.2e} THz");
}

const NAMES: [&str; 3] = ["nequix-oam-1-pft", "nequix-oam-1", "nequix-mp-1-pft"];

fn weights(name: &str) -> Weights {
    Weights::load(&shared(&format!("weights/nequix/{name}.safetensors"))).expect("a weights file")
}

#[needs(shared)]
#[test]
fn frequencies_in_double_precision() {
    for name in NAMES {
        let weights = weights(name);
        compare(name, &Nequix::double_precision(&weights, &Device::flex()), 1e-6);
    }
}

#[needs(shared)]
#[test]
fn frequencies_in_single_precision() {
    for name in NAMES {
        let weights = weights(name);
        compare(name, &Nequix::new(&weights, &Device::flex()), 1e-4);
    }
}
