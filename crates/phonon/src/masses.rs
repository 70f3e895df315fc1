//! Atomic masses.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crystal_core::Species;

use crate::PhononError;

/// Standard atomic masses by element; the last column, with the symbol in the second.
const TABLE: &str = include_str!("../assets/tables/elements_pymatgen.csv");

/// Mass of an element, unified atomic mass units.
///
/// # Errors
/// [`PhononError::Mass`] beyond the end of the table.
pub(crate) fn mass(species: Species) -> Result<f64, PhononError> {
    static MASSES: OnceLock<BTreeMap<Species, f64>> = OnceLock::new();
    let masses = MASSES.get_or_init(|| {
        TABLE
            .lines()
            .skip(1)
            .map(|line| {
                let mut columns = line.split(',');
                let symbol = columns.nth(1).expect("the table has a column of symbols");
                let mass = columns.next_back().expect("the table has a column of masses");
                (symbol.parse().expect("an element"), mass.parse().expect("a mass"))
            })
            .collect()
    });
    masses.get(&species).copied().ok_or_else(|| {
        let (&last, _) = masses.last_key_value().expect("the table is not empty");
        PhononError::Mass { species, last }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_of_the_table() {
        let mass_of = |symbol: &str| mass(symbol.parse().expect("an element"));
        for (symbol, expected) in [("H", 1.00794), ("Si", 28.0855), ("U", 238.02891)] {
            assert!((mass_of(symbol).expect("in the table") - expected).abs() < 1e-6, "{symbol}");
        }
        assert!(matches!(mass_of("Og"), Err(PhononError::Mass { .. })));
    }
}
