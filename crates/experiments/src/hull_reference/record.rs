//! A line of the journal.

use crystal_core::{Composition, SpaceGroupNumber};
use relax::{RelaxError, Relaxation};
use serde::{Deserialize, Serialize};
use stability::ReferencePhase;

use super::SCHEME;
use super::items::Item;

/// What became of a structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub id: String,
    pub outcome: Result<Energy, String>,
}

/// The energy of a structure, eV/atom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Energy {
    /// Reduced.
    pub formula: String,
    /// By the potential, not corrected.
    pub energy_per_atom: f64,
    /// At the start, likewise.
    pub energy_start_per_atom: f64,
    /// What the Materials Project's scheme of 2020 adds to the relaxed structure.
    pub correction_per_atom: f64,
    pub space_group: u8,
    pub n_atoms: usize,
    pub steps: usize,
    pub converged: bool,
}

impl Record {
    pub(super) fn new(item: &Item, result: Result<Relaxation, RelaxError>) -> Self {
        let outcome = result.map_err(|error| error.to_string()).and_then(|relaxation| Energy::new(&relaxation));
        Self { id: item.id.clone(), outcome }
    }
}

impl Energy {
    fn new(relaxation: &Relaxation) -> Result<Self, String> {
        let Relaxation { structure, energy_per_atom, energy_start_per_atom, steps, converged, .. } = relaxation;
        let space_group = relaxation.space_group.ok_or("its space group cannot be told")?;
        Ok(Self {
            formula: Composition::of(structure).reduced().formula(),
            energy_per_atom: *energy_per_atom,
            energy_start_per_atom: *energy_start_per_atom,
            correction_per_atom: SCHEME.per_cell(structure) / structure.n_sites() as f64,
            space_group: space_group.get(),
            n_atoms: structure.n_sites(),
            steps: *steps,
            converged: *converged,
        })
    }

    /// The phase of a reference set.
    pub(super) fn phase(&self, id: &str) -> anyhow::Result<ReferencePhase> {
        Ok(ReferencePhase {
            id: id.to_owned(),
            composition: Composition::from_formula(&self.formula)?,
            raw_energy_per_atom: self.energy_per_atom,
            correction_per_atom: self.correction_per_atom,
            space_group: SpaceGroupNumber::new(i64::from(self.space_group))?,
        })
    }
}
