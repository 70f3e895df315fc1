//! What a relaxation ends with.

use crystal_core::{AsymmetricUnit, SpaceGroupNumber, Structure, io};
use nalgebra::Matrix3;
use serde::{Deserialize, Serialize};

/// How far a crystal moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Displacement {
    /// Of the atom that moved farthest, Å: in the relaxed cell, against the crystal as given, less the mean of all
    /// atoms.
    pub max: f64,
    /// Root mean square over all atoms, Å.
    pub rms: f64,
    /// The largest logarithmic principal strain of the cell, by amount.
    pub strain: f64,
}

/// A relaxed crystal, or one that ran out of steps.
#[derive(Debug, Clone)]
pub struct Relaxation {
    /// Energy at the start (after the rattle), eV/atom.
    pub energy_start_per_atom: f64,
    /// Energy at the end, eV/atom; without the term `pV` of a target pressure.
    pub energy_per_atom: f64,
    /// Volume at the start (after the rattle), Å³/atom.
    pub volume_start_per_atom: f64,
    /// Volume at the end, Å³/atom.
    pub volume_per_atom: f64,
    /// Evaluations after that of the start.
    pub steps: usize,
    /// Whether forces AND stress are below their limits.
    pub converged: bool,
    /// Largest force, eV/Å.
    pub max_force: f64,
    /// Largest component of the stress that is to vanish, by amount, GPa: less the target pressure; the deviator alone
    /// at constant volume; zero for a fixed cell.
    pub max_stress_gpa: f64,
    /// The stress itself, eV/Å³, positive under tension, in the frame of `structure`.
    pub stress: Matrix3<f64>,
    /// Space group of the crystal as given: at 0.01 Å, or the one that is kept. `None` if it cannot be told.
    pub space_group_start: Option<SpaceGroupNumber>,
    /// Space group at the end, likewise.
    pub space_group: Option<SpaceGroupNumber>,
    /// How far it moved.
    pub displacement: Displacement,
    /// The relaxed crystal: the cell as given, with its sites in their order and not wrapped, or the primitive cell in
    /// the symmetric mode.
    pub structure: Structure,
    /// Its asymmetric unit, in the symmetric mode.
    pub unit: Option<AsymmetricUnit>,
}

/// What documents and tables show of a relaxation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelaxedNumbers {
    /// Energy at the start (after the rattle), eV/atom.
    pub energy_start_per_atom: f64,
    /// Energy at the end, eV/atom.
    pub energy_per_atom: f64,
    /// Volume at the start (after the rattle), Å³/atom.
    pub volume_start_per_atom: f64,
    /// Volume at the end, Å³/atom.
    pub volume_per_atom: f64,
    /// Evaluations after that of the start.
    pub steps: usize,
    /// Whether forces and stress are below their limits.
    pub converged: bool,
    /// Largest force, eV/Å.
    pub max_force: f64,
    /// Largest component of the stress that is to vanish, by amount, GPa.
    pub max_stress_gpa: f64,
    /// Space group of the crystal as given.
    pub space_group_start: Option<SpaceGroupNumber>,
    /// Space group at the end.
    pub space_group: Option<SpaceGroupNumber>,
    /// Displacement of the atom that moved farthest, Å.
    pub max_displacement: f64,
    /// Root mean square over all atoms, Å.
    pub rms_displacement: f64,
    /// The largest logarithmic principal strain of the cell, by amount.
    pub strain: f64,
}

impl From<&Relaxation> for RelaxedNumbers {
    fn from(relaxation: &Relaxation) -> Self {
        let Displacement { max, rms, strain } = relaxation.displacement;
        Self {
            energy_start_per_atom: relaxation.energy_start_per_atom,
            energy_per_atom: relaxation.energy_per_atom,
            volume_start_per_atom: relaxation.volume_start_per_atom,
            volume_per_atom: relaxation.volume_per_atom,
            steps: relaxation.steps,
            converged: relaxation.converged,
            max_force: relaxation.max_force,
            max_stress_gpa: relaxation.max_stress_gpa,
            space_group_start: relaxation.space_group_start,
            space_group: relaxation.space_group,
            max_displacement: max,
            rms_displacement: rms,
            strain,
        }
    }
}

impl Relaxation {
    /// The relaxed crystal as a CIF of this name, with the operations of its space group where that was kept.
    pub fn to_cif(&self, id: &str) -> String {
        match &self.unit {
            Some(unit) => io::to_cif_symmetric(unit, id),
            None => io::to_cif(&self.structure, id),
        }
    }

    /// Minus a third of the trace of the stress, GPa.
    pub fn pressure_gpa(&self) -> f64 {
        -self.stress.trace() / 3.0 * potential::GPA_PER_EV_PER_CUBIC_ANGSTROM
    }
}
