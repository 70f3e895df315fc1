//! Names of chemical systems.

use std::collections::BTreeSet;
use std::str::FromStr;

use crystal_core::Species;

use crate::StabilityError;

/// The elements of a chemical system, read from text such as `Cu-Si-K`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemName(BTreeSet<Species>);

impl SystemName {
    /// The elements, ascending by atomic number.
    pub fn elements(&self) -> &BTreeSet<Species> {
        &self.0
    }
}

impl FromStr for SystemName {
    type Err = StabilityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |reason: String| StabilityError::System { text: text.to_owned(), reason };
        let mut elements = BTreeSet::new();
        for symbol in text.split('-').map(str::trim) {
            let element: Species = symbol.parse().map_err(|_| bad(format!("'{symbol}' is not an element")))?;
            if !elements.insert(element) {
                return Err(bad(format!("{element} is named twice")));
            }
        }
        Ok(Self(elements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_systems() -> Result<(), StabilityError> {
        let system: SystemName = "Cu-Si-K".parse()?;
        assert_eq!(system.elements().iter().map(|element| element.symbol()).collect::<Vec<_>>(), ["Si", "K", "Cu"]);
        for (bad, said) in [("Cu-Xx", "'Xx'"), ("", "''"), ("Cu-Cu", "twice"), ("Cu--K", "''"), ("CuSi", "'CuSi'")] {
            let error = bad.parse::<SystemName>().expect_err(bad).to_string();
            assert!(error.contains(said) && error.contains("Cu-Si-K"), "{error}");
        }
        Ok(())
    }
}
