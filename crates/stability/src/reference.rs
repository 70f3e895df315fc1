//! Reference sets: phases of many chemical systems, all by one potential.

mod builder;
mod file;
mod sealed;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crystal_core::{Composition, SpaceGroupNumber, Species, Structure};
use serde::{Deserialize, Serialize};

pub use builder::ReferenceBuilder;

use crate::fractions::element_mask;
use crate::{Fractions, Hull, Phase, Placement, StabilityError, mp2020};

/// Systems whose hulls are kept. A search in one system asks for one, a benchmark for thousands of different ones, once
/// each.
const MAX_CACHED: usize = 4096;

/// A potential, or a data set, by name and hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// Name for people.
    pub name: String,
    /// SHA-256 of the weights or of the data, hexadecimal. This alone decides whether two sources are the same.
    pub sha256: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.sha256.get(..12).unwrap_or(&self.sha256);
        write!(f, "{} (SHA-256 {digits}…)", self.name)
    }
}

/// What is added to raw energies before they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CorrectionScheme {
    /// Nothing: the hull is of raw energies.
    None,
    /// The Materials Project's corrections of 2020, see [`mp2020`].
    MaterialsProject2020,
}

impl CorrectionScheme {
    /// What the scheme adds to the raw energy of a structure, eV per cell.
    pub fn per_cell(self, structure: &Structure) -> f64 {
        match self {
            Self::None => 0.0,
            Self::MaterialsProject2020 => mp2020(structure).per_cell(),
        }
    }
}

/// A relaxed crystal of a reference set.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePhase {
    /// Its id, as in `mp-149`.
    pub id: String,
    /// Its reduced formula unit.
    pub composition: Composition,
    /// Raw energy of the potential, eV/atom, rounded to 1 µeV.
    pub raw_energy_per_atom: f64,
    /// What the set's scheme adds, eV/atom, rounded to 1 µeV.
    pub correction_per_atom: f64,
    /// Space group after relaxation.
    pub space_group: SpaceGroupNumber,
}

impl ReferencePhase {
    /// The energy that hulls are made of, eV/atom.
    pub fn energy_per_atom(&self) -> f64 {
        self.raw_energy_per_atom + self.correction_per_atom
    }
}

/// What a reference set says about its origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub potential: Source,
    pub data: Source,
    pub scheme: CorrectionScheme,
    pub settings: String,
}

/// Phases of many systems with their energies by one potential. Hulls of single systems are made from it and kept.
///
/// Energies of different potentials do not go together: their offsets differ by tens of meV/atom. So whatever takes an
/// energy also takes the [`Source`] of that energy, and refuses any but the set's own.
#[derive(Debug)]
pub struct ReferenceSet {
    origin: Origin,
    /// Sorted by composition, energy and id.
    phases: Vec<Arc<Phase>>,
    /// In the order of `phases`: raw energies and corrections, µeV/atom.
    raw: Vec<i32>,
    corrections: Vec<i32>,
    /// In the order of `phases`.
    masks: Vec<u128>,
    hulls: RwLock<HashMap<u128, Arc<Hull>>>,
    sha256: String,
}

impl ReferenceSet {
    /// The potential behind the energies.
    pub fn potential(&self) -> &Source {
        &self.origin.potential
    }

    /// The structures that were relaxed.
    pub fn data(&self) -> &Source {
        &self.origin.data
    }

    /// What was added to the raw energies.
    pub fn scheme(&self) -> CorrectionScheme {
        self.origin.scheme
    }

    /// How the structures were relaxed, in words.
    pub fn settings(&self) -> &str {
        &self.origin.settings
    }

    /// SHA-256 of the set's content, hexadecimal: what a certificate names.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Number of phases.
    pub fn n_phases(&self) -> usize {
        self.phases.len()
    }

    /// All phases, sorted by composition, energy and id.
    pub fn phases(&self) -> impl ExactSizeIterator<Item = ReferencePhase> + '_ {
        (0..self.phases.len()).map(|index| self.phase(index))
    }

    /// The elements that have an elementary phase: systems of these have hulls.
    pub fn elements(&self) -> BTreeSet<Species> {
        let elementary = self.phases.iter().filter(|phase| phase.composition().n_elements() == 1);
        elementary.flat_map(|phase| phase.composition().iter().map(|(element, _)| element)).collect()
    }

    /// Refuses energies that are not of the set's potential.
    ///
    /// # Errors
    /// [`StabilityError::OtherPotential`].
    pub fn check(&self, energies: &Source) -> Result<(), StabilityError> {
        if energies.sha256.eq_ignore_ascii_case(&self.origin.potential.sha256) {
            return Ok(());
        }
        Err(StabilityError::OtherPotential { hull: self.origin.potential.clone(), given: energies.clone() })
    }

    /// A raw energy of the set's potential (eV per cell) on the scale of the set's hulls, eV/atom.
    ///
    /// # Errors
    /// [`StabilityError::OtherPotential`]; [`StabilityError::Energy`] for an energy that is not a finite number.
    pub fn energy_per_atom(
        &self,
        energies: &Source,
        structure: &Structure,
        raw_per_cell: f64,
    ) -> Result<f64, StabilityError> {
        self.check(energies)?;
        let composition = Composition::of(structure);
        if !raw_per_cell.is_finite() {
            return Err(StabilityError::Energy { id: composition.formula(), energy: raw_per_cell });
        }
        Ok((raw_per_cell + self.origin.scheme.per_cell(structure)) / f64::from(composition.total()))
    }

    /// The hull of a chemical system, made once and kept.
    pub fn hull(&self, elements: impl IntoIterator<Item = Species>) -> Arc<Hull> {
        let elements: BTreeSet<Species> = elements.into_iter().collect();
        let mask = element_mask(elements.iter().copied());
        // A poisoned lock guards nothing that could be half written: hulls are inserted whole.
        if let Some(hull) = self.hulls.read().unwrap_or_else(PoisonError::into_inner).get(&mask) {
            return Arc::clone(hull);
        }
        let phases = self.masks.iter().zip(&self.phases).filter(|(of_phase, _)| **of_phase & !mask == 0);
        let hull = Arc::new(Hull::new(elements, phases.map(|(_, phase)| Arc::clone(phase))));
        let mut hulls = self.hulls.write().unwrap_or_else(PoisonError::into_inner);
        if hulls.len() >= MAX_CACHED {
            hulls.clear();
        }
        hulls.insert(mask, Arc::clone(&hull));
        hull
    }

    /// Where a structure with a raw energy of the set's potential (eV per cell) lies against the hull of its elements.
    ///
    /// # Errors
    /// [`StabilityError::OtherPotential`], [`StabilityError::Energy`], [`StabilityError::MissingEndMember`],
    /// [`StabilityError::Solver`].
    pub fn place(
        &self,
        energies: &Source,
        structure: &Structure,
        raw_per_cell: f64,
    ) -> Result<Placement, StabilityError> {
        let energy_per_atom = self.energy_per_atom(energies, structure, raw_per_cell)?;
        let composition = Composition::of(structure);
        let hull = self.hull(composition.iter().map(|(element, _)| element));
        hull.place(&Fractions::of(&composition)?, energy_per_atom)
    }

    fn phase(&self, index: usize) -> ReferencePhase {
        let phase = &self.phases[index];
        ReferencePhase {
            id: phase.id().to_owned(),
            composition: phase.composition().clone(),
            raw_energy_per_atom: f64::from(self.raw[index]) * MICRO,
            correction_per_atom: f64::from(self.corrections[index]) * MICRO,
            space_group: phase.space_group().expect("phases of a reference set have space groups"),
        }
    }
}

/// Energies are kept as whole µeV/atom.
const MICRO: f64 = 1e-6;
