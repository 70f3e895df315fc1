//! Facts about the elements, embedded from `assets/tables` (sources and licences: `assets/README.md`).

use std::sync::LazyLock;

use crystal_core::Species;
use serde::Deserialize;

const MAX_NUMBER: usize = Species::MAX as usize;

/// Number of Magpie element properties.
pub(crate) const N_PROPERTIES: usize = 22;
/// Number of Magpie composition features: six statistics of each property.
pub const N_MAGPIE: usize = 6 * N_PROPERTIES;

/// What the SMACT test needs to know about an element.
#[derive(Debug, Clone)]
pub(crate) struct SmactElement {
    /// Oxidation states, none of them 0.
    pub oxidation_states: Vec<i64>,
    /// Pauling electronegativity as SMACT lists it.
    pub electronegativity: Option<f64>,
    /// Whether SMACT counts the element as a metal.
    pub metal: bool,
}

#[derive(Deserialize)]
struct SmactRow {
    #[serde(rename = "Z")]
    number: usize,
    #[serde(rename = "pauling_eneg")]
    electronegativity: Option<f64>,
    oxidation_states: Option<String>,
    #[serde(rename = "is_smact_metal")]
    metal: u8,
}

#[derive(Deserialize)]
struct Scaler {
    means: Vec<f64>,
    stds: Vec<f64>,
}

static MAGPIE: LazyLock<Vec<[f64; N_PROPERTIES]>> = LazyLock::new(|| {
    let mut properties = vec![[f64::NAN; N_PROPERTIES]; MAX_NUMBER + 1];
    let text = include_str!("../assets/tables/magpie22.csv");
    for row in csv::Reader::from_reader(text.as_bytes()).records() {
        let row = row.expect("the embedded Magpie table is well formed");
        let number: usize = row[0].parse().expect("the Magpie table starts with the atomic number");
        for (value, cell) in properties[number].iter_mut().zip(row.iter().skip(2)) {
            if !cell.is_empty() {
                *value = cell.parse().expect("the embedded Magpie table holds numbers");
            }
        }
    }
    properties
});

static SMACT: LazyLock<Vec<Option<SmactElement>>> = LazyLock::new(|| {
    let mut elements = vec![None; MAX_NUMBER + 1];
    let text = include_str!("../assets/tables/smact_2.5.3.csv");
    for row in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let row: SmactRow = row.expect("the embedded SMACT table is well formed");
        let states = row.oxidation_states.unwrap_or_default();
        elements[row.number] = Some(SmactElement {
            oxidation_states: states
                .split_whitespace()
                .map(|state| state.parse().expect("oxidation states are whole numbers"))
                .collect(),
            electronegativity: row.electronegativity,
            metal: row.metal != 0,
        });
    }
    elements
});

static SCALER: LazyLock<[(f64, f64); N_MAGPIE]> = LazyLock::new(|| {
    let text = include_str!("../assets/tables/compscaler.json");
    let scaler: Scaler = serde_json::from_str(text).expect("the embedded scaler is well formed");
    assert!(
        scaler.means.len() == N_MAGPIE && scaler.stds.len() == N_MAGPIE,
        "the scaler has one row per Magpie feature"
    );
    std::array::from_fn(|feature| (scaler.means[feature], scaler.stds[feature]))
});

/// The Magpie properties of an element, NaN where unknown.
pub(crate) fn magpie_properties(species: Species) -> &'static [f64; N_PROPERTIES] {
    &MAGPIE[usize::from(species.atomic_number())]
}

/// SMACT's data of an element, `None` outside its table.
pub(crate) fn smact(species: Species) -> Option<&'static SmactElement> {
    SMACT[usize::from(species.atomic_number())].as_ref()
}

/// Mean and standard deviation of each Magpie feature over CDVAE's training set.
pub(crate) fn magpie_scaler() -> &'static [(f64, f64); N_MAGPIE] {
    &SCALER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn species(symbol: &str) -> Species {
        symbol.parse().expect("an element")
    }

    #[test]
    fn known_facts() {
        assert_eq!(species("O").electronegativity(), Some(3.44));
        assert_eq!(species("He").electronegativity(), None);
        assert_eq!(species("Bk").radius(), None);
        assert_eq!(magpie_properties(species("Fe"))[0], 26.0);
        assert!(magpie_properties(species("He"))[3].is_nan());
        assert!(smact(species("Ir")).expect("in the table").oxidation_states.contains(&-3));
        assert!(smact(species("Ne")).expect("in the table").oxidation_states.is_empty());
        assert!(smact(species("Rf")).is_none());
    }

    #[test]
    fn no_oxidation_state_and_no_deviation_is_zero() {
        assert!(SMACT.iter().flatten().all(|element| element.oxidation_states.iter().all(|state| *state != 0)));
        assert!(magpie_scaler().iter().all(|(_, deviation)| *deviation > 0.0));
    }
}
