//! Compositions as fractions of atoms.

use crystal_core::{Composition, Species};

use crate::StabilityError;

/// Fractions of atoms by element: positive, sum 1, ascending by atomic number.
#[derive(Debug, Clone, PartialEq)]
pub struct Fractions(Vec<(Species, f64)>);

impl Fractions {
    /// Fractions of a composition.
    ///
    /// # Errors
    /// [`StabilityError::EmptyComposition`].
    pub fn of(composition: &Composition) -> Result<Self, StabilityError> {
        Self::from_amounts(composition.iter().map(|(element, count)| (element, f64::from(count))))
    }

    /// Fractions of amounts in any unit, as 0.3 Na and 0.7 Cl. Elements with the amount 0 are left out, amounts of one
    /// element add up.
    ///
    /// # Errors
    /// [`StabilityError::EmptyComposition`]; [`StabilityError::Amount`] for a negative amount or one that is not
    /// finite.
    pub fn from_amounts(amounts: impl IntoIterator<Item = (Species, f64)>) -> Result<Self, StabilityError> {
        let mut fractions: Vec<(Species, f64)> = Vec::new();
        for (element, amount) in amounts {
            if !amount.is_finite() || amount < 0.0 {
                return Err(StabilityError::Amount { element, amount });
            }
            match fractions.iter_mut().find(|(known, _)| *known == element) {
                Some((_, sum)) => *sum += amount,
                None => fractions.push((element, amount)),
            }
        }
        fractions.retain(|(_, amount)| *amount > 0.0);
        let total: f64 = fractions.iter().map(|(_, amount)| amount).sum();
        if fractions.is_empty() || !total.is_finite() {
            return Err(StabilityError::EmptyComposition);
        }
        fractions.iter_mut().for_each(|(_, amount)| *amount /= total);
        fractions.sort_by_key(|(element, _)| *element);
        Ok(Self(fractions))
    }

    /// Elements and fractions, ascending by atomic number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Species, f64)> + '_ {
        self.0.iter().copied()
    }

    /// The elements, ascending by atomic number.
    pub fn elements(&self) -> impl ExactSizeIterator<Item = Species> + '_ {
        self.0.iter().map(|(element, _)| *element)
    }

    /// Fraction of one element, 0 if it is not there.
    pub fn of_element(&self, element: Species) -> f64 {
        self.0.iter().find(|(known, _)| *known == element).map_or(0.0, |(_, fraction)| *fraction)
    }
}

/// A set of elements: bit Z is set for the element with atomic number Z.
pub(crate) fn element_mask(elements: impl IntoIterator<Item = Species>) -> u128 {
    elements.into_iter().fold(0, |mask, element| mask | 1 << element.atomic_number())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(symbol: &str) -> Species {
        symbol.parse().expect("a symbol")
    }

    #[test]
    fn amounts_become_fractions() {
        let fractions = Fractions::from_amounts([(element("Cl"), 1.4), (element("Na"), 0.6), (element("K"), 0.0)]);
        let fractions: Vec<_> = fractions.expect("fractions").iter().collect();
        assert_eq!(fractions, [(element("Na"), 0.3), (element("Cl"), 0.7)]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(matches!(Fractions::of(&Composition::default()), Err(StabilityError::EmptyComposition)));
        for amount in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Fractions::from_amounts([(element("Na"), amount)]), Err(StabilityError::Amount { .. })));
        }
    }
}
