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

    /// Reads a chemical formula such as `KCu2Si` or `Ca3(PO4)2`: element symbols and groups in parentheses or square
    /// brackets, each with a whole number behind it or none for 1. An element may be there several times; charges and
    /// fractions are not read.
    ///
    /// # Errors
    /// [`CrystalError::Composition`].
    pub fn from_formula(text: &str) -> Result<Self, CrystalError> {
        let bad = |reason: String| CrystalError::Composition { text: text.to_owned(), reason };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad("a formula is missing; write for example KCu2Si".to_owned()));
        }
        // The counts of the groups that are open, each with its closing bracket, the formula itself first.
        let mut open: Vec<(Option<char>, BTreeMap<Species, u32>)> = vec![(None, BTreeMap::new())];
        while let Some(first) = rest.chars().next() {
            if let '(' | '[' = first {
                open.push((Some(if first == '(' { ')' } else { ']' }), BTreeMap::new()));
                rest = &rest[1..];
                continue;
            }
            let (part, behind) = if let ')' | ']' = first {
                let (_, counts) = open
                    .pop_if(|(closing, _)| *closing == Some(first))
                    .ok_or_else(|| bad(format!("'{first}' closes nothing; give as many brackets as are opened")))?;
                if counts.is_empty() {
                    return Err(bad("there is nothing in a pair of brackets; leave them out".to_owned()));
                }
                (counts, &rest[1..])
            } else {
                let end = rest.char_indices().skip(1).find(|(_, c)| !c.is_ascii_lowercase());
                let (symbol, behind) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
                let species: Species = symbol.parse().map_err(|error: CrystalError| bad(error.to_string()))?;
                (BTreeMap::from([(species, 1)]), behind)
            };
            let end_of_number = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
            let (number, behind) = behind.split_at(end_of_number);
            let factor = if number.is_empty() { Some(1) } else { number.parse().ok().filter(|count| *count > 0) };
            let factor: u32 = factor.ok_or_else(|| {
                let counted = written(part.iter().map(|(species, count)| (*species, *count)));
                bad(format!("'{number}' is not a count of {counted}; give a whole number from 1 on"))
            })?;
            let (_, counts) = open.last_mut().expect("the formula itself is never closed");
            for (species, count) in part {
                let sum: &mut u32 = counts.entry(species).or_default();
                *sum = count
                    .checked_mul(factor)
                    .and_then(|more| sum.checked_add(more))
                    .ok_or_else(|| bad(format!("there are too many {species}")))?;
            }
            rest = behind;
        }
        match open.pop() {
            Some((None, counts)) => Ok(Self(counts)),
            Some((Some(closing), _)) => Err(bad(format!("'{closing}' is missing; close every bracket"))),
            None => unreachable!("the formula itself is never closed"),
        }
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

    /// Formula as chemists write it, such as `Sr2Ti2O6`: elements by electronegativity, those without one first, then
    /// by symbol; count 1 left out. Not reduced: [`Self::reduced`] does that.
    pub fn formula(&self) -> String {
        let mut counts: Vec<(Species, u32)> = self.iter().collect();
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
            let count: i64 = count.trim().parse().map_err(|_| bad(format!("'{count}' is not a whole number")))?;
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
        assert_eq!("O:6,Al:4".parse::<Composition>().expect("a composition").reduced().formula(), "Al2O3");
    }

    #[test]
    fn reads_formulas() {
        let formula = |text: &str| Composition::from_formula(text).map(|composition| composition.to_string());
        assert_eq!(formula("Cu2KSi").expect("a formula"), "Si:1,K:1,Cu:2");
        assert_eq!(formula(" NaCl ").expect("a formula"), "Na:1,Cl:1");
        assert_eq!(formula("CH3CH3").expect("a formula"), "H:6,C:2");
        assert_eq!(formula("Ca3(PO4)2").expect("a formula"), "O:8,P:2,Ca:3");
        assert_eq!(formula("K4[Fe(CN)6]").expect("a formula"), "C:6,N:6,K:4,Fe:1");
        for (bad, said) in [
            ("", "missing"),
            ("Xx2", "Xx"),
            ("Na0", "whole number"),
            ("2Na", "2"),
            ("Na2SO4)2", "')' closes nothing"),
            ("Na2(SO4", "')' is missing"),
            ("Na2(SO4]", "']' closes nothing"),
            ("Na2()", "nothing in a pair"),
            ("Ca(OH)0", "'0' is not a count of HO"),
            ("(Na65536)65536", "too many Na"),
            ("Na+", "+"),
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
        for (given, written) in
            [("O6Al4", "Al2O3"), ("NaCl", "NaCl"), ("Si2K2Cu4", "KCu2Si"), ("O3SrTi", "SrTiO3"), ("HO", "HO")]
        {
            let formula = Composition::from_formula(given).expect("a formula").reduced().formula();
            assert_eq!(formula, written, "{given}");
        }
    }
}
