//! Assignments that differ by the choice of origin only.
//!
//! A space group in its standard setting leaves a choice of origin: rock salt is Na on 4a and Cl on 4b, or the other
//! way round. Shifts of the origin, and inversions, that map the group onto itself permute its Wyckoff positions and
//! leave the cell as it is.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crystal_core::whole::compact;
use crystal_core::{Lattice, SpaceGroup};
use nalgebra::{Matrix3, Vector3};

use crate::WyckoffAssignment;
use crate::assignment::AssignedSite;
use crate::periodic_table::place;

/// Shifts are tried in steps of 1/12 of the conventional axes: origins of the standard settings differ by halves,
/// thirds and quarters.
const STEPS: i32 = 12;
/// How far translations that are the same may differ, fractions of the axes.
const SAME: f64 = 1e-6;
/// How near a point must be to a position on which it lies, Å, in a cell of some Å.
const NEAR: f64 = 1e-4;

/// Of each Wyckoff position the one that it becomes.
type Permutation = Vec<usize>;

/// All permutations of a group's positions by a change of origin, the identity among them.
fn permutations(space_group: &'static SpaceGroup) -> &'static [Permutation] {
    static PERMUTATIONS: [OnceLock<Vec<Permutation>>; 230] = [const { OnceLock::new() }; 230];
    PERMUTATIONS[usize::from(space_group.number().get()) - 1].get_or_init(|| {
        let points = space_group.centring().lattice_points();
        let is_lattice_vector = |vector: Vector3<f64>| {
            points.iter().any(|point| (vector - point).iter().all(|x| (x - x.round()).abs() < SAME))
        };
        let mut found: BTreeSet<Permutation> = BTreeSet::from([(0..space_group.wyckoff_positions().len()).collect()]);
        if space_group.wyckoff_positions().len() == 1 {
            return found.into_iter().collect();
        }
        let steps = || (0..STEPS).map(|step| f64::from(step) / f64::from(STEPS));
        let shifts = steps().flat_map(|x| steps().flat_map(move |y| steps().map(move |z| Vector3::new(x, y, z))));
        for shift in shifts {
            for sign in [1.0, -1.0] {
                // x → ±x + t turns {W|w} into {W|±w + t − W·t}, which must be {W|w} modulo the lattice.
                let keeps_the_group = space_group.operations().iter().all(|operation| {
                    let moved = shift - operation.rotation.map(f64::from) * shift;
                    is_lattice_vector(operation.translation * (sign - 1.0) + moved)
                });
                if keeps_the_group {
                    found.insert(permutation(space_group, sign, &shift));
                }
            }
        }
        found.into_iter().collect()
    })
}

fn permutation(space_group: &SpaceGroup, sign: f64, shift: &Vector3<f64>) -> Permutation {
    // Which point lies on which position does not depend on the cell, and these parameters put none on a more special
    // one.
    let lattice = Lattice::new(Matrix3::from_diagonal_element(5.0)).expect("a cell");
    let parameters = Vector3::new(0.1234, 0.2771, 0.4159);
    let image = |point: Vector3<f64>| space_group.locate(&(point * sign + shift), &lattice, NEAR).position;
    space_group.wyckoff_positions().iter().map(|position| image(position.point(&parameters))).collect()
}

impl WyckoffAssignment {
    /// All assignments that are this one with another choice of origin, or inverted: structures of one are structures
    /// of the other, with the same cell. The assignment itself is among them. Changes of axes are not looked at.
    pub fn other_origins(&self) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for permutation in permutations(self.space_group()) {
            let sites = self.sites().iter().map(|site| AssignedSite { position: permutation[site.position], ..*site });
            let other = Self::new(self.space_group(), sites).expect("a permutation keeps positions apart");
            if !found.contains(&other) {
                found.push(other);
            }
        }
        found
    }

    /// The one of [`Self::other_origins`] that represents all of them: first the earliest letters whatever is on them,
    /// then the elements with fewer atoms on the earlier letters, then those further left in the periodic table.
    /// Structures of one type thus look alike whatever their elements are.
    pub fn standard_origin(&self) -> Self {
        self.other_origins().into_iter().min_by_key(rank).expect("the assignment itself is among them")
    }
}

/// Of the sites in order of their letters: letters, atoms of their elements, places of their elements in the periodic
/// table.
fn rank(assignment: &WyckoffAssignment) -> [Vec<u32>; 3] {
    let n_positions = assignment.space_group().wyckoff_positions().len();
    let atoms = assignment.primitive_composition();
    let atoms_of = |species| atoms.iter().find(|(other, _)| *other == species).map_or(0, |(_, count)| count);
    let mut sites: Vec<[u32; 3]> = assignment
        .sites()
        .iter()
        .map(|site| [compact(n_positions - site.position), atoms_of(site.species), place(site.species)])
        .collect();
    sites.sort_unstable();
    [0, 1, 2].map(|part| sites.iter().map(|site| site[part]).collect())
}

#[cfg(test)]
mod tests {
    use crystal_core::SpaceGroupNumber;

    use super::*;

    fn standard(number: i64, text: &str) -> String {
        let group = SpaceGroup::from_number(number).expect("a group");
        WyckoffAssignment::parse(group, text).expect("an assignment").standard_origin().to_string()
    }

    #[test]
    fn one_structure_has_one_standard_origin() {
        for text in ["O@3c Ti@1b Sr@1a", "O@3d Ti@1a Sr@1b"] {
            assert_eq!(standard(221, text), "O@3c Ti@1b Sr@1a");
        }
        assert_eq!(standard(225, "O@4a Mg@4b"), "O@4b Mg@4a");
        for text in ["Zn@a S@c", "Zn@a S@d", "Zn@b S@d", "Zn@d S@b"] {
            assert_eq!(standard(216, text), "S@4c Zn@4a", "{text}");
        }
        assert_eq!(standard(2, "Fe@1h O@2i"), "O@2i Fe@1a");
        // Selenium above 2/3,1/3 with tungsten at 1/3,2/3 or at 0,0, and above 1/3,2/3.
        for text in ["W@1d Se@2i", "W@1a Se@2i", "W@1a Se@2h"] {
            assert_eq!(standard(187, text), "Se@2h W@1a", "{text}");
        }
        assert_eq!(standard(187, "W@1d Se@2h"), "Se@2g W@1a", "selenium above tungsten");
        assert_ne!(
            standard(221, "O@3d Ti@1b Sr@1a"),
            standard(221, "O@3c Ti@1b Sr@1a"),
            "strontium among the nearest oxygen atoms"
        );
    }

    #[test]
    fn permutations_are_a_group_and_keep_kinds_of_positions() {
        for group in SpaceGroupNumber::all().map(SpaceGroup::get) {
            let all = permutations(group);
            let kind = |position: usize| {
                let position = &group.wyckoff_positions()[position];
                (position.multiplicity(), position.n_free(), position.site_symmetry_order())
            };
            for first in all {
                assert!(
                    (0..first.len()).all(|position| kind(first[position]) == kind(position)),
                    "group {}",
                    group.number()
                );
                for second in all {
                    let product: Permutation = first.iter().map(|position| second[*position]).collect();
                    assert!(all.contains(&product), "group {}", group.number());
                }
            }
        }
        assert_eq!(permutations(SpaceGroup::from_number(2).expect("a group")).len(), 8);
        assert_eq!(permutations(SpaceGroup::from_number(225).expect("a group")).len(), 2);
    }
}
