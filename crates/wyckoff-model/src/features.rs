//! What the network is told of elements, space groups and Wyckoff positions, so that rare ones borrow from those that
//! are like them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crystal_core::whole;
use crystal_core::{Centring, CrystalSystem, SpaceGroup, SpaceGroupNumber, WyckoffPosition};
use crystal_states::{N_DESCRIBED, N_DESCRIPTORS, element_descriptors};

/// Rows of tables of elements: row 0 is not an element, row Z the element with this atomic number.
pub(crate) const N_ELEMENTS: usize = N_DESCRIBED + 1;
/// Number of space groups.
pub(crate) const N_GROUPS: usize = 230;
/// Most Wyckoff positions of a group.
pub(crate) const MOST_POSITIONS: usize = 27;
/// Rows of the table of places for tokens without one: several, so that the sum over such tokens, in the gradient, is
/// not one long sum.
const N_NOWHERE: usize = 64;
/// Parts of an axis that the coordinates of special positions are multiples of, as features.
const HARMONICS: [f64; 2] = [1.0, 2.0];

/// The table of places: all Wyckoff positions, group after group, then the groups themselves, then rows of nothing.
pub(crate) struct Places {
    /// First row of each group's positions, and the number of all positions.
    first: Vec<u32>,
    /// Number of columns of `features`.
    pub(crate) width: usize,
    /// Row-major.
    pub(crate) features: Vec<f32>,
}

/// The one table.
pub(crate) static PLACES: LazyLock<Places> = LazyLock::new(Places::new);

impl Places {
    /// Number of rows.
    pub(crate) fn n_rows(&self) -> usize {
        self.first[N_GROUPS] as usize + N_GROUPS + N_NOWHERE
    }

    /// Number of rows that are a place.
    pub(crate) fn n_real(&self) -> usize {
        self.n_rows() - N_NOWHERE
    }

    /// The row of a position of a group, both by index from 0.
    pub(crate) fn position(&self, group: u8, position: u8) -> u32 {
        self.first[usize::from(group)] + u32::from(position)
    }

    /// The row of a group, by index from 0.
    pub(crate) fn group(&self, group: u8) -> u32 {
        self.first[N_GROUPS] + u32::from(group)
    }

    /// One of the rows of nothing; `number` spreads tokens over them.
    pub(crate) fn nowhere(&self, number: usize) -> u32 {
        whole::compact(self.n_real() + number % N_NOWHERE)
    }

    fn new() -> Self {
        let groups: Vec<&'static SpaceGroup> = SpaceGroupNumber::all().map(SpaceGroup::get).collect();
        let symbols: BTreeMap<&str, usize> = {
            let all = groups.iter().flat_map(|group| group.wyckoff_positions());
            let distinct: std::collections::BTreeSet<&str> =
                all.map(|place| place.site_symmetry().0.as_str()).collect();
            distinct.into_iter().zip(0..).collect()
        };
        let (mut rows, mut first): (Vec<Vec<f32>>, Vec<u32>) = (vec![], vec![0]);
        for group in &groups {
            let of_group = group_features(group);
            for (index, place) in group.wyckoff_positions().iter().enumerate() {
                let rank = group.wyckoff_positions().len() - 1 - index;
                rows.push([of_group.clone(), position_features(group, place, rank, &symbols)].concat());
            }
            first.push(whole::compact(rows.len()));
        }
        let width = rows[0].len();
        for group in &groups {
            let mut row = group_features(group);
            row.resize(width, 0.0);
            rows.push(row);
        }
        rows.extend(std::iter::repeat_n(vec![0.0; width], N_NOWHERE));
        Self { first, width, features: rows.concat() }
    }
}

fn one_hot(length: usize, index: usize) -> impl Iterator<Item = f32> {
    (0..length).map(move |k| f32::from(u8::from(k == index)))
}

/// Crystal system, centring, and how many of the operations are of each kind of rotation.
fn group_features(group: &SpaceGroup) -> Vec<f32> {
    let systems = [
        CrystalSystem::Triclinic,
        CrystalSystem::Monoclinic,
        CrystalSystem::Orthorhombic,
        CrystalSystem::Tetragonal,
        CrystalSystem::Trigonal,
        CrystalSystem::Hexagonal,
        CrystalSystem::Cubic,
    ];
    let centrings = [Centring::P, Centring::A, Centring::C, Centring::I, Centring::F, Centring::R];
    let mut features: Vec<f32> = systems.iter().map(|system| f32::from(u8::from(*system == group.system()))).collect();
    features.extend(centrings.iter().map(|centring| f32::from(u8::from(*centring == group.centring()))));
    // The kind of a rotation follows from its trace, −3 … 3, and its determinant; its translation tells screws and
    // glides from axes and mirrors.
    let mut kinds = [[0.0_f32; 14]; 2];
    for operation in group.operations() {
        let is_proper = operation.rotation.map(f64::from).determinant() > 0.0;
        let kind = (operation.rotation.trace() + 3) as usize + if is_proper { 7 } else { 0 };
        let moves = operation.translation.iter().any(|part| (part - part.round()).abs() > 1e-6);
        kinds[usize::from(moves)][kind] += 1.0;
    }
    let n_operations = group.operations().len() as f32;
    features.extend(kinds.as_flattened().iter().map(|number| number / n_operations));
    features.push((n_operations.log2()) / 5.0);
    features
}

/// Multiplicity, freedom, site symmetry, rank of the letter, and where the representative lies.
fn position_features(
    group: &SpaceGroup,
    place: &WyckoffPosition,
    rank: usize,
    symbols: &BTreeMap<&str, usize>,
) -> Vec<f32> {
    let multiplicity = place.multiplicity() / group.centring().order();
    let mut features: Vec<f32> = one_hot(4, place.n_free()).collect();
    features.extend([(multiplicity as f32).log2() / 5.0, (place.site_symmetry_order() as f32).log2() / 5.0]);
    features.extend((1..=24).map(|number| f32::from(u8::from(number == multiplicity))));
    features.extend(one_hot(MOST_POSITIONS, rank));
    features.extend(one_hot(symbols.len(), symbols[place.site_symmetry().0.as_str()]));
    for axis in 0..3 {
        for harmonic in HARMONICS {
            let angle = std::f64::consts::TAU * harmonic * place.origin()[axis];
            features.extend([whole::single(angle.cos()), whole::single(angle.sin())]);
        }
        features.push(f32::from(u8::from(place.linear().row(axis).norm() > 0.0)));
    }
    features
}

/// Descriptors of the elements, `N_ELEMENTS × N_DESCRIPTORS`, row-major; row 0 is zero.
pub(crate) fn element_features() -> Vec<f32> {
    let mut features = vec![0.0; N_DESCRIPTORS];
    features.extend_from_slice(element_descriptors());
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_its_own_row_and_features() {
        let places = &*PLACES;
        assert_eq!(places.features.len(), places.n_rows() * places.width);
        assert!(places.features.iter().all(|feature| feature.is_finite()));
        let most = SpaceGroupNumber::all().map(|number| SpaceGroup::get(number).wyckoff_positions().len()).max();
        assert_eq!(most, Some(MOST_POSITIONS));
        let row = |row: u32| &places.features[row as usize * places.width..(row as usize + 1) * places.width];
        let last = whole::byte(SpaceGroup::from_number(230).expect("a group").wyckoff_positions().len());
        assert_eq!(places.group(0), places.position(229, last - 1) + 1);
        assert_eq!(places.group(229) as usize + 1, places.n_real());
        assert!(row(places.nowhere(70)).iter().all(|feature| *feature == 0.0));
        // Rock salt's two positions differ by where they are and by their letters.
        let group = SpaceGroup::from_number(225).expect("a group");
        let [a, b] = ['a', 'b'].map(|letter| whole::byte(group.wyckoff_index(letter).expect("a position")));
        assert_ne!(row(places.position(224, a)), row(places.position(224, b)));
    }
}
