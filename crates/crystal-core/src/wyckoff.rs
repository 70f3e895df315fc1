//! Wyckoff positions, orbits and site symmetries.

use moyo::data::iter_wyckoff_positions_from_hall_number;

/// Site-symmetry group of a point, as the oriented symbol of the International Tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SiteSymmetry(pub String);

/// A Wyckoff position of a space group in its standard setting.
#[derive(Debug, Clone)]
pub struct WyckoffPosition {
    letter: char,
    multiplicity: usize,
    site_symmetry: SiteSymmetry,
    coordinates: &'static str,
}

/// All images of a point in one conventional cell.
#[derive(Debug, Clone)]
pub struct Orbit {}

impl WyckoffPosition {
    pub(crate) fn of_hall_number(hall_number: i32) -> Vec<Self> {
        iter_wyckoff_positions_from_hall_number(hall_number)
            .map(|entry| Self {
                letter: entry.letter,
                multiplicity: entry.multiplicity,
                site_symmetry: SiteSymmetry(entry.site_symmetry.to_owned()),
                coordinates: entry.coordinates,
            })
            .collect()
    }
}
