//! Corrections and formation energies against pymatgen's.

mod common;

use std::collections::{BTreeMap, HashMap};

use approx::assert_abs_diff_eq;
use crystal_core::Composition;
use serde::Deserialize;
use stability::{
    CorrectionClass, ElementalReferences, OxideType, SulphideType, guess_oxidation_states, mp2020, mp2020_of_formula,
    oxide_type, sulphide_type,
};
use test_support::needs;

#[derive(Deserialize)]
struct Line {
    id: String,
    atoms: u32,
    oxide_type: Option<String>,
    sulphide_type: Option<String>,
    oxidation_states: BTreeMap<String, f64>,
    adjustments: BTreeMap<String, f64>,
    correction: f64,
}

#[needs(shared)]
#[test]
fn corrections_of_mp_20_structures() {
    let path = test_support::shared("data/stability/mp2020-golden.jsonl");
    let rows = common::mp_20("test");
    let rows: HashMap<&str, &common::Row> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let text = std::fs::read_to_string(path).expect("a readable file");
    let mut n = 0;
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).expect("the expected layout");
        let structure = &rows[line.id.as_str()].structure;
        let composition = Composition::of(structure);
        assert_eq!(composition.total(), line.atoms);

        let oxide = oxide_type(structure).map(|kind| match kind {
            OxideType::Oxide => "oxide",
            OxideType::Hydroxide => "hydroxide",
            OxideType::Peroxide => "peroxide",
            OxideType::Superoxide => "superoxide",
            OxideType::Ozonide => "ozonide",
        });
        assert_eq!(oxide, line.oxide_type.as_deref(), "{}", line.id);
        let sulphide = sulphide_type(structure).map(|kind| match kind {
            SulphideType::Sulphide => "sulfide",
            SulphideType::Polysulphide => "polysulfide",
            SulphideType::Sulphate => "sulphate",
        });
        assert_eq!(sulphide, line.sulphide_type.as_deref(), "{}", line.id);
        let states = guess_oxidation_states(&composition).unwrap_or_default();
        assert_eq!(states.len(), line.oxidation_states.len(), "{}: {states:?}", line.id);
        for (symbol, state) in &line.oxidation_states {
            let found = states.get(&symbol.parse().expect("a symbol"));
            assert!(found.is_some_and(|found| (found - state).abs() < 1e-9), "{}: {symbol} {found:?} {state}", line.id);
        }

        let correction = mp2020(structure);
        assert!(
            (correction.per_cell() - line.correction).abs() < 1e-9,
            "{}: {correction:?} {}",
            line.id,
            line.correction
        );
        // pymatgen lists adjustments of 0 and of a class under names with the element in brackets.
        let listed = line.adjustments.values().filter(|energy| **energy != 0.0).count();
        assert_eq!(correction.adjustments.iter().filter(|one| one.energy != 0.0).count(), listed, "{}", line.id);
        n += 1;
    }
    assert_eq!(n, 393);
}

#[derive(Deserialize)]
struct Formation {
    elemental_references: BTreeMap<String, Reference>,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Reference {
    energy_per_atom: f64,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    numbers: Vec<i64>,
    energy: f64,
    formation_energy_raw: f64,
    mp2020_correction_per_atom: f64,
    formation_energy_mp: f64,
}

/// Formation energies of the potential's golden energies, raw and corrected.
#[needs(shared)]
#[test]
fn formation_energies_of_the_potential() {
    let golden = common::shared_json::<Formation>("golden/potential/formation_energies_nequix-oam-1-pft.json");
    let rows = common::mp_20("val");
    let rows: HashMap<&str, &common::Row> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let energies = golden.elemental_references.iter();
    let references = ElementalReferences::new(
        energies.map(|(symbol, reference)| (symbol.parse().expect("a symbol"), reference.energy_per_atom)),
    );
    let mut errors = Vec::new();
    for entry in &golden.entries {
        let structure = &rows[entry.id.as_str()].structure;
        let composition = Composition::of(structure);
        assert_eq!(usize::try_from(composition.total()), Ok(entry.numbers.len()), "{}", entry.id);
        let raw = entry.energy / f64::from(composition.total());
        let formation = references.formation_energy_per_atom(&composition, raw).expect("references");
        assert_abs_diff_eq!(formation, entry.formation_energy_raw, epsilon = 1e-9);
        let correction = mp2020(structure).per_atom();
        assert!((correction - entry.mp2020_correction_per_atom).abs() < 1e-9, "{}: {correction}", entry.id);
        errors.push((formation + correction - entry.formation_energy_mp).abs());
    }
    assert_eq!(errors.len(), 225);
    let mean = errors.iter().sum::<f64>() / 225.0;
    assert!(mean < 0.02, "corrected formation energies are off by {mean} eV/atom in the mean");
}

/// The Materials Project's references agree with those of the potential, which was trained on the same elements.
#[needs(shared)]
#[test]
fn elemental_references_have_the_scale_of_the_potential() {
    let golden = common::shared_json::<Formation>("golden/potential/formation_energies_nequix-oam-1-pft.json");
    let references = ElementalReferences::materials_project();
    for (symbol, reference) in &golden.elemental_references {
        let element = symbol.parse().expect("a symbol");
        let energy = references.energy_per_atom(element).unwrap_or_else(|| panic!("no energy of {symbol}"));
        assert!((energy - reference.energy_per_atom).abs() < 0.5, "{symbol}: {energy} {}", reference.energy_per_atom);
    }
}

/// What a formula alone gives agrees with the structure's correction where no bond decides.
#[needs(shared)]
#[test]
fn formulas_give_the_corrections_of_ordinary_structures() {
    let rows = common::mp_20("test");
    let mut n = 0;
    for row in rows.iter().take(2000) {
        let ordinary = matches!(oxide_type(&row.structure), None | Some(OxideType::Oxide | OxideType::Hydroxide))
            && sulphide_type(&row.structure) != Some(SulphideType::Sulphate);
        let by_formula = mp2020_of_formula(&row.composition());
        let peroxide = by_formula
            .adjustments
            .iter()
            .any(|one| matches!(one.class, CorrectionClass::Oxygen(kind) if kind != OxideType::Oxide));
        if ordinary && !peroxide {
            assert_abs_diff_eq!(by_formula.per_cell(), mp2020(&row.structure).per_cell(), epsilon = 1e-9);
            n += 1;
        }
    }
    assert!(n > 1500, "{n}");
}
