//! Counts and lists against a second enumeration that is written in another way, on all space groups.

mod common;

use std::collections::BTreeSet;

use common::{composition, group, groups};
use crystal_core::whole;
use crystal_core::{AsymmetricSite, AsymmetricUnit, Composition, Lattice, SitesPerElement, SpaceGroup, Species};
use nalgebra::{Matrix3, Vector3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wyckoff_assignment::{AssignmentError, AssignmentSpace, Demand, WyckoffAssignment};

/// Atoms in the primitive cell, each small enough that all assignments can be made one by one.
const ATOMS: [&str; 8] =
    ["Fe:1", "Fe:3", "Si:6", "Na:1,Cl:1", "Ti:2,O:4", "Ca:1,Ti:1,O:3", "Li:2,Ni:1,O:2,F:1", "Al:2,O:3"];
const SITES: [&str; 4] = ["Fe:2", "Na:1,Cl:1", "Ti:1,O:3", "Li:1,Ni:1,O:1"];

/// All assignments as sets of texts, site by site: each next site of an element has the letter of the last one or a
/// later one.
fn one_by_one(space_group: &SpaceGroup, demand: &Demand) -> BTreeSet<Vec<(Species, char)>> {
    fn place(
        space_group: &SpaceGroup,
        is_atoms: bool,
        wanted: &[(Species, u32)],
        sites: &mut Vec<(Species, char)>,
        found: &mut BTreeSet<Vec<(Species, char)>>,
    ) {
        let Some(((species, count), later)) = wanted.split_first() else {
            assert!(found.insert(sites.clone()), "made twice");
            return;
        };
        if *count == 0 {
            return place(space_group, is_atoms, later, sites, found);
        }
        let rank = |letter: char| (letter.is_uppercase(), letter);
        for position in space_group.wyckoff_positions() {
            let letter = position.letter();
            let images = if is_atoms {
                whole::compact(position.multiplicity() / space_group.centring().lattice_points().len())
            } else {
                1
            };
            let goes_back = sites.last().is_some_and(|last| last.0 == *species && rank(last.1) > rank(letter));
            let is_taken = position.linear().norm() == 0.0 && sites.iter().any(|site| site.1 == letter);
            if images > *count || goes_back || is_taken {
                continue;
            }
            sites.push((*species, letter));
            let rest = [&[(*species, count - images)], later].concat();
            place(space_group, is_atoms, &rest, sites, found);
            sites.pop();
        }
    }
    let mut found = BTreeSet::new();
    let wanted: Vec<(Species, u32)> = demand.counts();
    place(space_group, matches!(demand, Demand::Atoms(_)), &wanted, &mut vec![], &mut found);
    found
}

fn letters(assignment: &WyckoffAssignment) -> Vec<(Species, char)> {
    assignment.positions().map(|(species, position)| (species, position.letter())).collect()
}

fn check(space_group: &'static SpaceGroup, demand: Demand) -> usize {
    let expected = one_by_one(space_group, &demand);
    let name = format!("group {}, {demand}", space_group.number());
    assert_eq!(AssignmentSpace::is_possible(space_group, &demand), !expected.is_empty(), "{name}");
    if expected.is_empty() {
        return 0;
    }
    let space = AssignmentSpace::new(space_group, demand).expect("a possible demand");
    assert_eq!(space.count(), expected.len() as u128, "{name}");
    let listed: Vec<WyckoffAssignment> = space.iter().collect();
    let found: BTreeSet<_> = listed.iter().map(letters).collect();
    assert_eq!(listed.len(), expected.len(), "{name}");
    assert_eq!(found, expected, "{name}");
    for assignment in &listed {
        assert!(space.contains(assignment), "{name}");
        let counts = match space.demand() {
            Demand::Atoms(_) => Demand::Atoms(assignment.primitive_composition()),
            Demand::Sites(_) => Demand::Sites(assignment.sites_per_element()),
        };
        assert_eq!(&counts, space.demand(), "{name}");
    }
    listed.len()
}

#[test]
fn counts_and_lists_agree_with_a_second_enumeration_in_all_groups() {
    let n: usize = groups().flat_map(|group| ATOMS.map(|atoms| check(group, Demand::Atoms(composition(atoms))))).sum();
    assert!(n > 100_000, "{n} assignments are too few to tell anything");
}

#[test]
fn so_they_do_for_sites() {
    let n: usize =
        groups().flat_map(|group| SITES.map(|sites| check(group, Demand::Sites(sites.parse().expect("sites"))))).sum();
    assert!(n > 10_000, "{n} assignments are too few to tell anything");
}

#[test]
fn letters_rise_from_the_end_of_the_table() {
    for group in groups() {
        let letters: Vec<char> = group.wyckoff_positions().iter().rev().map(|position| position.letter()).collect();
        let expected: Vec<char> = ('a'..='z').chain(['A']).take(letters.len()).collect();
        assert_eq!(letters, expected, "group {}", group.number());
    }
}

#[test]
fn the_list_is_in_lexicographic_order() {
    for (number, atoms) in [(47, "Fe:3,O:2"), (62, "Cu:4,Si:4,K:4"), (2, "Ti:2,O:4")] {
        let space = AssignmentSpace::new(group(number), Demand::Atoms(composition(atoms))).expect("a possible demand");
        let keys: Vec<Vec<_>> = space
            .iter()
            .map(|assignment| {
                letters(&assignment).into_iter().map(|(species, letter)| (species, letter == 'A', letter)).collect()
            })
            .collect();
        assert!(keys.is_sorted(), "group {number}");
    }
}

/// The atoms of the cells of a structure with these sites, at random parameters.
fn expanded(assignment: &WyckoffAssignment, rng: &mut ChaCha8Rng) -> [Composition; 2] {
    // Which points coincide does not depend on the cell.
    let lattice = Lattice::new(Matrix3::from_diagonal(&Vector3::new(7.0, 9.0, 11.0))).expect("a cell");
    let sites = assignment
        .positions()
        .map(|(species, position)| {
            let parameters = Vector3::from_fn(|_, _| rng.random::<f64>());
            AsymmetricSite::on_position(position, species, position.point(&parameters))
        })
        .collect();
    let unit = AsymmetricUnit::unchecked(assignment.space_group(), lattice, sites);
    assert_eq!(&WyckoffAssignment::of(&unit).expect("admissible sites"), assignment);
    [unit.expand().expect("a structure"), unit.expand_conventional().expect("a structure")]
        .map(|cell| Composition::of(&cell))
}

#[test]
fn listed_assignments_expand_to_what_was_asked_for() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut n = 0;
    for group in groups() {
        for demand in [
            Demand::Atoms(composition("Ti:2,O:4")),
            Demand::Atoms(composition("Al:4,O:6")),
            Demand::Sites("Ti:1,O:2".parse().expect("sites")),
        ] {
            let Ok(space) = AssignmentSpace::new(group, demand) else { continue };
            let step = (space.count() / 12).max(1) as usize;
            for assignment in space.iter().step_by(step) {
                let [primitive, conventional] = expanded(&assignment, &mut rng);
                assert_eq!(primitive, assignment.primitive_composition(), "group {}, {assignment}", group.number());
                assert_eq!(
                    conventional,
                    assignment.conventional_composition(),
                    "group {}, {assignment}",
                    group.number()
                );
                if let Demand::Atoms(atoms) = space.demand() {
                    assert_eq!(&primitive, atoms);
                }
                n += 1;
            }
        }
    }
    assert!(n > 3_000, "{n} assignments are too few to tell anything");
}

#[test]
fn large_counts_are_counted_without_being_listed() {
    let space =
        AssignmentSpace::new(group(47), Demand::Atoms(composition("Mg:40,Si:40,O:120"))).expect("a possible demand");
    assert!(space.count() > 1_000_000_000_000_000_000);
    assert_eq!(space.iter().take(1000).collect::<std::collections::HashSet<_>>().len(), 1000);
    let TooMany { count, limit } = too_many(space.list(100).expect_err("too many"));
    assert_eq!((count, limit), (space.count(), 100));
    let message = space.list(100).expect_err("too many").to_string();
    assert!(message.contains("more than the 100 asked for") && message.contains("most likely"), "{message}");
}

struct TooMany {
    count: u128,
    limit: usize,
}

fn too_many(error: AssignmentError) -> TooMany {
    match error {
        AssignmentError::TooMany { count, limit } => TooMany { count, limit },
        other => panic!("{other}"),
    }
}

#[test]
fn a_demand_beyond_all_bounds_is_refused() {
    let space = AssignmentSpace::new(group(1), Demand::Atoms(composition("Si:4000000000")));
    assert!(matches!(space, Err(AssignmentError::TooLarge { .. })));
    let nothing = AssignmentSpace::new(group(1), Demand::Sites(SitesPerElement::default()));
    assert!(matches!(nothing, Err(AssignmentError::NothingAsked)));
}
