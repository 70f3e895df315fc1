//! Counts per element.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CrystalError, Species, Structure};

/// How many of each element: atoms of a cell, or non-equivalent sites of an order. Elements in order of atomic number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Composition(BTreeMap<Species, u32>);

impl Composition {
    /// Counts the atoms of a structure's cell.
    pub fn of(structure: &Structure) -> Self {
        structure.sites.iter().map(|site| site.species).collect()
    }

    /// Reads a chemical formula such as `Cu2KSi`: element symbols, each with a whole number behind it or none for 1. An
    /// element may stand several times; parentheses, charges and fractions are not read.
    ///
    /// # Errors
    /// [`CrystalError::Composition`].
    pub fn from_formula(text: &str) -> Result<Self, CrystalError> {
        let bad = |reason: String| CrystalError::Composition { text: text.to_owned(), reason };
        let mut counts = BTreeMap::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad("a formula is missing; write for example Cu2KSi".to_owned()));
        }
        while !rest.is_empty() {
            let end_of_symbol =
                rest.char_indices().skip(1).find(|(_, c)| !c.is_ascii_lowercase()).map_or(rest.len(), |(at, _)| at);
            let (symbol, behind) = rest.split_at(end_of_symbol);
            let species: Species = symbol.parse().map_err(|error: CrystalError| bad(error.to_string()))?;
            let end_of_number = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
            let (number, behind) = behind.split_at(end_of_number);
            let count = if number.is_empty() { Some(1) } else { number.parse().ok().filter(|count| *count > 0) };
            let count: u32 = count
                .ok_or_else(|| bad(format!("'{number}' is no count of {species}; give a whole number from 1 on")))?;
            let sum: &mut u32 = counts.entry(species).or_default();
            *sum = sum.checked_add(count).ok_or_else(|| bad(format!("there are too many {species}")))?;
            rest = behind;
        }
        Ok(Self(counts))
    }

    /// Elements and counts, by atomic number.
    pub fn iter(&self) -> impl Iterator<Item = (Species, u32)> + '_ {
        self.0.iter().map(|(species, count)| (*species, *count))
    }

    /// Sum of the counts; the largest number there is where the sum is beyond it.
    pub fn total(&self) -> u32 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Number of distinct elements.
    pub fn n_elements(&self) -> usize {
        self.0.len()
    }

    /// Counts divided by their greatest common divisor.
    pub fn reduced(&self) -> Self {
        let divisor = self.0.values().copied().fold(0, gcd).max(1);
        Self(self.0.iter().map(|(species, count)| (*species, count / divisor)).collect())
    }

    /// Formula such as `Al2O3`: elements by atomic number, count 1 left out.
    pub fn formula(&self) -> String {
        written(self.iter())
    }

    /// Reduced formula as chemists write it, such as `SrTiO3`: elements by electronegativity, those without one first,
    /// then by symbol.
    pub fn conventional_formula(&self) -> String {
        let mut counts: Vec<(Species, u32)> = self.reduced().iter().collect();
        let key = |element: Species| element.electronegativity().unwrap_or(f64::NEG_INFINITY);
        counts.sort_by(|(a, _), (b, _)| key(*a).total_cmp(&key(*b)).then_with(|| a.symbol().cmp(b.symbol())));
        written(counts)
    }
}

/// Symbols with their counts, count 1 left out.
fn written(counts: impl IntoIterator<Item = (Species, u32)>) -> String {
    let part =
        |(species, count): (Species, u32)| if count == 1 { species.to_string() } else { format!("{species}{count}") };
    counts.into_iter().map(part).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl FromIterator<Species> for Composition {
    fn from_iter<I: IntoIterator<Item = Species>>(species: I) -> Self {
        let mut counts = BTreeMap::new();
        for element in species {
            *counts.entry(element).or_insert(0) += 1;
        }
        Self(counts)
    }
}

impl FromIterator<(Species, u32)> for Composition {
    fn from_iter<I: IntoIterator<Item = (Species, u32)>>(counts: I) -> Self {
        Self(counts.into_iter().collect())
    }
}

/// Reads `Fe:1,Nd:1,Si:1`; a missing count is 1.
impl FromStr for Composition {
    type Err = CrystalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |reason: String| CrystalError::Composition { text: text.to_owned(), reason };
        let mut counts = BTreeMap::new();
        for part in text.split(',') {
            let (symbol, count) = part.split_once(':').unwrap_or((part, "1"));
            let species: Species = symbol.trim().parse().map_err(|error: CrystalError| bad(error.to_string()))?;
            let count: i64 = count.trim().parse().map_err(|_| bad(format!("'{count}' is no whole number")))?;
            let count = u32::try_from(count).ok().filter(|count| *count > 0);
            let count = count.ok_or_else(|| bad(format!("the count of {species} must be at least 1")))?;
            if counts.insert(species, count).is_some() {
                return Err(bad(format!("{species} stands there twice")));
            }
        }
        Ok(Self(counts))
    }
}

impl fmt::Display for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.iter().map(|(species, count)| format!("{species}:{count}")).collect();
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let composition: Composition = "Si:4, Fe:2,Nd".parse().expect("a composition");
        assert_eq!(composition.to_string(), "Si:4,Fe:2,Nd:1");
        assert_eq!(composition.total(), 7);
        assert_eq!("O:6,Al:4".parse::<Composition>().expect("a composition").reduced().formula(), "O3Al2");
    }

    #[test]
    fn reads_formulas() {
        let formula = |text: &str| Composition::from_formula(text).map(|composition| composition.to_string());
        assert_eq!(formula("Cu2KSi").expect("a formula"), "Si:1,K:1,Cu:2");
        assert_eq!(formula(" NaCl ").expect("a formula"), "Na:1,Cl:1");
        assert_eq!(formula("CH3CH3").expect("a formula"), "H:6,C:2");
        for (bad, said) in [
            ("", "missing"),
            ("Xx2", "Xx"),
            ("Na0", "whole number"),
            ("2Na", "2"),
            ("Na2(SO4)", "("),
            ("Na99999999999", "Na"),
        ] {
            let error = Composition::from_formula(bad).expect_err(bad).to_string();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }

    #[test]
    fn refuses_nonsense() {
        for text in ["", "Fe:0", "Fe:-1", "Fe:x", "Xx:1", "Fe:1,Fe:2", "Fe:1,,O:1"] {
            assert!(text.parse::<Composition>().is_err(), "{text}");
        }
    }

    #[test]
    fn formulas_as_chemists_write_them() {
        for (given, written) in [("O6Al4", "Al2O3"), ("NaCl", "NaCl"), ("Si2K2Cu4", "KCu2Si"), ("O3SrTi", "SrTiO3")] {
            let formula = Composition::from_formula(given).expect("a formula").conventional_formula();
            assert_eq!(formula, written, "{given}");
        }
    }
}
