//! One phase of a hull.

use crystal_core::{Composition, SpaceGroupNumber, Species};

use crate::StabilityError;
use crate::fractions::element_mask;

/// A crystal as a hull sees it: a composition with an energy.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    id: String,
    composition: Composition,
    energy_per_atom: f64,
    space_group: Option<SpaceGroupNumber>,
}

impl Phase {
    /// A phase of any multiple of a formula, with its energy in eV/atom on the scale of its hull (total or formation
    /// energies).
    ///
    /// # Errors
    /// [`StabilityError::EmptyComposition`]; [`StabilityError::Energy`] if the energy is not a finite number.
    pub fn new(id: impl Into<String>, composition: &Composition, energy_per_atom: f64) -> Result<Self, StabilityError> {
        let id = id.into();
        if composition.n_elements() == 0 {
            return Err(StabilityError::EmptyComposition);
        }
        if !energy_per_atom.is_finite() {
            return Err(StabilityError::Energy { id, energy: energy_per_atom });
        }
        Ok(Self { id, composition: composition.reduced(), energy_per_atom, space_group: None })
    }

    /// The same phase with a known space group.
    #[must_use]
    pub fn with_space_group(self, space_group: SpaceGroupNumber) -> Self {
        Self { space_group: Some(space_group), ..self }
    }

    /// An element with the energy 0, which a hull of formation energies needs as a corner.
    pub fn element_at_zero(element: Species) -> Self {
        let composition = [(element, 1)].into_iter().collect();
        Self { id: element.to_string(), composition, energy_per_atom: 0.0, space_group: None }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its reduced formula unit.
    pub fn composition(&self) -> &Composition {
        &self.composition
    }

    /// Its energy, eV/atom.
    pub fn energy_per_atom(&self) -> f64 {
        self.energy_per_atom
    }

    /// Its space group, where that is known.
    pub fn space_group(&self) -> Option<SpaceGroupNumber> {
        self.space_group
    }

    /// Its formula with the less electronegative elements first.
    pub fn formula(&self) -> String {
        self.composition.reduced().formula()
    }

    /// Its elements as bits.
    pub(crate) fn mask(&self) -> u128 {
        element_mask(self.composition.iter().map(|(element, _)| element))
    }
}
