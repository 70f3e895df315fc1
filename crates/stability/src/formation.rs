//! Formation energies.

use std::collections::BTreeMap;

use crystal_core::{Composition, Species};
use serde::Deserialize;

use crate::elements::{rows, species};
use crate::{Phase, StabilityError};

/// Energies of the elements, eV/atom, against which formation energies are measured.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementalReferences(BTreeMap<Species, f64>);

#[derive(Deserialize)]
struct Row {
    symbol: String,
    #[serde(rename = "energy_per_atom_eV")]
    energy_per_atom: f64,
}

impl ElementalReferences {
    /// Energies of chosen elements, eV/atom.
    pub fn new(energies: impl IntoIterator<Item = (Species, f64)>) -> Self {
        Self(energies.into_iter().collect())
    }

    /// The Materials Project's elements of February 2023 (uncorrected PBE, 89 elements;
    /// `assets/tables/mp_elemental_references.csv`). There are none for Po, At, Rn, Fr, Ra, Am and the elements beyond.
    pub fn materials_project() -> Self {
        let table = rows::<Row>(include_str!("../assets/tables/mp_elemental_references.csv"));
        Self(table.iter().map(|row| (species(&row.symbol), row.energy_per_atom)).collect())
    }

    /// The lowest elementary phase of each element.
    pub fn lowest_of<'a>(phases: impl IntoIterator<Item = &'a Phase>) -> Self {
        let mut energies: BTreeMap<Species, f64> = BTreeMap::new();
        for phase in phases.into_iter().filter(|phase| phase.composition().n_elements() == 1) {
            for (element, _) in phase.composition().iter() {
                let lowest = energies.entry(element).or_insert(f64::INFINITY);
                *lowest = lowest.min(phase.energy_per_atom());
            }
        }
        Self(energies)
    }

    /// Energy of one element, eV/atom.
    pub fn energy_per_atom(&self, element: Species) -> Option<f64> {
        self.0.get(&element).copied()
    }

    /// `Σ_i x_i μ_i` of a composition, eV/atom.
    ///
    /// # Errors
    /// [`StabilityError::NoElementalReference`] names every element without a reference;
    /// [`StabilityError::EmptyComposition`].
    pub fn mixture_per_atom(&self, composition: &Composition) -> Result<f64, StabilityError> {
        let missing: Vec<Species> =
            composition.iter().map(|(element, _)| element).filter(|element| !self.0.contains_key(element)).collect();
        if !missing.is_empty() {
            return Err(StabilityError::NoElementalReference { missing });
        }
        let n_atoms: f64 = composition.iter().map(|(_, count)| f64::from(count)).sum();
        if n_atoms == 0.0 {
            return Err(StabilityError::EmptyComposition);
        }
        Ok(composition.iter().map(|(element, count)| f64::from(count) * self.0[&element]).sum::<f64>() / n_atoms)
    }

    /// Formation energy `e − Σ_i x_i μ_i`, eV/atom, of an energy in eV/atom that carries its corrections already.
    ///
    /// # Errors
    /// As [`Self::mixture_per_atom`].
    pub fn formation_energy_per_atom(
        &self,
        composition: &Composition,
        energy_per_atom: f64,
    ) -> Result<f64, StabilityError> {
        Ok(energy_per_atom - self.mixture_per_atom(composition)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    #[test]
    fn formation_energy_of_a_compound() -> Result<(), StabilityError> {
        let references = ElementalReferences::new([(species("Na"), -1.3), (species("Cl"), -1.8)]);
        let composition = Composition::from_formula("Na4Cl4").expect("a formula");
        assert_abs_diff_eq!(references.formation_energy_per_atom(&composition, -3.375)?, -1.825, epsilon = 1e-12);
        Ok(())
    }

    #[test]
    fn a_missing_reference_is_named() {
        let composition = Composition::from_formula("NaRaAm").expect("a formula");
        let error = ElementalReferences::materials_project().mixture_per_atom(&composition).expect_err("no reference");
        assert!(error.to_string().contains("Ra, Am"), "{error}");
    }
}
