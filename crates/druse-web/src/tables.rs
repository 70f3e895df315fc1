//! Tables that the page's form needs.

use druse::crystal_core::{CrystalError, SpaceGroup, SpaceGroupNumber};
use serde::Serialize;

/// A space group to choose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its number.
    pub number: u8,
    /// Its short Hermann–Mauguin symbol.
    pub symbol: &'static str,
}

/// A Wyckoff position to choose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupPosition {
    /// Multiplicity and letter, such as `4a`.
    pub position: String,
    /// Site symmetry.
    pub symmetry: String,
    /// Coordinates of its first point, such as `x, 0, 1/4`.
    pub coordinates: &'static str,
}

/// All space groups by number.
pub fn groups() -> Vec<Group> {
    let group = |number: SpaceGroupNumber| Group { number: number.get(), symbol: SpaceGroup::get(number).symbol() };
    SpaceGroupNumber::all().map(group).collect()
}

/// The Wyckoff positions of a space group, the most special first.
///
/// # Errors
/// If there is no group of this number.
pub fn positions(space_group: i64) -> Result<Vec<GroupPosition>, CrystalError> {
    let group = SpaceGroup::from_number(space_group)?;
    let mut positions: Vec<_> = group.wyckoff_positions().iter().collect();
    // 'A', the 27th letter of group 47, comes after 'z'.
    positions.sort_by_key(|position| (position.letter().is_ascii_uppercase(), position.letter()));
    let row = |position: &druse::crystal_core::WyckoffPosition| GroupPosition {
        position: format!("{}{}", position.multiplicity(), position.letter()),
        symmetry: position.site_symmetry().0.clone(),
        coordinates: position.coordinates(),
    };
    Ok(positions.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rock_salts_group_and_positions() {
        let groups = groups();
        assert_eq!(groups.len(), 230);
        assert_eq!(groups[224], Group { number: 225, symbol: "F m -3 m" });
        let positions = positions(225).expect("a group");
        assert_eq!(positions.iter().take(3).map(|one| one.position.as_str()).collect::<Vec<_>>(), ["4a", "4b", "8c"]);
        assert_eq!(super::positions(47).expect("a group").len(), 27);
        assert!(super::positions(231).is_err());
    }
}
