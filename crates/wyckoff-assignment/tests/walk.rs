//! Choices site by site against the list of all assignments, on all space groups.

mod common;

use std::collections::BTreeSet;

use common::{composition, group, groups};
use crystal_core::Species;
use wyckoff_assignment::{AssignmentSpace, Demand, SiteChoices, Walk, WyckoffAssignment};

/// Every sequence of admissible choices, as the texts of its assignment.
fn walked(choices: &SiteChoices) -> Vec<String> {
    fn go(choices: &SiteChoices, walk: Walk, positions: &mut Vec<usize>, found: &mut Vec<String>) {
        let admissible = choices.admissible(&walk);
        assert_eq!(admissible == 0, choices.is_end(&walk), "no dead ends");
        if choices.is_end(&walk) {
            let assignment = choices.assignment(positions).expect("a sequence of choices");
            let sites = choices.sites_of(&assignment).expect("one of the choices");
            assert_eq!(sites.iter().map(|site| site.position).collect::<Vec<_>>(), *positions);
            return found.push(assignment.to_string());
        }
        for position in 0..32 {
            let next = choices.place(&walk, position);
            assert_eq!(next.is_some(), admissible & (1 << position) != 0);
            if let Some(next) = next {
                positions.push(position);
                go(choices, next, positions, found);
                positions.pop();
            }
        }
    }
    let mut found = vec![];
    go(choices, choices.start(), &mut vec![], &mut found);
    found
}

#[test]
fn sequences_of_choices_are_the_assignments_in_any_order_of_the_elements() {
    for text in ["Fe:1", "Si:6", "Na:1,Cl:1", "Ca:1,Ti:1,O:3", "Ti:2,O:4", "Li:2,Ni:1,O:2,F:1"] {
        let demand = Demand::Atoms(composition(text));
        let mut counts: Vec<(Species, u32)> = composition(text).iter().collect();
        for _ in 0..2 {
            for group in groups() {
                let choices = SiteChoices::new(group, &counts).expect("a small demand");
                let Some(choices) = choices else {
                    assert!(!AssignmentSpace::is_possible(group, &demand), "{text} in {}", group.number());
                    continue;
                };
                let found = walked(&choices);
                let space = AssignmentSpace::new(group, demand.clone()).expect("possible");
                let listed: BTreeSet<String> = space.iter().map(|assignment| assignment.to_string()).collect();
                assert_eq!(found.len(), listed.len(), "{text} in {}: none twice", group.number());
                assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), listed, "{text} in {}", group.number());
            }
            counts.reverse();
        }
    }
}

#[test]
fn what_is_not_a_sequence_of_choices_is_refused() {
    let counts: Vec<(Species, u32)> = composition("Na:1,Cl:1").iter().collect();
    let choices = SiteChoices::new(group(225), &counts).expect("small").expect("rock salt");
    let position = |letter| group(225).wyckoff_index(letter).expect("a position");
    let (a, b) = (position('a'), position('b'));
    assert_eq!(choices.assignment(&[a, b]).expect("rock salt").to_string(), "Na@4a Cl@4b");
    for wrong in [vec![], vec![a], vec![a, a], vec![a, b, a], vec![position('c'), a], vec![99, a]] {
        let error = choices.assignment(&wrong).expect_err("no choices").to_string();
        assert!(error.contains("not a sequence of choices in space group 225"), "{error}");
    }
    let other = WyckoffAssignment::parse(group(225), "K@a Cl@b").expect("an assignment");
    assert_eq!(choices.sites_of(&other), None);
    assert_eq!(choices.next_element(&choices.start()).map(|(_, left)| left), Some(1));
    assert!(SiteChoices::new(group(225), &[]).is_err(), "nothing is asked");
}
