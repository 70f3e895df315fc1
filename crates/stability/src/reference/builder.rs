//! Making a reference set.

use std::collections::HashSet;

use crystal_core::{Composition, SpaceGroupNumber, Structure};

use super::{CorrectionScheme, MICRO, Origin, ReferencePhase, ReferenceSet, Source};
use crate::{StabilityError, mp2020};

/// Gathers relaxed crystals into a [`ReferenceSet`].
#[derive(Debug)]
pub struct ReferenceBuilder {
    origin: Origin,
    phases: Vec<ReferencePhase>,
    ids: HashSet<String>,
}

impl ReferenceBuilder {
    /// An empty set of crystals of `data`, relaxed with `potential` as `settings` says in words (optimiser, limits,
    /// start).
    pub fn new(potential: Source, data: Source, scheme: CorrectionScheme, settings: impl Into<String>) -> Self {
        let origin = Origin { potential, data, scheme, settings: settings.into() };
        Self { origin, phases: Vec::new(), ids: HashSet::new() }
    }

    /// Adds a relaxed crystal with its raw energy, eV per cell. The correction of the set's scheme is found from the
    /// structure.
    ///
    /// # Errors
    /// As [`Self::push_phase`].
    pub fn push(
        &mut self,
        id: &str,
        structure: &Structure,
        raw_per_cell: f64,
        space_group: SpaceGroupNumber,
    ) -> Result<(), StabilityError> {
        let composition = Composition::of(structure);
        let correction_per_atom = match self.origin.scheme {
            CorrectionScheme::None => 0.0,
            CorrectionScheme::MaterialsProject2020 => mp2020(structure).per_atom(),
        };
        self.push_phase(ReferencePhase {
            id: id.to_owned(),
            raw_energy_per_atom: raw_per_cell / f64::from(composition.total()),
            composition,
            correction_per_atom,
            space_group,
        })
    }

    /// Adds a phase whose correction is known already. Energies are rounded to 1 µeV/atom.
    ///
    /// # Errors
    /// [`StabilityError::EmptyComposition`]; [`StabilityError::Energy`] for an energy that is not a finite number;
    /// [`StabilityError::ReferencePhase`] for an id that is there already and for energies beyond ±2 000 eV/atom.
    pub fn push_phase(&mut self, phase: ReferencePhase) -> Result<(), StabilityError> {
        let ReferencePhase { id, composition, raw_energy_per_atom, correction_per_atom, space_group } = phase;
        if composition.n_elements() == 0 {
            return Err(StabilityError::EmptyComposition);
        }
        let rounded = |energy: f64| {
            if !energy.is_finite() {
                return Err(StabilityError::Energy { id: id.clone(), energy });
            }
            let reason = format!("its energy of {energy} eV/atom is beyond ±2 000; check its relaxation");
            micro_electronvolts(energy).ok_or(StabilityError::ReferencePhase { id: id.clone(), reason })
        };
        let raw_energy_per_atom = f64::from(rounded(raw_energy_per_atom)?) * MICRO;
        let correction_per_atom = f64::from(rounded(correction_per_atom)?) * MICRO;
        if !self.ids.insert(id.clone()) {
            return Err(StabilityError::ReferencePhase {
                id,
                reason: "this id is there already; add each crystal once".to_owned(),
            });
        }
        let composition = composition.reduced();
        self.phases.push(ReferencePhase { id, composition, raw_energy_per_atom, correction_per_atom, space_group });
        Ok(())
    }

    /// The finished set. It does not depend on the order in which phases were added.
    ///
    /// # Errors
    /// [`StabilityError::ReferenceFile`] if it cannot be written down.
    pub fn finish(self) -> Result<ReferenceSet, StabilityError> {
        ReferenceSet::assemble(self.origin, self.phases)
    }
}

/// Whole µeV of an energy in eV; `None` outside ±2 000 eV, which leaves room for sums in 32 bits.
pub(super) fn micro_electronvolts(energy: f64) -> Option<i32> {
    let rounded = (energy / MICRO).round();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within the range of i32, as just checked")]
    (rounded.abs() <= 2e9).then_some(rounded as i32)
}
