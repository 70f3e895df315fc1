//! What a potential says of a crystal.

use nalgebra::{Matrix3, Vector3};

/// 1 eV/Å³ in GPa.
pub const GPA_PER_EV_PER_CUBIC_ANGSTROM: f64 = 160.217_663_4;

/// Energy, forces and stress of one crystal.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Energy of the cell, eV.
    pub energy: f64,
    /// Forces −∂E/∂x on the sites, Cartesian, eV/Å.
    pub forces: Vec<Vector3<f64>>,
    /// `(1/V) ∂E/∂ε`, symmetric, eV/Å³, positive under tension.
    pub stress: Matrix3<f64>,
}

impl Evaluation {
    /// Length of the largest force, eV/Å.
    pub fn max_force(&self) -> f64 {
        self.forces.iter().map(|force| force.norm()).fold(0.0, f64::max)
    }

    /// Largest component of the stress by amount, GPa.
    pub fn max_stress_gpa(&self) -> f64 {
        self.stress.amax() * GPA_PER_EV_PER_CUBIC_ANGSTROM
    }
}
