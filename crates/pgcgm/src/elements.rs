//! Elements, and the 23 numbers by which the networks know them.

use std::sync::LazyLock;

use crystal_core::Species;
use crystal_core::whole;
use serde::{Deserialize, Serialize};

/// Numbers that describe an element.
pub(crate) const N_FEATURES: usize = 23;

/// Which elements there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ElementSet {
    /// The published 63, described as in the published program.
    Published,
    /// The same with the lanthanides, and actinides up to plutonium: Magpie's 22 numbers and the atomic radius, each
    /// scaled to [−1, 1] over the set.
    #[default]
    Extended,
}

/// The elements of a set.
#[derive(Debug)]
pub(crate) struct ElementTable {
    /// By atomic number.
    pub(crate) species: Vec<Species>,
    /// Of each, scaled to [−1, 1].
    pub(crate) features: Vec<[f32; N_FEATURES]>,
    /// Atomic radius (Slater 1964) of each, Å.
    pub(crate) radii: Vec<f64>,
}

static PUBLISHED: LazyLock<ElementTable> = LazyLock::new(ElementTable::published);
static EXTENDED: LazyLock<ElementTable> = LazyLock::new(ElementTable::extended);

impl ElementSet {
    pub(crate) fn table(self) -> &'static ElementTable {
        match self {
            Self::Published => &PUBLISHED,
            Self::Extended => &EXTENDED,
        }
    }

    /// The elements, by atomic number.
    pub fn species(self) -> &'static [Species] {
        &self.table().species
    }
}

impl ElementTable {
    /// Place of an element in the set.
    pub(crate) fn index(&self, species: Species) -> Option<usize> {
        self.species.binary_search(&species).ok()
    }

    fn new(mut rows: Vec<(Species, [f32; N_FEATURES])>) -> Self {
        rows.sort_by_key(|(species, _)| *species);
        let radii = rows.iter().map(|(species, _)| atomic_radius(*species).expect("elements of the sets have one"));
        Self {
            radii: radii.collect(),
            species: rows.iter().map(|(species, _)| *species).collect(),
            features: rows.into_iter().map(|(_, features)| features).collect(),
        }
    }

    /// Columns: symbol, whether it is drawn, the 23 scaled numbers. Polonium is there for the scale and is not drawn.
    fn published() -> Self {
        let text = include_str!("../assets/tables/pgcgm-elements.csv");
        let rows = text.lines().skip(1).filter_map(|line| {
            let mut cells = line.split(',');
            let species: Species = cells.next()?.parse().expect("the table begins with a symbol");
            let is_drawn = cells.next() == Some("1");
            let numbers: Vec<f32> = cells.map(|cell| cell.parse().expect("the table holds numbers")).collect();
            is_drawn.then(|| (species, numbers.try_into().expect("23 numbers")))
        });
        Self::new(rows.collect())
    }

    fn extended() -> Self {
        let rare = (57..=71).chain(89..=94).map(|number| Species::from_atomic_number(number).expect("in range"));
        let species: Vec<Species> = PUBLISHED.species.iter().copied().chain(rare).collect();
        let raw: Vec<[Option<f64>; N_FEATURES]> = species.iter().map(|species| magpie_and_radius(*species)).collect();
        let scales: [(f64, f64); N_FEATURES] = std::array::from_fn(|k| {
            let known = raw.iter().filter_map(|row| row[k]);
            known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
        });
        // An unknown number stands in the middle of the scale.
        let scaled = |(k, x): (usize, Option<f64>)| {
            let (low, high) = scales[k];
            x.filter(|_| high > low).map_or(0.0, |x| whole::single(2.0 * (x - low) / (high - low) - 1.0))
        };
        let rows = species.iter().zip(raw).map(|(species, row)| {
            let features: Vec<f32> = row.into_iter().enumerate().map(scaled).collect();
            (*species, features.try_into().expect("23 numbers"))
        });
        Self::new(rows.collect())
    }
}

/// Magpie's 22 numbers and the atomic radius.
fn magpie_and_radius(species: Species) -> [Option<f64>; N_FEATURES] {
    let text = include_str!("../assets/tables/magpie22.csv");
    let row = text.lines().nth(usize::from(species.atomic_number())).expect("a row for each element up to 103");
    let mut numbers = row.split(',').skip(2).map(|cell| cell.parse().ok());
    let mut features = [None; N_FEATURES];
    features[..22].fill_with(|| numbers.next().expect("22 columns"));
    features[22] = atomic_radius(species);
    features
}

/// Atomic radius (Slater, J. Chem. Phys. 41, 3199, 1964), Å, where it is tabulated.
fn atomic_radius(species: Species) -> Option<f64> {
    let text = include_str!("../assets/tables/elements_pymatgen.csv");
    text.lines().nth(usize::from(species.atomic_number()))?.split(',').nth(4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_whole() {
        for (set, n) in [(ElementSet::Published, 63), (ElementSet::Extended, 84)] {
            let table = set.table();
            assert_eq!((table.species.len(), table.features.len(), table.radii.len()), (n, n, n));
            assert!(table.species.is_sorted() && table.radii.iter().all(|radius| (0.2..3.0).contains(radius)));
            assert!(table.features.iter().flatten().all(|x| (-1.0..=1.0).contains(x)));
            // What tells elements apart.
            for (k, features) in table.features.iter().enumerate() {
                assert!(!table.features[..k].contains(features), "{}", table.species[k]);
            }
        }
    }

    #[test]
    fn known_elements() {
        let species = |symbol: &str| symbol.parse::<Species>().expect("an element");
        let published = ElementSet::Published.table();
        assert_eq!(published.index(species("Po")), None);
        assert_eq!(published.index(species("Xe")), None);
        let silver = published.index(species("Ag")).expect("in the set");
        assert_eq!(published.features[silver][..2], [0.108434, -0.285266]);
        assert_eq!(published.radii[silver], 1.60);
        let extended = ElementSet::Extended.table();
        let uranium = extended.index(species("U")).expect("in the set");
        assert!((extended.features[uranium][0] - 0.956_989_3).abs() < 1e-5, "Z from 1 to 94");
    }
}
