//! The 20 space groups.

use std::sync::LazyLock;

use crystal_core::{CrystalSystem, SpaceGroup, SpaceGroupNumber, SymmetryOperation};

/// Number of space groups.
pub const N_GROUPS: usize = 20;
/// Operations of a group, centring included, that the networks have room for.
pub(crate) const N_OPERATIONS: usize = 192;

/// Number of each group, and how many of the published 42 072 materials it has: those with more than 400.
const GROUPS: [(u8, u32); N_GROUPS] = [
    (139, 6162),
    (194, 5599),
    (71, 4679),
    (225, 3716),
    (227, 3292),
    (62, 2527),
    (191, 2214),
    (148, 1969),
    (166, 1479),
    (221, 1462),
    (167, 1246),
    (164, 1191),
    (123, 1180),
    (63, 1004),
    (129, 992),
    (216, 898),
    (122, 749),
    (186, 692),
    (141, 588),
    (140, 433),
];

/// One of the 20 groups.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) space_group: &'static SpaceGroup,
    /// All operations in the conventional basis, those that the centring adds included, translations in [0, 1).
    pub(crate) operations: Vec<SymmetryOperation>,
    /// Whether the angle between a and b is 120° and not 90°.
    pub(crate) is_hexagonal: bool,
    /// Row i: how the tied length i is averaged from the three.
    pub(crate) ties: [[f32; 3]; 3],
}

static TABLE: LazyLock<Vec<Group>> = LazyLock::new(|| GROUPS.iter().map(|(number, _)| Group::new(*number)).collect());

impl Group {
    /// The group at a place of the list.
    pub(crate) fn get(index: usize) -> &'static Self {
        &TABLE[index]
    }

    fn new(number: u8) -> Self {
        let space_group = SpaceGroup::from_number(i64::from(number)).expect("numbers of the table are in range");
        let with_centring = |point: &nalgebra::Vector3<f64>| {
            let shift = *point;
            space_group.operations().iter().map(move |operation| SymmetryOperation {
                rotation: operation.rotation,
                translation: (operation.translation + shift).map(|x| x - (x + 1e-9).floor()),
            })
        };
        let operations: Vec<_> = space_group.centring().lattice_points().iter().flat_map(with_centring).collect();
        let system = space_group.system();
        let (third, half) = (1.0 / 3.0, 0.5);
        let ties = match system {
            CrystalSystem::Cubic => [[third; 3]; 3],
            CrystalSystem::Tetragonal | CrystalSystem::Trigonal | CrystalSystem::Hexagonal => {
                [[half, half, 0.0], [half, half, 0.0], [0.0, 0.0, 1.0]]
            }
            _ => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        };
        let is_hexagonal = matches!(system, CrystalSystem::Trigonal | CrystalSystem::Hexagonal);
        Self { space_group, operations, is_hexagonal, ties }
    }

    /// The three lengths averaged as the system ties them, Å.
    pub(crate) fn tied(&self, lengths: [f64; 3]) -> [f64; 3] {
        self.ties.map(|row| row.iter().zip(lengths).map(|(share, length)| f64::from(*share) * length).sum())
    }
}

/// Place of a space group in the list of the 20, if it is there.
pub fn group_index(number: SpaceGroupNumber) -> Option<usize> {
    GROUPS.iter().position(|(known, _)| *known == number.get())
}

/// The 20 space groups, the most frequent of the published data first.
pub fn groups() -> impl Iterator<Item = &'static SpaceGroup> {
    TABLE.iter().map(|group| group.space_group)
}

/// How many of the published materials each group has.
pub fn published_counts() -> [u32; N_GROUPS] {
    GROUPS.map(|(_, count)| count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::whole;

    #[test]
    fn operations_are_those_of_the_published_files() {
        let found: Vec<usize> = (0..N_GROUPS).map(|index| Group::get(index).operations.len()).collect();
        let expected = [32, 24, 16, 192, 192, 8, 24, 18, 36, 48, 36, 12, 16, 16, 16, 96, 16, 12, 32, 32];
        assert_eq!(found, expected);
        assert_eq!(published_counts().iter().sum::<u32>(), 42_072);
    }

    #[test]
    fn operations_are_whole_and_different() {
        for index in 0..N_GROUPS {
            let group = Group::get(index);
            let key = |operation: &SymmetryOperation| {
                let translation = operation.translation.map(|x| whole::saturated_64((x * 24.0).round()));
                assert!(translation.iter().all(|x| (0..24).contains(x)), "{translation:?}");
                (<[i32; 9]>::try_from(operation.rotation.as_slice()).expect("nine"), <[i64; 3]>::from(translation))
            };
            let mut keys: Vec<_> = group.operations.iter().map(key).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), group.operations.len(), "{}", group.space_group.number());
        }
    }

    #[test]
    fn lengths_are_tied_by_the_system() {
        let tied = |number: i64| {
            let index = group_index(SpaceGroupNumber::new(number).expect("a number")).expect("one of the 20");
            Group::get(index).tied([3.0, 5.0, 10.0])
        };
        assert_eq!(tied(62), [3.0, 5.0, 10.0]);
        assert_eq!(tied(139), [4.0, 4.0, 10.0]);
        assert_eq!(tied(194), [4.0, 4.0, 10.0]);
        assert!(tied(225).iter().all(|length| (length - 6.0).abs() < 1e-6));
        assert_eq!(group_index(SpaceGroupNumber::new(1).expect("a number")), None);
    }
}
