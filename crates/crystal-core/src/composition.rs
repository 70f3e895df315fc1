//! Counts per element.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CrystalError, Species, Structure};

/// How many atoms of each element in a cell. Elements in order of atomic number. Non-equivalent sites are counted by
/// [`SitesPerElement`](crate::SitesPerElement).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Composition(BTreeMap<Species, u32>);

impl Composition {
    /// Counts the atoms of a structure's cell.
    pub fn of(structure: &Structure) -> Self {
        structure.sites().iter().map(|site| site.species).collect()
    }

    /// Reads a chemical formula such as `Cu2KSi` or `Ca3(PO4)2`: element symbols and groups in brackets, each with a
    /// whole number behind it or none for 1. An element may stand several times; blanks may stand between terms;
    /// charges, fractions and the dot of a hydrate are not read.
    ///
    /// # Errors
    /// [`CrystalError::Formula`].
    pub fn from_formula(text: &str) -> Result<Self, CrystalError> {
        parse_formula(text).map_err(|reason| CrystalError::Formula { text: text.to_owned(), reason })
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

    /// All counts this many times.
    #[must_use]
    pub fn times(&self, factor: u32) -> Self {
        self.iter().map(|(species, count)| (species, count.saturating_mul(factor))).collect()
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

/// The counts of a formula, or what is wrong with it and what to write.
fn parse_formula(text: &str) -> Result<Composition, String> {
    // Subscripts as text programs set them.
    let digit = |sign: char| char::from_u32(u32::from(sign).wrapping_sub(0x2080) + 0x30).filter(char::is_ascii_digit);
    let text: String = text
        .trim()
        .chars()
        .map(|c| if ('\u{2080}'..='\u{2089}').contains(&c) { digit(c).unwrap_or(c) } else { c })
        .collect();
    if text.is_empty() {
        return Err("it is empty; write for example Cu2KSi".to_owned());
    }
    // Groups that are open, each with its closing bracket; the formula itself is the first.
    let mut open: Vec<(char, BTreeMap<Species, u32>)> = vec![(' ', BTreeMap::new())];
    let mut rest = text.as_str();
    while let Some(sign) = rest.chars().next() {
        let behind = &rest[sign.len_utf8()..];
        match sign {
            '(' | '[' | '{' => {
                let closing = ['(', '[', '{'].iter().position(|c| *c == sign).map_or(')', |at| [')', ']', '}'][at]);
                open.push((closing, BTreeMap::new()));
                rest = behind;
            }
            ')' | ']' | '}' => {
                let Some((_, group)) = open.pop_if(|(closing, _)| *closing == sign) else {
                    return Err(format!("the bracket '{sign}' closes none; write it as in Ca3(PO4)2"));
                };
                let (count, after) = count_of(&format!("the group before '{sign}'"), behind)?;
                for (species, number) in group {
                    add(&mut open, species, number.checked_mul(count))?;
                }
                rest = after;
            }
            sign if sign.is_whitespace() => {
                rest = behind.trim_start();
                if rest.starts_with(|c: char| c.is_ascii_digit()) {
                    return Err(
                        "a number stands apart from its element; write it behind the symbol, as in Cu2KSi".to_owned()
                    );
                }
            }
            '+' | '-' | '\u{2212}' => return Err("charges are no part of it; leave them out".to_owned()),
            '.' | '\u{b7}' | '*' => {
                return Err("the dot of a hydrate is not read; write all its atoms, as in CaSO4(H2O)2".to_owned());
            }
            sign if sign.is_ascii_digit() => {
                return Err("a number stands before its element; write it behind the symbol, as in Cu2KSi".to_owned());
            }
            _ => {
                let lower = behind.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(behind.len());
                let (symbol, behind) = rest.split_at(sign.len_utf8() + lower);
                let species: Species = symbol.parse().map_err(|error: CrystalError| error.to_string())?;
                let (count, after) = count_of(symbol, behind)?;
                add(&mut open, species, Some(count))?;
                rest = after;
            }
        }
    }
    match open.pop() {
        Some((_, counts)) if open.is_empty() => match counts.is_empty() {
            true => Err("there is no element in it; write for example Cu2KSi".to_owned()),
            false => Ok(Composition(counts)),
        },
        other => {
            let closing = other.map_or(')', |(closing, _)| closing);
            Err(format!("a bracket is not closed; add '{closing}'"))
        }
    }
}

/// The whole number at the beginning, 1 where there is none, and what follows it.
fn count_of<'a>(what: &str, behind: &'a str) -> Result<(u32, &'a str), String> {
    let end = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    let (number, after) = behind.split_at(end);
    if after.starts_with(['.', ',']) && after[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Err(
            "counts are whole numbers; multiply the formula until they are, as in FeMnO2 for Fe0.5Mn0.5O".to_owned()
        );
    }
    let count = if number.is_empty() { Some(1) } else { number.parse().ok().filter(|count| *count > 0) };
    let count = count.ok_or_else(|| format!("'{number}' is not a count of {what}; give a whole number from 1 on"))?;
    Ok((count, after))
}

/// Adds to the innermost group.
fn add(open: &mut [(char, BTreeMap<Species, u32>)], species: Species, count: Option<u32>) -> Result<(), String> {
    let Some((_, counts)) = open.last_mut() else { return Ok(()) };
    let sum: &mut u32 = counts.entry(species).or_default();
    *sum = count
        .and_then(|count| sum.checked_add(count))
        .ok_or_else(|| format!("there are too many {species}; give a smaller number"))?;
    Ok(())
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
        for (text, counts) in [
            ("Ca3(PO4)2", "O:8,P:2,Ca:3"),
            ("Na Cl", "Na:1,Cl:1"),
            ("K4[Fe(CN)6]", "C:6,N:6,K:4,Fe:1"),
            ("CaSO4(H2O)2", "H:4,O:6,S:1,Ca:1"),
            ("Al\u{2082}O\u{2083}", "O:3,Al:2"),
            ("Fe2 O3", "O:3,Fe:2"),
            ("Cu2KSi", "Si:1,K:1,Cu:2"),
            ("FeMnO2", "O:2,Mn:1,Fe:1"),
        ] {
            assert_eq!(formula(text).expect(text), counts);
        }
        for (bad, said) in [
            ("", "empty"),
            ("Xx2", "Xx"),
            ("Na0", "whole number"),
            ("2Na", "behind the symbol"),
            ("Fe 2", "behind the symbol"),
            ("Na2(SO4", "add ')'"),
            ("Na2SO4)", "Ca3(PO4)2"),
            ("(Na]", "closes none"),
            ("()", "no element"),
            ("Na99999999999", "Na"),
            ("(Na65536)65537", "too many Na"),
            ("Fe0.5Mn0.5O", "FeMnO2"),
            ("Na+", "charges"),
            ("CaSO4\u{b7}2H2O", "CaSO4(H2O)2"),
            ("Fe:1,Nd:1", "'"),
            ("\u{e9}", "\u{e9}"),
        ] {
            let error = Composition::from_formula(bad).expect_err(bad).to_string();
            assert!(error.contains(said) && error.contains("is not a formula"), "{bad}: {error}");
            assert!(!error.contains("Fe:1,Nd:1,Si:1"), "the way of another option: {error}");
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
