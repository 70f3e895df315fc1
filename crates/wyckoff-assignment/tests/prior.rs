//! Probabilities, draws and best-first listing of priors learned from a handful of structures.

mod common;

use std::collections::HashMap;

use common::{composition, group, unit};
use crystal_core::AsymmetricUnit;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use wyckoff_assignment::{
    AssignmentDistribution, AssignmentPrior, AssignmentSpace, Demand, Evaluation, FormulaEvaluation, FormulaPrior,
    FormulaSmoothing, Origin, Priors, Smoothing, WyckoffAssignment,
};

fn training() -> Vec<AsymmetricUnit> {
    [
        (221, "Sr@1a Ti@1b O@3c"),
        (221, "Ba@1a Ti@1b O@3c"),
        (221, "Ca@1b Ti@1a O@3d"),
        (225, "Na@4a Cl@4b"),
        (225, "Mg@4a O@4b"),
        (225, "Ca@4a F@8c"),
        (62, "Ca@4c Ti@4b O@4c O@8d"),
        (62, "La@4c Fe@4a O@4c O@8d"),
        (62, "Ba@4c S@4c O@4c*2 O@8d"),
        (2, "Fe@1a O@2i*2"),
    ]
    .map(|(number, text)| unit(number, text))
    .to_vec()
}

/// With so few structures, few observations must count.
const LITTLE: Smoothing = Smoothing { position: 1.0, count: 1.0, pattern: 0.5, family: 0.5, element: 0.5 };

fn prior() -> AssignmentPrior {
    AssignmentPrior::learn(&training(), LITTLE)
}

/// Small spaces: of groups that the prior has seen and of one that it has not; atoms and sites.
fn spaces() -> Vec<AssignmentSpace> {
    let atoms = |text: &str| Demand::Atoms(composition(text));
    let sites = |text: &str| Demand::Sites(text.parse().expect("sites"));
    [
        (221, atoms("Sr:1,Ti:1,O:3")),
        (62, atoms("Ca:4,Ti:4,O:12")),
        (47, atoms("Fe:2,O:2")),
        (2, atoms("Fe:3,O:4")),
        (225, sites("Na:1,Cl:2")),
        (62, sites("Ca:1,Ti:1,O:3")),
        (12, sites("Li:2,O:2")),
    ]
    .into_iter()
    .map(|(number, demand)| AssignmentSpace::new(group(number), demand).expect("a possible demand"))
    .collect()
}

fn log_probability(distribution: &AssignmentDistribution, assignment: &WyckoffAssignment) -> f64 {
    distribution.log_probability(assignment).expect("an assignment of the space")
}

#[test]
fn probabilities_are_positive_and_sum_to_one() {
    let smoothings = [
        Smoothing::default(),
        Smoothing { position: f64::INFINITY, count: f64::INFINITY, ..Smoothing::default() },
        LITTLE,
    ];
    for (space, smoothing) in spaces().iter().flat_map(|space| smoothings.map(|smoothing| (space, smoothing))) {
        let prior = prior().with_smoothing(smoothing);
        let distribution = prior.distribution(space);
        let probabilities: Vec<f64> =
            space.iter().map(|assignment| log_probability(&distribution, &assignment).exp()).collect();
        assert!(probabilities.iter().all(|probability| *probability > 0.0));
        let sum: f64 = probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-9, "group {}, {}: {sum}", space.space_group().number(), space.demand());
    }
}

#[test]
fn alike_means_one_over_the_count() {
    for space in spaces() {
        let distribution = AssignmentDistribution::uniform(&space);
        for assignment in space.iter().take(20) {
            assert!((log_probability(&distribution, &assignment) + (space.count() as f64).ln()).abs() < 1e-9);
        }
    }
}

#[test]
fn what_is_not_in_the_space_has_no_probability() {
    let space = &spaces()[0];
    let distribution = AssignmentDistribution::uniform(space);
    for (number, text) in [(221, "Sr@a Ti@b O@e"), (221, "Sr@a Ti@b O@c Fe@d"), (221, "Sr@a"), (200, "Sr@a Ti@b O@c")] {
        let other = WyckoffAssignment::parse(group(number), text).expect("an assignment");
        assert_eq!(distribution.log_probability(&other), None, "{other}");
        assert!(!space.contains(&other));
    }
}

#[test]
fn what_was_seen_is_likely() {
    let space = &spaces()[0];
    let (best, log_probability) = prior().distribution(space).most_likely().next().expect("an assignment");
    assert_eq!(best.to_string(), "O@3c Ti@1b Sr@1a");
    assert!(log_probability > 0.5_f64.ln());
    let space = &spaces()[1];
    let (best, _) = prior().distribution(space).most_likely().next().expect("an assignment");
    assert_eq!(best.to_string(), "O@4c O@8d Ca@4c Ti@4a");
}

#[test]
fn draws_come_as_often_as_they_should() {
    const DRAWS: usize = 40_000;
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for space in spaces() {
        let prior = prior();
        let distribution = prior.distribution(&space);
        let mut drawn: HashMap<WyckoffAssignment, usize> = HashMap::new();
        for _ in 0..DRAWS {
            *drawn.entry(distribution.sample(&mut rng)).or_default() += 1;
        }
        // Cells that are expected often enough for the normal approximation; the rest together are one more.
        let (mut statistic, mut cells, mut rest) = (0.0, 0, (0.0, 0.0));
        for assignment in &space {
            let expected = DRAWS as f64 * log_probability(&distribution, &assignment).exp();
            let found = drawn.remove(&assignment).unwrap_or(0) as f64;
            if expected < 10.0 {
                rest = (rest.0 + expected, rest.1 + found);
            } else {
                statistic += (found - expected).powi(2) / expected;
                cells += 1;
            }
        }
        assert!(drawn.is_empty(), "something was drawn that is not in the space");
        if rest.0 > 10.0 {
            statistic += (rest.1 - rest.0).powi(2) / rest.0;
        }
        // Mean and variance of chi-square are n and 2n.
        let bound = f64::from(cells) + 5.0 * (2.0 * f64::from(cells)).sqrt();
        assert!(
            cells > 1 && statistic < bound,
            "group {}: {statistic} for {cells} cells",
            space.space_group().number()
        );
    }
}

#[test]
fn the_most_likely_ones_are_those_of_the_sorted_list() {
    for space in spaces() {
        let prior = prior();
        let distribution = prior.distribution(&space);
        let mut sorted: Vec<f64> = space.iter().map(|assignment| log_probability(&distribution, &assignment)).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let listed: Vec<(WyckoffAssignment, f64)> = distribution.most_likely().collect();
        assert_eq!(listed.len() as u128, space.count());
        for ((assignment, found), expected) in listed.iter().zip(&sorted) {
            assert!((found - expected).abs() < 1e-9);
            assert!((found - log_probability(&distribution, assignment)).abs() < 1e-9);
        }
        let distinct: std::collections::HashSet<_> = listed.iter().map(|(assignment, _)| assignment).collect();
        assert_eq!(distinct.len(), listed.len());
        let again: Vec<(WyckoffAssignment, f64)> = distribution.most_likely().take(50).collect();
        assert_eq!(again[..], listed[..again.len()]);
    }
}

#[test]
fn the_best_of_very_many_come_at_once() {
    let space =
        AssignmentSpace::new(group(47), Demand::Atoms(composition("Mg:8,Si:8,O:24"))).expect("a possible demand");
    assert!(space.count() > 1_000_000_000);
    let prior = prior();
    let distribution = prior.distribution(&space);
    let best: Vec<f64> = distribution.most_likely().take(200).map(|(_, log_probability)| log_probability).collect();
    assert_eq!(best.len(), 200);
    assert!(best.is_sorted_by(|a, b| *a >= *b - 1e-9));
}

#[test]
fn a_prior_that_has_seen_nothing_still_works() {
    let prior = AssignmentPrior::learn([], Smoothing::default());
    for space in spaces() {
        let sum: f64 = prior.distribution(&space).most_likely().map(|(_, log_probability)| log_probability.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
}

#[test]
fn cells_of_a_formula() {
    let prior = FormulaPrior::learn(
        &training(),
        FormulaSmoothing { uniform: 1.0, n_elements: 1.0, anonymous: 1.0, ..FormulaSmoothing::default() },
    );
    let formula = composition("K:1,Nb:1,O:3");
    assert!((prior.space_groups(&formula).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let cells = prior.cells(&formula, 1..=20).expect("some fit");
    assert!((cells.iter().map(|cell| cell.probability).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(cells.is_sorted_by(|a, b| a.probability >= b.probability));
    assert_eq!((cells[0].space_group.number().get(), cells[0].formula_units), (221, 1));
    assert_eq!((cells[1].space_group.number().get(), cells[1].formula_units), (62, 4));
    for cell in &cells {
        assert!(AssignmentSpace::is_possible(cell.space_group, &Demand::of_formula(&formula, cell.formula_units)));
    }
    // F d d 2 has nothing smaller than two formula units in its primitive cell.
    assert!(cells.iter().all(|cell| cell.space_group.number().get() != 43 || cell.formula_units >= 2));
    assert!(prior.cells(&formula, 1..=4).is_err());
}

#[test]
fn files_are_whole_or_refused() {
    let origin =
        Origin { data: "a handful".to_owned(), data_sha256: "0".repeat(64), n_structures: 10, git: "none".to_owned() };
    let formulas = FormulaPrior::learn(&training(), FormulaSmoothing::default());
    let priors = Priors { origin, assignments: prior(), formulas };
    let bytes = priors.to_bytes().expect("bytes");
    let read = Priors::from_bytes(&bytes).expect("priors");
    assert_eq!(read.origin, priors.origin);
    assert_eq!(read.to_bytes().expect("bytes"), bytes);
    for space in spaces() {
        let (a, b) = (read.assignments.distribution(&space), priors.assignments.distribution(&space));
        assert!(
            space.iter().take(20).all(|assignment| a.log_probability(&assignment) == b.log_probability(&assignment))
        );
    }
    let mut damaged = bytes.clone();
    *damaged.last_mut().expect("a byte") ^= 1;
    assert!(Priors::from_bytes(&damaged).expect_err("damaged").to_string().contains("SHA-256"));
    assert!(Priors::from_bytes(&bytes[..20]).is_err() && Priors::from_bytes(b"").is_err());
}

#[test]
fn evaluation_of_what_was_learned() {
    let units = training();
    let units: Vec<&AsymmetricUnit> = units.iter().collect();
    let atoms = Evaluation::given_atoms(&prior(), &units);
    assert_eq!(atoms.n_structures, units.len());
    assert!(atoms.log_probability > atoms.uniform_log_probability);
    assert!(atoms.top_1 > 0.5 && atoms.top_1 <= atoms.top_5);
    assert!(Evaluation::given_sites(&prior(), &units).top_5 > 0.5);
    let formulas = FormulaPrior::learn(units.iter().copied(), FormulaSmoothing::default());
    let FormulaEvaluation { space_groups, cells } = FormulaEvaluation::of(&formulas, &units, 24);
    assert_eq!((space_groups.n_structures, cells.n_structures), (units.len(), units.len()));
    assert!(space_groups.log_probability > cells.log_probability && space_groups.top_5 > 0.5);
}

#[test]
fn the_shipped_priors_know_perovskites_and_salt() {
    let priors = Priors::shipped();
    assert_eq!(priors.origin.data, "mp_20");
    let best = |number, text: &str| {
        let space = AssignmentSpace::new(group(number), Demand::Atoms(composition(text))).expect("a possible demand");
        let distribution = priors.assignments.distribution(&space);
        distribution
            .most_likely()
            .next()
            .map(|(assignment, log_probability)| (assignment.to_string(), log_probability.exp()))
    };
    let (perovskite, probability) = best(221, "Sr:1,Ti:1,O:3").expect("an assignment");
    assert_eq!(perovskite, "O@3c Ti@1b Sr@1a");
    assert!(probability > 0.5, "{probability}");
    let (salt, _) = best(225, "Na:1,Cl:1").expect("an assignment");
    assert_eq!(salt, "Na@4a Cl@4b");
    let cells = priors.formulas.cells(&composition("Mg:1,Al:2,O:4"), 1..=20).expect("some fit");
    let spinel = cells.iter().position(|cell| (cell.space_group.number().get(), cell.formula_units) == (227, 2));
    assert!(spinel.is_some_and(|rank| rank < 10), "{spinel:?}");
}

#[test]
fn the_card_names_the_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/priors");
    let bytes = std::fs::read(format!("{folder}/mp20.postcard.zst")).expect("the file");
    let card = std::fs::read_to_string(format!("{folder}/mp20.md")).expect("the card");
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(card.contains(&sha256), "the card is of another file; this one has SHA-256 {sha256}");
    assert!(bytes.len() < 1 << 20);
}
