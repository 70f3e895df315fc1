//! Chemical elements.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::CrystalError;

const SYMBOLS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K", "Ca",
    "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb", "Sr", "Y",
    "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce",
    "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir",
    "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm",
    "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc",
    "Lv", "Ts", "Og",
];

/// A chemical element, by its atomic number. Written and read as its symbol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Species(u8);

impl Species {
    /// The largest atomic number.
    pub const MAX: u8 = 118;

    /// The element with atomic number `number`.
    ///
    /// # Errors
    /// [`CrystalError::AtomicNumber`] outside 1 … 118.
    pub fn from_atomic_number(number: i64) -> Result<Self, CrystalError> {
        let known = u8::try_from(number).ok().filter(|number| (1..=Self::MAX).contains(number));
        known.map(Self).ok_or(CrystalError::AtomicNumber { number })
    }

    /// Atomic number, 1 … 118.
    pub fn atomic_number(self) -> u8 {
        self.0
    }

    /// The element's symbol.
    pub fn symbol(self) -> &'static str {
        SYMBOLS[usize::from(self.0) - 1]
    }

    /// Pauling electronegativity; `None` for elements without one (light noble gases, the heaviest elements).
    pub fn electronegativity(self) -> Option<f64> {
        PROPERTIES[usize::from(self.0) - 1].electronegativity
    }

    /// Atomic mass in u, where it is tabulated.
    pub fn mass(self) -> Option<f64> {
        PROPERTIES[usize::from(self.0) - 1].mass
    }

    /// Cordero covalent radius in Å, else the atomic one, where it is tabulated.
    pub fn radius(self) -> Option<f64> {
        PROPERTIES[usize::from(self.0) - 1].radius
    }
}

#[derive(Clone, Copy, Default)]
struct Properties {
    electronegativity: Option<f64>,
    radius: Option<f64>,
    mass: Option<f64>,
}

/// By atomic number, from 1. Columns: Z, symbol, electronegativity, covalent radius, atomic radius, mass.
static PROPERTIES: LazyLock<[Properties; 118]> = LazyLock::new(|| {
    let mut properties = [Properties::default(); 118];
    let rows = include_str!("../assets/tables/elements_pymatgen.csv").lines().skip(1);
    for (row, properties) in rows.zip(&mut properties) {
        let columns: Vec<Option<f64>> = row.split(',').map(|column| column.parse().ok()).collect();
        let column = |index: usize| columns.get(index).copied().flatten();
        *properties = Properties { electronegativity: column(2), radius: column(3).or(column(4)), mass: column(5) };
    }
    properties
});

impl FromStr for Species {
    type Err = CrystalError;

    fn from_str(symbol: &str) -> Result<Self, Self::Err> {
        SYMBOLS
            .iter()
            .zip(1..)
            .find(|(known, _)| **known == symbol)
            .map(|(_, number)| Self(number))
            .ok_or_else(|| CrystalError::UnknownElement { symbol: symbol.to_owned() })
    }
}

impl TryFrom<String> for Species {
    type Error = CrystalError;

    fn try_from(symbol: String) -> Result<Self, Self::Error> {
        symbol.parse()
    }
}

impl From<Species> for String {
    fn from(species: Species) -> Self {
        species.symbol().to_owned()
    }
}

impl fmt::Display for Species {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl fmt::Debug for Species {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_numbers() {
        for (symbol, number) in [("H", 1), ("Fe", 26), ("Nd", 60), ("Og", 118)] {
            let species: Species = symbol.parse().expect("a known symbol");
            assert_eq!(species.atomic_number(), number);
            assert_eq!(species.symbol(), symbol);
        }
        let iron: Species = "Fe".parse().expect("iron");
        assert_eq!((iron.radius(), iron.mass()), (Some(1.42), Some(55.845)));
        assert!("Xx".parse::<Species>().is_err());
        assert!(Species::from_atomic_number(0).is_err());
        assert!(Species::from_atomic_number(119).is_err());
    }
}
