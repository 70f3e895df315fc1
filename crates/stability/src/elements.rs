//! Facts about the elements, embedded from `assets/tables` (sources and licences: `assets/README.md`).

use crystal_core::Species;
use serde::Deserialize;

/// The rows of an embedded table.
pub(crate) fn rows<Row: for<'de> Deserialize<'de>>(text: &str) -> Vec<Row> {
    let rows = csv::Reader::from_reader(text.as_bytes()).into_deserialize();
    rows.map(|row| row.expect("the embedded table is well formed")).collect()
}

/// The element of an embedded table.
pub(crate) fn species(symbol: &str) -> Species {
    symbol.parse().expect("the embedded table names elements")
}
