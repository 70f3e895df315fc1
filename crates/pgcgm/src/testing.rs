//! Crystals for tests.

use crystal_core::{AsymmetricSite, AsymmetricUnit, SpaceGroup};
use nalgebra::Vector3;

use crate::crystal::conventional_lattice;
use crate::groups::group_index;
use crate::{Crystal, ElementSet};

/// Sites on positions whose free parameters are 0.12, 0.23 and 0.34, in a cell with these lengths as the group ties
/// them, Å.
pub(crate) fn unit(number: i64, a: f64, sites: &[(&str, char)]) -> AsymmetricUnit {
    let group = SpaceGroup::from_number(number).expect("a group");
    let index = group_index(group.number());
    let lengths = [a, a, if number < 195 && number != 62 { 1.4 * a } else { a }];
    let lattice = conventional_lattice(index.unwrap_or(3), lengths).expect("a cell");
    let sites = sites.iter().map(|(symbol, letter)| {
        let position = group.wyckoff_position(*letter).expect("a position");
        let point = position.point(&Vector3::new(0.12, 0.23, 0.34));
        AsymmetricSite::on_position(position, symbol.parse().expect("an element"), point)
    });
    AsymmetricUnit::new(group, lattice, sites.collect()).expect("sites on their positions")
}

/// LiAlSi in the structure of MgAgAs: three face-centred lattices.
pub(crate) fn half_heusler() -> Crystal {
    Crystal::of(&unit(216, 5.9, &[("Li", 'b'), ("Al", 'a'), ("Si", 'c')]), ElementSet::Published).expect("it fits")
}

/// The cubic perovskite SrTiO3.
pub(crate) fn perovskite() -> Crystal {
    Crystal::of(&unit(221, 3.9, &[("Sr", 'a'), ("Ti", 'b'), ("O", 'c')]), ElementSet::Published).expect("it fits")
}
