//! Texts and demands that make no sense, and what is said about them.

mod common;

use common::{composition, group};
use crystal_core::{SpaceGroupNumber, Species};
use proptest::prelude::*;
use wyckoff_assignment::{AssignedSite, AssignmentError, AssignmentSpace, Demand, Help, WyckoffAssignment};

fn help(number: i64, atoms: &str) -> (Help, String) {
    let error = AssignmentSpace::new(group(number), Demand::Atoms(composition(atoms))).expect_err("impossible");
    let message = error.to_string();
    match error {
        AssignmentError::Impossible { help, .. } => (*help, message),
        other => panic!("{other}"),
    }
}

#[test]
fn impossible_counts_come_with_suggestions() {
    let (help, message) = help(62, "Na:1,Cl:1");
    let formulas = |atoms: &[crystal_core::Composition]| atoms.iter().map(|atoms| atoms.formula()).collect::<Vec<_>>();
    assert_eq!(formulas(&help.formula_units), ["Na4Cl4", "Na8Cl8", "Na12Cl12"]);
    assert!(help.nearest.is_empty(), "four atoms of each are farther away than is looked");
    assert_eq!(help.space_groups.len(), 5);
    for number in &help.space_groups {
        assert!(AssignmentSpace::is_possible(
            crystal_core::SpaceGroup::get(*number),
            &Demand::Atoms(composition("Na:1,Cl:1"))
        ));
        assert!((16..=74).contains(&number.get()), "orthorhombic ones first");
    }
    assert!(
        message.starts_with("space group 62 cannot hold NaCl in the primitive cell; of this formula it holds Na4Cl4"),
        "{message}"
    );
    assert!(message.contains("space groups that hold it are, among others, 71, 69, 65"), "{message}");
}

#[test]
fn nearest_counts_change_least() {
    // P m -3 m has two single positions; a third single atom fits nowhere.
    let (help, _) = help(221, "Fe:1,Co:1,Ni:1");
    let changes = |atoms: &crystal_core::Composition| atoms.iter().map(|(_, count)| count.abs_diff(1)).sum::<u32>();
    assert!(!help.nearest.is_empty());
    assert!(help.nearest.iter().all(|atoms| changes(atoms) == changes(&help.nearest[0])));
    assert!(help.nearest.iter().all(|atoms| AssignmentSpace::is_possible(group(221), &Demand::Atoms(atoms.clone()))));
    assert!(!help.space_groups.contains(&SpaceGroupNumber::new(221).expect("a number")));
}

#[test]
fn positions_that_do_not_exist() {
    let species: Species = "Fe".parse().expect("an element");
    let error =
        WyckoffAssignment::new(group(1), [AssignedSite { species, position: 1 }]).expect_err("one position only");
    assert_eq!(error.to_string(), "space group 1 has 1 Wyckoff positions; there is none with index 1");
}

#[test]
fn json_holds_the_text() {
    let assignment = WyckoffAssignment::parse(group(62), "Cu@d Cu@d Si@c").expect("an assignment");
    let json = serde_json::to_string(&assignment).expect("json");
    assert_eq!(json, r#"{"space_group":62,"sites":"Si@4c Cu@8d*2"}"#);
    assert_eq!(serde_json::from_str::<WyckoffAssignment>(&json).expect("an assignment"), assignment);
    let error =
        serde_json::from_str::<WyckoffAssignment>(r#"{"space_group":62,"sites":"Si@q"}"#).expect_err("no such letter");
    assert!(error.to_string().contains("has no Wyckoff position 'q'"));
}

prop_compose! {
    /// Sites of a group, each position without freedom once.
    fn assignments()(number in 1_i64..=230)(
        number in Just(number),
        chosen in prop::collection::vec((1_i64..=118, 0..group(number).wyckoff_positions().len()), 1..12),
    ) -> WyckoffAssignment {
        let mut sites: Vec<AssignedSite> = Vec::new();
        for (species, position) in chosen {
            let is_fixed = group(number).wyckoff_positions()[position].n_free() == 0;
            if !(is_fixed && sites.iter().any(|site| site.position == position)) {
                sites.push(AssignedSite { species: Species::from_atomic_number(species).expect("an element"), position });
            }
        }
        WyckoffAssignment::new(group(number), sites).expect("admissible sites")
    }
}

proptest! {
    #[test]
    fn text_round_trips(assignment in assignments()) {
        let text = assignment.to_string();
        prop_assert_eq!(&WyckoffAssignment::parse(assignment.space_group(), &text).expect("its own text"), &assignment);
        let bare: String = text.split(' ').map(|part| {
            let (symbol, rest) = part.split_once('@').expect("a site");
            format!("{symbol}@{}, ", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
        }).collect();
        prop_assert_eq!(&WyckoffAssignment::parse(assignment.space_group(), &bare).expect("without multiplicities"), &assignment);
    }

    #[test]
    fn any_text_is_read_or_refused(number in 1_i64..=230, text in "[A-Za-z0-9@* ,]{0,20}") {
        if let Ok(assignment) = WyckoffAssignment::parse(group(number), &text) {
            prop_assert!(!assignment.sites().is_empty());
        }
    }
}
