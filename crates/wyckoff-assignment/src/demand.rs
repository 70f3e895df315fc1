//! What an assignment has to meet.

use std::fmt;
use std::ops::RangeInclusive;

use crystal_core::whole::compact;
use crystal_core::{Composition, SitesPerElement, SpaceGroup, Species};
use serde::{Deserialize, Serialize};

use crate::AssignmentError;

/// What an assignment has to meet: exact counts per element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Demand {
    /// Atoms of each element in the PRIMITIVE cell.
    Atoms(Composition),
    /// Non-equivalent sites of each element, wherever they are and however many atoms that makes.
    Sites(SitesPerElement),
}

impl Demand {
    /// `formula_units` units of the reduced form of `formula` in the PRIMITIVE cell.
    pub fn of_formula(formula: &Composition, formula_units: u32) -> Self {
        Self::Atoms(formula.reduced().times(formula_units))
    }

    /// From the atoms of the CONVENTIONAL cell of a space group.
    ///
    /// # Errors
    /// [`AssignmentError::NotDivisible`] if a centred cell cannot hold that many.
    pub fn of_conventional_cell(space_group: &SpaceGroup, atoms: &Composition) -> Result<Self, AssignmentError> {
        let lattice_points = compact(space_group.centring().order());
        let share = |(species, count): (_, u32)| {
            if count.is_multiple_of(lattice_points) {
                Ok((species, count / lattice_points))
            } else {
                Err(AssignmentError::NotDivisible { space_group: space_group.number(), species, count, lattice_points })
            }
        };
        Ok(Self::Atoms(atoms.iter().map(share).collect::<Result<_, _>>()?))
    }

    /// Elements and counts, of atoms or of sites, by atomic number.
    pub fn counts(&self) -> Vec<(Species, u32)> {
        match self {
            Self::Atoms(atoms) => atoms.iter().collect(),
            Self::Sites(sites) => sites.iter().collect(),
        }
    }

    /// Sum of the counts; the largest number there is where the sum is beyond it.
    pub fn total(&self) -> u32 {
        match self {
            Self::Atoms(atoms) => atoms.total(),
            Self::Sites(sites) => sites.total(),
        }
    }

    /// What one site on a Wyckoff position adds to the count of its element.
    pub(crate) fn size_of(&self, space_group: &SpaceGroup, position: usize) -> u32 {
        match self {
            Self::Atoms(_) => {
                compact(space_group.wyckoff_positions()[position].multiplicity() / space_group.centring().order())
            }
            Self::Sites(_) => 1,
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Atoms(counts) => write!(f, "{} in the primitive cell", counts.formula()),
            Self::Sites(counts) => write!(f, "the sites {counts}"),
        }
    }
}

/// The numbers of formula units Z for which `formula`, reduced, has a number of atoms in the range. Z and range refer
/// to the same cell: with atoms per PRIMITIVE cell, what [`Demand::of_formula`] takes.
///
/// # Errors
/// [`AssignmentError::NothingAsked`] for a formula without atoms, [`AssignmentError::NoFormulaUnits`] if no Z fits.
pub fn formula_units(formula: &Composition, atoms: RangeInclusive<u32>) -> Result<Vec<u32>, AssignmentError> {
    let unit = formula.reduced().total();
    if unit == 0 {
        return Err(AssignmentError::NothingAsked);
    }
    let units: Vec<u32> = (atoms.start().div_ceil(unit).max(1)..=atoms.end() / unit).collect();
    if units.is_empty() {
        let formula = formula.reduced().formula();
        return Err(AssignmentError::NoFormulaUnits { formula, smallest: *atoms.start(), largest: *atoms.end(), unit });
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_in_a_range() {
        let formula: Composition = "Al:4,O:6".parse().expect("a formula");
        assert_eq!(formula_units(&formula, 1..=20).expect("some"), [1, 2, 3, 4]);
        assert_eq!(formula_units(&formula, 6..=14).expect("some"), [2]);
        let none = formula_units(&formula, 1..=4).expect_err("too small").to_string();
        assert_eq!(none, "no cell of Al2O3 has 1 to 4 atoms: one formula unit has 5; widen the range");
        assert!(matches!(formula_units(&Composition::default(), 1..=4), Err(AssignmentError::NothingAsked)));
        assert_eq!(Demand::of_formula(&formula, 2).to_string(), "Al4O6 in the primitive cell");
    }

    #[test]
    fn conventional_counts_are_shared_out() {
        let group = SpaceGroup::from_number(225).expect("a group");
        let salt: Composition = "Na:4,Cl:4".parse().expect("a composition");
        let cell = Demand::of_conventional_cell(group, &salt).expect("four cells");
        assert_eq!(cell, Demand::Atoms("Na:1,Cl:1".parse().expect("a composition")));
        let odd: Composition = "Na:4,Cl:6".parse().expect("a composition");
        assert!(matches!(
            Demand::of_conventional_cell(group, &odd),
            Err(AssignmentError::NotDivisible { count: 6, lattice_points: 4, .. })
        ));
    }
}
