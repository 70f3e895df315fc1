//! Golden values and devices.
#![allow(dead_code, reason = "each test uses a part")]

use crystal_core::{Lattice, Site, Species, Structure};
use nalgebra::{Matrix3, Vector3};
use potential::Evaluation;
use serde::Deserialize;
use test_support::shared;

/// One golden geometry with its energy, forces and stress.
#[derive(Debug, Deserialize)]
pub struct Golden {
    pub id: String,
    pub geometry: String,
    pub numbers: Vec<i64>,
    pub cell: [[f64; 3]; 3],
    pub positions: Vec<[f64; 3]>,
    pub energy: f64,
    pub forces: Vec<[f64; 3]>,
    pub stress: [[f64; 3]; 3],
}

impl Golden {
    pub fn structure(&self) -> Structure {
        structure(&self.numbers, self.cell, &self.positions)
    }

    /// Largest deviations: energy in eV/atom, force components in eV/Å, stress components in eV/Å³.
    pub fn deviations(&self, found: &Evaluation) -> [f64; 3] {
        let forces =
            found.forces.iter().zip(&self.forces).map(|(found, golden)| (found - Vector3::from(*golden)).amax());
        assert_eq!(found.forces.len(), self.forces.len());
        [
            (found.energy - self.energy).abs() / self.numbers.len() as f64,
            forces.fold(0.0, f64::max),
            (found.stress - Matrix3::from_row_slice(self.stress.as_flattened())).amax(),
        ]
    }
}

/// A structure from atomic numbers and Cartesian positions, Å.
pub fn structure(numbers: &[i64], cell: [[f64; 3]; 3], positions: &[[f64; 3]]) -> Structure {
    let lattice = Lattice::from_rows(cell).expect("a cell");
    let site = |(number, position): (&i64, &[f64; 3])| Site {
        species: Species::from_atomic_number(*number).expect("an element"),
        frac_coords: lattice.to_fractional(&Vector3::from(*position)),
    };
    Structure::new(lattice, numbers.iter().zip(positions).map(site).collect()).expect("a structure")
}

/// The lines of a golden file.
pub fn goldens(name: &str) -> Vec<Golden> {
    let path = shared(&format!("golden/potential/{name}"));
    let text = std::fs::read_to_string(path).expect("a readable file");
    text.lines().map(|line| serde_json::from_str(line).expect("a golden line")).collect()
}
