//! Which textbook structure types have their sites where an assignment has them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crystal_core::{SpaceGroup, Species};
use datasets::{StructureType, structure_types};
use wyckoff_assignment::WyckoffAssignment;

/// A type with its sites on positions, elements made up.
struct Known {
    name: String,
    assignment: WyckoffAssignment,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let types = structure_types().expect("the tables are compiled in");
    types.iter().map(|one| Known { name: one.name.clone(), assignment: assignment_of(one) }).collect()
});

/// Each role becomes an element.
fn assignment_of(of: &StructureType) -> WyckoffAssignment {
    let mut roles: Vec<&str> = vec![];
    let mut words = vec![];
    for (role, position) in &of.sites {
        let place = roles.iter().position(|known| known == role).unwrap_or_else(|| {
            roles.push(role);
            roles.len() - 1
        });
        let element = Species::from_atomic_number(place as i64 + 1).expect("there are few roles");
        words.push(format!("{element}@{position}"));
    }
    let group = SpaceGroup::from_number(of.space_group.into()).expect("the tables are tested");
    WyckoffAssignment::parse(group, &words.join(" ")).expect("the tables are tested")
}

/// Names of the structure types, such as `rutile`, whose space group is that of an assignment and whose elements stand
/// on the same Wyckoff positions, whatever the elements and the choice of origin. Coordinates and the shape of the cell
/// are not looked at: several types may share their positions (anatase and thorium silicide), and a structure on the
/// positions of a type need not be one of it. The list is that of the prototypes that are compiled in, about a hundred
/// of the commonest.
pub fn types_with_positions_of(assignment: &WyckoffAssignment) -> Vec<&'static str> {
    let group = assignment.space_group().number();
    let mut wanted = None;
    let is_one = |known: &&Known| {
        known.assignment.space_group().number() == group
            && known.assignment.sites().len() == assignment.sites().len()
            && pattern(&known.assignment) == *wanted.get_or_insert_with(|| pattern(assignment))
    };
    KNOWN.iter().filter(is_one).map(|known| known.name.as_str()).collect()
}

/// The positions of each element, elements forgotten, at the origin at which they come first.
fn pattern(assignment: &WyckoffAssignment) -> Vec<Vec<usize>> {
    let of = |assignment: &WyckoffAssignment| {
        let mut positions: BTreeMap<Species, Vec<usize>> = BTreeMap::new();
        for site in assignment.sites() {
            positions.entry(site.species).or_default().push(site.position);
        }
        let mut positions: Vec<Vec<usize>> = positions.into_values().collect();
        positions.iter_mut().for_each(|of_element| of_element.sort_unstable());
        positions.sort();
        positions
    };
    assignment.other_origins().iter().map(of).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textbook_types_are_named_whatever_the_elements_and_the_origin() {
        let types = |number, text| {
            let group = SpaceGroup::from_number(number).expect("a group");
            types_with_positions_of(&WyckoffAssignment::parse(group, text).expect("an assignment"))
        };
        assert_eq!(types(225, "Na@4a Cl@4b"), ["rock-salt"]);
        assert_eq!(types(225, "O@4b Mg@4a"), ["rock-salt"]);
        assert_eq!(types(136, "O@4f Ti@2a"), ["rutile"]);
        assert_eq!(types(136, "O@4g Ti@2b"), ["rutile"], "another origin");
        let shared = types(141, "O@8e Ti@4a");
        assert!(shared.contains(&"anatase") && shared.contains(&"thorium-silicide"), "{shared:?}");
        assert!(types(221, "Sr@1a Ti@1b O@3c").iter().any(|name| name.contains("perovskite")));
        assert!(types(227, "Mg@8a Al@16d O@32e").iter().any(|name| name.contains("spinel")));
        assert!(types(2, "Na@2i Cl@2i").is_empty());
    }
}
