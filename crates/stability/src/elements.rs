//! Facts about the elements, embedded from `assets/tables` (sources and licences: `assets/README.md`).

use std::collections::HashMap;
use std::sync::LazyLock;

use crystal_core::{Composition, Species};
use serde::Deserialize;

#[derive(Deserialize)]
struct ElementRow {
    symbol: String,
    #[serde(rename = "pauling_X")]
    electronegativity: Option<f64>,
}

static ELECTRONEGATIVITIES: LazyLock<HashMap<Species, f64>> = LazyLock::new(|| {
    let rows = rows::<ElementRow>(include_str!("../../../assets/tables/elements_pymatgen.csv"));
    rows.into_iter().filter_map(|row| Some((species(&row.symbol), row.electronegativity?))).collect()
});

/// Pauling electronegativity; `None` for elements without one (light noble gases, the heaviest elements).
pub(crate) fn electronegativity(element: Species) -> Option<f64> {
    ELECTRONEGATIVITIES.get(&element).copied()
}

/// The rows of an embedded table.
pub(crate) fn rows<Row: for<'de> Deserialize<'de>>(text: &str) -> Vec<Row> {
    let rows = csv::Reader::from_reader(text.as_bytes()).into_deserialize();
    rows.map(|row| row.expect("the embedded table is well formed")).collect()
}

/// The element of an embedded table.
pub(crate) fn species(symbol: &str) -> Species {
    symbol.parse().expect("the embedded table names elements")
}

/// The reduced formula as chemists write it: elements in order of electronegativity, those without one in front, count
/// 1 left out.
pub fn conventional_formula(composition: &Composition) -> String {
    let mut counts: Vec<(Species, u32)> = composition.reduced().iter().collect();
    let key = |element: Species| electronegativity(element).unwrap_or(f64::NEG_INFINITY);
    counts.sort_by(|(a, _), (b, _)| key(*a).total_cmp(&key(*b)).then_with(|| a.symbol().cmp(b.symbol())));
    counts.iter().map(|(element, count)| if *count == 1 { element.to_string() } else { format!("{element}{count}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_as_chemists_write_them() {
        for (given, written) in [("O6Al4", "Al2O3"), ("NaCl", "NaCl"), ("Si2K2Cu4", "KCu2Si"), ("O3SrTi", "SrTiO3")] {
            let formula = conventional_formula(&Composition::from_formula(given).expect("a formula"));
            assert_eq!(formula, written, "{given}");
        }
    }
}
