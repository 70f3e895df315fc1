use super::*;
use crate::groups::group_index;
use crystal_core::SpaceGroupNumber;
use random_keys::{Purpose, RandomKey};

fn candidate(number: i64, elements: [&str; 3], positions: [[f64; 3]; 3], lengths: [f64; 3]) -> Candidate {
    let group = group_index(SpaceGroupNumber::new(number).expect("a number")).expect("one of the 20");
    Candidate { group, elements: elements.map(|symbol| symbol.parse().expect("an element")), positions, lengths }
}

const ABO: [&str; 3] = ["Sr", "Ti", "O"];

#[test]
fn a_smeared_perovskite_returns_to_its_positions() {
    // Each is off by 0.1 to 0.3 Å, in general positions whose images are more than 0.1 Å apart.
    let positions = [[0.02, 0.04, 0.06], [0.52, 0.46, 0.44], [0.52, 0.54, 0.02]];
    let unit = finish(&candidate(221, ABO, positions, [3.9; 3]), Rounding::Hundredths).expect("a crystal");
    assert_eq!(unit.space_group().number().get(), 221);
    assert_eq!(unit.expand().expect("atoms").n_sites(), 5);
    let exact = [[0.0; 3], [0.5; 3], [0.5, 0.5, 0.0]];
    assert_eq!(
        finish(&candidate(221, ABO, exact, [3.9; 3]), Rounding::default())
            .expect("a crystal")
            .expand()
            .expect("atoms")
            .n_sites(),
        5
    );
}

#[test]
fn each_stage_rejects_what_it_is_for() {
    let reject = |number, positions, lengths| {
        finish(&candidate(number, ABO, positions, lengths), Rounding::Hundredths).expect_err("rejected")
    };
    let exact = [[0.0; 3], [0.5; 3], [0.5, 0.5, 0.0]];
    assert_eq!(reject(221, [[0.0; 3], [0.004; 3], [0.5; 3]], [3.9; 3]), Rejection::OnePoint);
    assert_eq!(reject(221, [[0.0; 3], [0.1, 0.0, 0.0], [0.5; 3]], [3.9; 3]), Rejection::Hopeless);
    // Images of strontium 0.04 Å from each other.
    assert_eq!(reject(221, [[0.01, 0.0, 0.0], exact[1], exact[2]], [2.1; 3]), Rejection::NoSymmetry);
    // With equal a and b this is tetragonal.
    let column = [[0.0; 3], [0.0, 0.0, 0.5], [0.0, 0.0, 0.25]];
    assert_eq!(reject(71, column, [4.5, 4.5, 9.0]), Rejection::OtherGroup);
    assert_eq!(reject(221, exact, [2.6; 3]), Rejection::TooClose);
}

#[test]
fn coordinates_are_rounded() {
    let group =
        |number| Group::get(group_index(SpaceGroupNumber::new(number).expect("a number")).expect("one of the 20"));
    let count = |number, position: [f64; 3], rounding: Rounding| {
        images(group(number), position.map(|x| rounding.on_grid(x))).len()
    };
    for rounding in [Rounding::Hundredths, Rounding::Fractions] {
        assert_eq!(count(225, [0.003, 0.997, -0.002], rounding), 4, "the position 4a");
        assert_eq!(count(225, [0.251, 0.2501, 0.249], rounding), 8, "the position 8c");
        assert_eq!(count(225, [0.02, 0.13 + 0.01, 0.31], rounding), 192);
    }
    // 2c of group 194.
    let third = [0.334, 0.666, 0.25];
    assert_eq!(count(194, third, Rounding::Fractions), 2);
    assert!(count(194, third, Rounding::Hundredths) > 2);
    assert_eq!(Rounding::Fractions.on_grid(0.1249), 75);
    assert_eq!(Rounding::Hundredths.on_grid(0.1249), 72);
}

/// The early rejection saves searches and changes no result, or nearly none: among random candidates, what it takes
/// would have been rejected later.
#[test]
fn hopeless_ones_would_not_have_been_kept() {
    let key = RandomKey::new(1, Purpose::Selection);
    let mut counts = Yield::default();
    let mut n_hopeless = 0;
    for n in 0..150 {
        // Near the positions of a perovskite, any of them for each element.
        let point = |k: u32| {
            let place = [[0.0; 3], [0.5; 3], [0.5, 0.5, 0.0]][key.below(3, n, 0, k)];
            let [x, y, z, _] = key.normal(n, 1, k);
            let moved = if n % 3 == 0 { 0.03 } else { 0.002 };
            [place[0] + moved * x, place[1] + moved * y, place[2] + moved * z]
        };
        let candidate = candidate(221, ABO, [point(0), point(1), point(2)], [3.9; 3]);
        let without = finished(&candidate, Rounding::Hundredths, 0.0).map(|_| ());
        if finish(&candidate, Rounding::Hundredths).err() == Some(Rejection::Hopeless) {
            n_hopeless += 1;
            assert!(without.is_err(), "{candidate:?}");
        }
        counts.count(without);
    }
    assert!(n_hopeless > 5 && counts.kept > 0, "{n_hopeless}, {counts:?}");
    assert_eq!(counts.stages().iter().map(|(_, n)| n).sum::<usize>(), counts.candidates);
}
