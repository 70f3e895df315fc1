//! What the symmetry tests share.

use std::collections::BTreeMap;

use crystal_core::whole;
use crystal_core::{Finder, Reduction, Structure};

/// Every finder that is compiled in.
pub fn finders() -> Vec<Finder> {
    vec![
        Finder::Moyo,
        #[cfg(feature = "spglib")]
        Finder::Spglib,
    ]
}

/// The farthest that an atom of `structure`, brought into the standard frame, is from its partner in the expanded
/// reduced form (Å). Partners are of the same element, and each rebuilt atom has exactly as many as there are primitive
/// cells in the structure's cell; `None` if that fails.
pub fn largest_gap(structure: &Structure, reduction: &Reduction) -> Option<f64> {
    let rebuilt = reduction.unit.expand().ok()?;
    let centring = reduction.unit.space_group().centring();
    let to_conventional = centring.to_conventional();
    let cells = whole::count((reduction.linear.determinant().abs() * centring.order() as f64).round());
    let mut partners: BTreeMap<usize, usize> = BTreeMap::new();
    let mut largest: f64 = 0.0;
    for site in structure.sites() {
        let frac_coords = to_conventional.tr_mul(&(reduction.linear * site.frac_coords + reduction.shift));
        let (distance, partner) = rebuilt
            .sites()
            .iter()
            .enumerate()
            .filter(|(_, other)| other.species == site.species)
            .map(|(index, other)| (rebuilt.lattice().min_image_distance(&frac_coords, &other.frac_coords), index))
            .min_by(|a, b| a.0.total_cmp(&b.0))?;
        largest = largest.max(distance);
        *partners.entry(partner).or_default() += 1;
    }
    (partners.len() == rebuilt.n_sites() && partners.values().all(|n| *n == cells)).then_some(largest)
}
