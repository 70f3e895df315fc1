//! What is known of an element beyond its number, for networks that are to see what elements have in common.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Zeros and ones that describe an element.
pub const N_DESCRIPTORS: usize = 92;
/// Elements with descriptors: H to Fm.
pub const N_DESCRIBED: usize = 100;
/// Ones among the descriptors of an element: group, period, electronegativity, covalent radius, valence electrons,
/// ionisation energy, electron affinity, block and volume. An element of which something is unknown has fewer.
pub const N_PROPERTIES: usize = 9;

/// Row-major, `N_DESCRIBED × N_DESCRIPTORS`.
static DESCRIPTORS: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let text = include_str!("../assets/tables/cgcnn_atom_init.json");
    let table: BTreeMap<u8, Vec<f32>> = serde_json::from_str(text).expect("the embedded descriptors are well formed");
    let values: Vec<f32> = table.into_values().flatten().collect();
    assert_eq!(values.len(), N_DESCRIBED * N_DESCRIPTORS, "one row for each element");
    values
});

/// The descriptors of elements 1 to [`N_DESCRIBED`], row-major, `N_DESCRIBED × N_DESCRIPTORS`: properties in bins,
/// one-hot, as published with the network of Xie and Grossman (Phys. Rev. Lett. 120, 145301, 2018; source:
/// `assets/README.md`).
pub fn element_descriptors() -> &'static [f32] {
    &DESCRIPTORS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_differ_by_what_they_are() {
        let row = |number: usize| &element_descriptors()[(number - 1) * N_DESCRIPTORS..number * N_DESCRIPTORS];
        let [lithium, sodium, oxygen] = [3, 11, 8].map(row);
        // The first 19 entries are the group, the next ones the period.
        assert_eq!(lithium[..19], sodium[..19]);
        assert_ne!(lithium[19..], sodium[19..]);
        assert_ne!(lithium[..19], oxygen[..19]);
        assert!(element_descriptors().iter().all(|x| *x == 0.0 || *x == 1.0));
        let ones = |row: &[f32]| row.iter().filter(|x| **x == 1.0).count();
        assert_eq!(element_descriptors().chunks(N_DESCRIPTORS).map(ones).max(), Some(N_PROPERTIES));
    }
}
