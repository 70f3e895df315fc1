//! Atom vectors: what the network is told of an element.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crystal_core::Species;

/// Length of an atom vector.
pub(crate) const ATOM_VECTOR: usize = 92;
/// Elements with an atom vector: H to Fm.
pub(crate) const N_ELEMENTS: usize = 100;

/// The vectors of elements 1 to 100 one after another: one-hot groups, periods, electronegativities, radii and so on in bins, as published with
/// the network (sources: `assets/README.md`).
static VECTORS: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let text = include_str!("../../../assets/tables/cgcnn_atom_init.json");
    let table: BTreeMap<u8, Vec<f32>> = serde_json::from_str(text).expect("the embedded atom vectors are well formed");
    let vectors: Vec<f32> = table.into_values().flatten().collect();
    assert_eq!(vectors.len(), N_ELEMENTS * ATOM_VECTOR, "one vector for each element");
    vectors
});

/// All vectors, row-major, `N_ELEMENTS × ATOM_VECTOR`.
pub(crate) fn vectors() -> &'static [f32] {
    &VECTORS
}

/// Row of an element in [`vectors`]; `None` beyond the table.
pub(crate) fn row(species: Species) -> Option<u32> {
    let number = u32::from(species.atomic_number());
    (number as usize <= N_ELEMENTS).then(|| number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(symbol: &str) -> Option<&'static [f32]> {
        let row = row(symbol.parse().expect("an element"))? as usize;
        Some(&vectors()[row * ATOM_VECTOR..(row + 1) * ATOM_VECTOR])
    }

    #[test]
    fn elements_differ_and_the_table_ends_at_fermium() {
        let [lithium, sodium, oxygen] = ["Li", "Na", "O"].map(|symbol| vector(symbol).expect("in the table"));
        // The first 19 entries are the group, the next ones the period.
        assert_eq!(lithium[..19], sodium[..19]);
        assert_ne!(lithium[19..], sodium[19..]);
        assert_ne!(lithium[..19], oxygen[..19]);
        assert!(vector("Fm").is_some() && vector("Md").is_none());
        assert!(vectors().iter().all(|x| *x == 0.0 || *x == 1.0));
    }
}
