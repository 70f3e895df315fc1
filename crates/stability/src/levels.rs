//! The level of a published hull at the compositions where it is known.

use std::collections::HashMap;

use crystal_core::Composition;

/// The hull's formation energy by reduced formula, `E_form − e_above_hull` of records that give both. It says nothing
/// about other compositions, nor what a composition decomposes into.
#[derive(Debug, Clone, Default)]
pub struct HullLevels(HashMap<Composition, f64>);

impl HullLevels {
    /// Levels from records `(composition, formation energy, energy above hull)`, eV/atom. Where records of one formula
    /// disagree, the lowest level is the one of the most complete hull.
    pub fn from_records(records: impl IntoIterator<Item = (Composition, f64, f64)>) -> Self {
        let mut levels: HashMap<Composition, f64> = HashMap::new();
        for (composition, formation_energy, above) in records {
            let level = levels.entry(composition.reduced()).or_insert(f64::INFINITY);
            *level = level.min(formation_energy - above);
        }
        Self(levels)
    }

    /// Number of formulas.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no level is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hull's formation energy at a composition, eV/atom.
    pub fn formation_energy_per_atom(&self, composition: &Composition) -> Option<f64> {
        self.0.get(&composition.reduced()).copied()
    }

    /// Energy above the hull, eV/atom, of a formation energy on the scale of the records.
    pub fn energy_above_hull(&self, composition: &Composition, formation_energy_per_atom: f64) -> Option<f64> {
        Some(formation_energy_per_atom - self.formation_energy_per_atom(composition)?)
    }
}
