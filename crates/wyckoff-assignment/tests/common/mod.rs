//! What the tests share.
#![allow(dead_code, reason = "every test binary uses its own part of this module")]

use crystal_core::{AsymmetricSite, AsymmetricUnit, Composition, Lattice, SpaceGroup, SpaceGroupNumber};
use nalgebra::{Matrix3, Vector3};
use wyckoff_assignment::WyckoffAssignment;

/// A space group by its number.
pub fn group(number: i64) -> &'static SpaceGroup {
    SpaceGroup::from_number(number).expect("a group")
}

/// All space groups.
pub fn groups() -> impl Iterator<Item = &'static SpaceGroup> {
    SpaceGroupNumber::all().map(SpaceGroup::get)
}

/// Reads `Fe:1,O:2`.
pub fn composition(text: &str) -> Composition {
    text.parse().expect("a composition")
}

/// A reduced structure with these sites, somewhere on their positions.
pub fn unit(number: i64, text: &str) -> AsymmetricUnit {
    let assignment = WyckoffAssignment::parse(group(number), text).expect("an assignment");
    let sites = assignment
        .positions()
        .map(|(species, position)| {
            AsymmetricSite::on_position(position, species, position.point(&Vector3::new(0.11, 0.23, 0.37)))
        })
        .collect();
    let lattice = Lattice::new(Matrix3::from_diagonal_element(5.0)).expect("a cell");
    // The lattice is not of the group's system: only the positions are looked at.
    AsymmetricUnit::unchecked(group(number), lattice, sites)
}
