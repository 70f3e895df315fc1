//! From crystals and a potential to phonons.

use std::fmt;

use crystal_core::Structure;
use nalgebra::Vector3;
use potential::{Evaluation, Identity, Potential, PotentialError};
use rayon::prelude::*;

use crate::displacements::displacements;
use crate::{
    BandStructure, Crystal, Displacement, DynamicalMatrix, ForceConstants, Mesh, MeshFrequencies, PhononError,
    Settings, Stability, Supercell,
};

/// Residual forces above this (eV/Å) are warned of.
const LARGEST_FORCE: f64 = 0.01;

/// What makes phonons less trustworthy.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The crystal is not at a minimum of its energy.
    ResidualForce {
        /// Length of the largest force in the undisplaced crystal, eV/Å.
        force: f64,
    },
    /// The supercell does not have the symmetry of the crystal.
    SupercellSymmetry {
        /// Multiples of the primitive cell.
        multiples: [usize; 3],
        /// How many operations it keeps.
        kept: usize,
        /// How many the space group has (modulo lattice translations).
        operations: usize,
    },
    /// The supercell is smaller than asked for.
    SupercellHeight {
        /// Multiples of the primitive cell.
        multiples: [usize; 3],
        /// Its least height, Å.
        height: f64,
        /// The least height that the settings ask for, Å.
        least: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResidualForce { force } => write!(
                f,
                "the largest force on an atom is {force:.4} eV/Å, above {LARGEST_FORCE}: the crystal is not at its minimum; \
                 relax it first with `druse relax`"
            ),
            Self::SupercellSymmetry { multiples, kept, operations } => write!(
                f,
                "the supercell {multiples:?} keeps {kept} of {operations} operations of the space group; \
                 equal multiples of equivalent axes keep all"
            ),
            Self::SupercellHeight { multiples, height, least } => write!(
                f,
                "the supercell {multiples:?} is {height:.1} Å high, less than {least} Å: frequencies between its commensurate \
                 wave vectors may be wrong; give larger multiples"
            ),
        }
    }
}

/// The phonons of one crystal.
#[derive(Debug, Clone)]
pub struct Phonons {
    crystal: Crystal,
    supercell: Supercell,
    displacements: Vec<Displacement>,
    residual: Vec<Vector3<f64>>,
    constants: ForceConstants,
    matrix: DynamicalMatrix,
    settings: Settings,
    potential: Identity,
}

/// Computes the phonons of many crystals: the forces of all their supercells in one call of [`Potential::evaluate`]. A
/// crystal that fails gets its error in its own place.
///
/// Forces of the undisplaced supercell are subtracted from those of the displaced ones.
///
/// # Errors
/// [`PhononError::Setting`]; [`PhononError::Device`] if the device failed.
pub fn compute(
    potential: &dyn Potential,
    crystals: Vec<Crystal>,
    settings: &Settings,
) -> Result<Vec<Result<Phonons, PhononError>>, PhononError> {
    settings.check()?;
    let prepared: Vec<Result<Prepared, PhononError>> =
        crystals.into_par_iter().map(|crystal| Prepared::new(crystal, settings)).collect();
    let structures: Vec<Structure> = prepared.iter().flatten().flat_map(Prepared::structures).collect();
    let mut evaluations = if structures.is_empty() {
        Vec::new()
    } else {
        potential.evaluate(&structures).map_err(PhononError::Device)?
    }
    .into_iter();
    let with_forces: Vec<Result<(Prepared, Vec<Forces>), PhononError>> = prepared
        .into_iter()
        .map(|prepared| {
            let prepared = prepared?;
            let of_crystal: Vec<_> = evaluations.by_ref().take(prepared.displacements.len() + 1).collect();
            let forces = prepared.check(of_crystal)?;
            Ok((prepared, forces))
        })
        .collect();
    let finish = |prepared: Result<(Prepared, Vec<Forces>), PhononError>| {
        let (prepared, forces) = prepared?;
        prepared.finish(forces, settings, potential.identity())
    };
    Ok(with_forces.into_par_iter().map(finish).collect())
}

/// Forces on all atoms of one supercell, eV/Å.
type Forces = Vec<Vector3<f64>>;

/// A crystal before its forces are known.
#[derive(Debug)]
struct Prepared {
    crystal: Crystal,
    supercell: Supercell,
    displacements: Vec<Displacement>,
}

impl Prepared {
    fn new(crystal: Crystal, settings: &Settings) -> Result<Self, PhononError> {
        let supercell = Supercell::new(&crystal, settings)?;
        let displacements = displacements(&crystal, &supercell, settings.displacement);
        Ok(Self { crystal, supercell, displacements })
    }

    /// The undisplaced supercell, then one per displacement.
    fn structures(&self) -> impl Iterator<Item = Structure> {
        let undisplaced = self.supercell.structure();
        let displaced = self.displacements.iter().map(|displacement| {
            let mut sites = undisplaced.sites().to_vec();
            sites[displacement.atom].frac_coords += undisplaced.lattice().to_fractional(&displacement.vector);
            Structure::allowing_overlap(*undisplaced.lattice(), sites).expect("a small displacement stays finite")
        });
        std::iter::once(undisplaced.clone()).chain(displaced)
    }

    /// One finite force per atom of every supercell, or what went wrong.
    fn check(&self, evaluations: Vec<Result<Evaluation, PotentialError>>) -> Result<Vec<Forces>, PhononError> {
        let n_supercells = self.displacements.len() + 1;
        let expected = self.supercell.structure().n_sites();
        let found = evaluations.len();
        let mut forces = Vec::with_capacity(n_supercells);
        for (supercell, evaluation) in evaluations.into_iter().enumerate() {
            let evaluation = evaluation.map_err(|source| PhononError::Potential { supercell, n_supercells, source })?;
            let finite = evaluation.forces.iter().filter(|force| force.iter().all(|x| x.is_finite())).count();
            if finite != expected || evaluation.forces.len() != expected {
                return Err(PhononError::Forces { supercell, expected, found: finite });
            }
            forces.push(evaluation.forces);
        }
        if found == n_supercells {
            Ok(forces)
        } else {
            Err(PhononError::Forces { supercell: found, expected, found: 0 })
        }
    }

    fn finish(
        self,
        mut forces: Vec<Forces>,
        settings: &Settings,
        potential: &Identity,
    ) -> Result<Phonons, PhononError> {
        let Self { crystal, supercell, displacements } = self;
        let residual = forces.remove(0);
        for displaced in &mut forces {
            displaced.iter_mut().zip(&residual).for_each(|(force, residual)| *force -= residual);
        }
        let constants = ForceConstants::new(&crystal, &supercell, &displacements, &forces);
        let matrix = DynamicalMatrix::new(&crystal, &supercell, &constants)?;
        let (settings, potential) = (settings.clone(), potential.clone());
        Ok(Phonons { crystal, supercell, displacements, residual, constants, matrix, settings, potential })
    }
}

impl Phonons {
    /// The crystal.
    pub fn crystal(&self) -> &Crystal {
        &self.crystal
    }

    /// The supercell.
    pub fn supercell(&self) -> &Supercell {
        &self.supercell
    }

    /// The displacements that were made.
    pub fn displacements(&self) -> &[Displacement] {
        &self.displacements
    }

    /// The force constants.
    pub fn force_constants(&self) -> &ForceConstants {
        &self.constants
    }

    /// The dynamical matrix.
    pub fn dynamical_matrix(&self) -> &DynamicalMatrix {
        &self.matrix
    }

    /// Which potential gave the forces.
    pub fn potential(&self) -> &Identity {
        &self.potential
    }

    /// Length of the largest force in the undisplaced supercell, eV/Å.
    pub fn residual_force(&self) -> f64 {
        self.residual.iter().map(Vector3::norm).fold(0.0, f64::max)
    }

    /// What to tell the user beside the result.
    pub fn warnings(&self) -> Vec<Warning> {
        let multiples = self.supercell.multiples();
        let mut warnings = Vec::new();
        let force = self.residual_force();
        if force > LARGEST_FORCE {
            warnings.push(Warning::ResidualForce { force });
        }
        if !self.supercell.has_full_symmetry() {
            let kept = self.supercell.symmetric_operations().len();
            warnings.push(Warning::SupercellSymmetry { multiples, kept, operations: self.crystal.operations().len() });
        }
        let reciprocal = self.supercell.structure().lattice().reciprocal_lengths();
        let (height, least) = (1.0 / reciprocal.into_iter().fold(0.0, f64::max), self.settings.least_height);
        if height < least - 1e-6 {
            warnings.push(Warning::SupercellHeight { multiples, height, least });
        }
        warnings
    }

    /// The frequencies at a wave vector (reduced coordinates of the primitive cell), ascending, THz; imaginary ones
    /// negative.
    pub fn frequencies(&self, qpoint: &Vector3<f64>) -> Vec<f64> {
        self.matrix.frequencies(qpoint)
    }

    /// The frequencies on the mesh of the settings.
    ///
    /// # Errors
    /// Those of [`Mesh::new`].
    pub fn on_mesh(&self) -> Result<MeshFrequencies, PhononError> {
        let mesh = Mesh::new(&self.crystal, &self.supercell, &self.settings)?;
        Ok(MeshFrequencies::new(mesh, &self.matrix))
    }

    /// The verdict from frequencies on a mesh ([`Self::on_mesh`]).
    pub fn stability(&self, modes: &MeshFrequencies) -> Stability {
        Stability::new(modes, &self.supercell)
    }

    /// The frequencies along the standard path of the Bravais lattice, at most `spacing` (1/Å, without 2π) apart.
    ///
    /// # Errors
    /// [`PhononError::Setting`] if the spacing is not a positive number.
    pub fn band_structure(&self, spacing: f64) -> Result<BandStructure, PhononError> {
        BandStructure::new(&self.crystal, &self.matrix, spacing)
    }
}
