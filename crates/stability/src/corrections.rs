//! The Materials Project's energy corrections of 2020.
//!
//! Raw energies of PBE (with U) miss the formation energies of oxides, sulphides, halides and other compounds of anions
//! systematically. The scheme adds a fitted energy per atom of the anion, and one per atom of eight metals that are
//! calculated with U beside O or F (A. Wang et al., Sci. Rep. 11, 15496, 2021; `assets/tables/mp2020_corrections.csv`).
//! Elements get nothing.
//!
//! Classes come from the structure ([`mp2020`]) or, where there is none, from the formula ([`mp2020_of_formula`]).

mod oxidation;
mod oxygen;
mod sulphur;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crystal_core::{Composition, Species, Structure};
use serde::Deserialize;

pub use oxidation::guess_oxidation_states;
pub use oxygen::{OxideType, oxide_type};
pub use sulphur::{SulphideType, sulphide_type};

use crate::elements::{rows, species};

/// Why an element of a compound is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CorrectionClass {
    /// Oxygen, by its bonds.
    Oxygen(OxideType),
    /// Sulphur in sulphides and polysulphides.
    Sulphide,
    /// F, Cl, Br, I, N, Se, Te, Sb, Si or H as an anion.
    Anion,
    /// A metal calculated with U.
    Metal,
}

/// The correction of one element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjustment {
    /// The element.
    pub element: Species,
    /// Why it is corrected.
    pub class: CorrectionClass,
    /// Number of its atoms in the cell.
    pub n_atoms: u32,
    /// eV per atom of the element.
    pub energy: f64,
    /// Standard error of `energy`, eV per atom of the element.
    pub uncertainty: f64,
}

/// What is added to the raw energy of a cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Correction {
    /// One for each corrected element, in the order O, S, other anions, metals.
    pub adjustments: Vec<Adjustment>,
    /// Number of atoms in the cell.
    pub n_atoms: u32,
}

impl Correction {
    /// eV per cell.
    pub fn per_cell(&self) -> f64 {
        self.adjustments.iter().map(|adjustment| f64::from(adjustment.n_atoms) * adjustment.energy).sum()
    }

    /// eV per atom of the cell.
    pub fn per_atom(&self) -> f64 {
        self.per_cell() / f64::from(self.n_atoms.max(1))
    }

    /// Standard error in eV per cell, the fitted values taken as independent.
    pub fn uncertainty_per_cell(&self) -> f64 {
        let squares = self.adjustments.iter().map(|one| (f64::from(one.n_atoms) * one.uncertainty).powi(2));
        squares.sum::<f64>().sqrt()
    }
}

/// Corrections of a crystal.
pub fn mp2020(structure: &Structure) -> Correction {
    let composition = Composition::of(structure);
    corrections(&composition, oxide_type(structure), sulphide_type(structure))
}

/// Corrections of a formula whose structure is not known: O is a peroxide, superoxide or ozonide in the common
/// compounds of these kinds (alkali and alkaline-earth metals) and an oxide elsewhere; S counts as a sulphide, so that
/// sulphates are corrected by too much.
pub fn mp2020_of_formula(composition: &Composition) -> Correction {
    let is_compound = composition.n_elements() > 1;
    let holds = |symbol: &str| composition.iter().any(|(element, _)| element.symbol() == symbol);
    let oxygen = (is_compound && holds("O")).then(|| oxygen::of_formula(composition));
    let sulphur = (is_compound && holds("S")).then_some(SulphideType::Sulphide);
    corrections(composition, oxygen, sulphur)
}

/// Hubbard U of the Materials Project for a metal of a compound, eV; `None` for every other element and for compounds
/// without O and F.
pub fn hubbard_u(composition: &Composition, element: Species) -> Option<f64> {
    let table = &*TABLE;
    let with_u = composition.n_elements() > 1 && holds_oxygen_or_fluorine(composition);
    table.metals.get(&element).filter(|_| with_u).map(|metal| metal.hubbard_u)
}

fn corrections(composition: &Composition, oxygen: Option<OxideType>, sulphur: Option<SulphideType>) -> Correction {
    let mut correction = Correction { adjustments: Vec::new(), n_atoms: composition.total() };
    if composition.n_elements() < 2 {
        return correction;
    }
    let table = &*TABLE;
    let count = |symbol: &str| composition.iter().find(|(element, _)| element.symbol() == symbol);
    let mut add = |(element, n_atoms): (Species, u32), class: CorrectionClass, value: Value| {
        let Value { energy, uncertainty } = value;
        correction.adjustments.push(Adjustment { element, class, n_atoms, energy, uncertainty });
    };
    if let (Some(oxide), Some(counted)) = (oxygen, count("O")) {
        let class = match oxide {
            OxideType::Hydroxide => OxideType::Oxide,
            other => other,
        };
        add(counted, CorrectionClass::Oxygen(oxide), table.oxygen[&class]);
    }
    if let (Some(SulphideType::Sulphide | SulphideType::Polysulphide), Some(counted)) = (sulphur, count("S")) {
        add(counted, CorrectionClass::Sulphide, table.sulphide);
    }
    let states = guess_oxidation_states(composition);
    for (symbol, value) in &table.anions {
        let Some(counted) = count(symbol) else { continue };
        let state = states.as_ref().and_then(|states| states.get(&counted.0)).copied().unwrap_or(0.0);
        if state <= -1.0 || (state >= 0.0 && is_most_electronegative(composition, counted.0)) {
            add(counted, CorrectionClass::Anion, *value);
        }
    }
    if holds_oxygen_or_fluorine(composition) {
        for (element, n_atoms) in composition.iter() {
            if let Some(metal) = table.metals.get(&element) {
                add((element, n_atoms), CorrectionClass::Metal, metal.value);
            }
        }
    }
    correction
}

/// Whether no element of the compound has a higher Pauling electronegativity; elements of the same one are all the
/// highest.
fn is_most_electronegative(composition: &Composition, element: Species) -> bool {
    let own = element.electronegativity().unwrap_or(f64::NEG_INFINITY);
    composition.iter().filter_map(|(other, _)| other.electronegativity()).all(|other| other <= own)
}

/// Whether the element of highest electronegativity is O or F: the two have the highest of all.
fn holds_oxygen_or_fluorine(composition: &Composition) -> bool {
    composition.iter().any(|(element, _)| matches!(element.symbol(), "O" | "F"))
}

/// A fitted correction, eV per atom of its element.
#[derive(Debug, Clone, Copy)]
struct Value {
    energy: f64,
    uncertainty: f64,
}

struct Metal {
    value: Value,
    hubbard_u: f64,
}

struct Table {
    oxygen: BTreeMap<OxideType, Value>,
    sulphide: Value,
    /// By symbol, in the order in which they are looked at.
    anions: Vec<(String, Value)>,
    metals: BTreeMap<Species, Metal>,
}

#[derive(Deserialize)]
struct Row {
    class: String,
    symbol: String,
    #[serde(rename = "correction_eV")]
    energy: f64,
    #[serde(rename = "uncertainty_eV")]
    uncertainty: f64,
    #[serde(rename = "hubbard_u_eV")]
    hubbard_u: Option<f64>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        oxygen: BTreeMap::new(),
        sulphide: Value { energy: 0.0, uncertainty: 0.0 },
        anions: Vec::new(),
        metals: BTreeMap::new(),
    };
    for row in rows::<Row>(include_str!("../assets/tables/mp2020_corrections.csv")) {
        let value = Value { energy: row.energy, uncertainty: row.uncertainty };
        match row.class.as_str() {
            "sulphide" => table.sulphide = value,
            "anion" => table.anions.push((row.symbol, value)),
            "metal" => {
                let hubbard_u = row.hubbard_u.expect("the embedded table gives U for every metal");
                table.metals.insert(species(&row.symbol), Metal { value, hubbard_u });
            }
            oxide => {
                table
                    .oxygen
                    .insert(OxideType::of_name(oxide).expect("the embedded table names kinds of oxides"), value);
            }
        }
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    fn of(formula: &str) -> f64 {
        mp2020_of_formula(&Composition::from_formula(formula).expect("a formula")).per_cell()
    }

    #[test]
    fn corrections_of_formulas() {
        for (formula, energy) in [
            ("Fe", 0.0),
            ("O2", 0.0),
            ("Fe2O3", 2.0 * -2.256 + 3.0 * -0.687),
            ("Li2O2", 2.0 * -0.465),
            ("K2O4", 4.0 * -0.161),
            ("KO3", 0.0),
            ("NaCl", -0.614),
            ("FeS2", 2.0 * -0.503),
            ("Fe3Si", 0.071),
            ("CoF2", -1.638 + 2.0 * -0.462),
            ("Cu3Au", 0.0),
            ("He4Na2", 0.0),
        ] {
            assert_abs_diff_eq!(of(formula), energy, epsilon = 1e-12);
        }
    }

    #[test]
    fn u_goes_with_oxygen_and_fluorine() {
        let u = |formula: &str| hubbard_u(&Composition::from_formula(formula).expect("a formula"), species("Fe"));
        assert_eq!(
            [u("Fe2O3"), u("FeF3"), u("FeS2"), u("Fe"), u("MgO")],
            [Some(5.3), Some(5.3), None, None, Some(5.3)]
        );
    }
}
