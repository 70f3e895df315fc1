//! A small network, trained on a few structure types, is asked.
#![cfg(feature = "cpu")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::Device;
use crystal_core::{Composition, SpaceGroup, SpaceGroupNumber, Species};
use random_keys::{KeyedGenerator, Purpose, RandomKey};
use wyckoff_assignment::{AssignmentSpace, Demand, WyckoffAssignment};
use wyckoff_model::{
    Invention, Proposer, TrainingConfig, TrainingData, Weights, WyckoffModelConfig, WyckoffModelError, train,
};

fn assignment(number: i64, text: &str) -> WyckoffAssignment {
    let group = SpaceGroup::from_number(number).expect("a group");
    WyckoffAssignment::parse(group, text).expect("an assignment")
}

/// Rock salts, caesium chlorides, perovskites and rutiles: which it is follows from the elements.
fn crystals() -> TrainingData {
    let of_cation = |cation: &str| {
        [
            assignment(225, &format!("{cation}@a Cl@b")),
            assignment(221, &format!("{cation}@a I@b")),
            assignment(221, &format!("{cation}@a Ti@b O@c")),
            assignment(136, &format!("{cation}@a F@f")),
        ]
    };
    TrainingData::new(["Na", "K", "Mg", "Ca", "Li", "Sr"].into_iter().flat_map(of_cation))
}

/// The bytes of a checkpoint, trained once.
fn checkpoint() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let model = WyckoffModelConfig { width: 32, layers: 2, heads: 2, expansion: 2, dropout: 0.0, seed: 1 };
        let training = TrainingConfig {
            steps: 120,
            batch_size: 24,
            learning_rate: 1e-2,
            warm_up: 10,
            ema_decay: 0.9,
            validate_every: 40,
            ..TrainingConfig::default()
        };
        let data = crystals();
        let trained = train(&model, &training, &data, &data, &Device::flex(), None, |_| true).expect("a run");
        assert!(trained.best.validation.assignment() < 0.1, "{:?}", trained.best);
        let archive = trained.model.to_archive(&data.elements()).expect("an archive");
        archive.to_bytes().expect("bytes")
    })
}

fn proposer() -> Proposer {
    Proposer::new(Weights::from_bytes(checkpoint(), Path::new("test"), &Device::flex()).expect("a checkpoint"))
}

fn cells(formula: &str, units: &[u32]) -> Vec<Composition> {
    let formula = Composition::from_formula(formula).expect("a formula");
    units.iter().map(|units| formula.reduced().times(*units)).collect()
}

fn generators(n: u64) -> Vec<KeyedGenerator> {
    let key = RandomKey::new(5, Purpose::Demand);
    (0..n).map(|index| key.generator(index, 0)).collect()
}

#[test]
fn probabilities_of_all_assignments_add_up_to_1() {
    let proposer = proposer();
    for (formula, units) in [("NaCl", [1, 2].as_slice()), ("CaCl2", &[1])] {
        let cells = cells(formula, units);
        let asked = proposer.ask(&cells, None).expect("a question");
        let mut all = vec![];
        for group in SpaceGroupNumber::all().map(SpaceGroup::get) {
            for cell in &cells {
                if AssignmentSpace::is_possible(group, &Demand::Atoms(cell.clone())) {
                    let space = AssignmentSpace::new(group, Demand::Atoms(cell.clone())).expect("a space");
                    all.extend(space.iter());
                }
            }
        }
        let scores: Vec<f64> =
            asked.log_probabilities(&all).expect("scores").into_iter().map(|score| score.expect("asked for")).collect();
        let total: f64 = scores.iter().map(|score| score.exp()).sum();
        assert!((total - 1.0).abs() < 1e-3, "{formula}: {total} over {}", all.len());
        let groups: f64 = asked.space_groups().iter().map(|(_, share)| share).sum();
        assert!((groups - 1.0).abs() < 1e-6, "{formula}: {groups}");
        // The search finds the best of them, in order.
        let mut standard: Vec<(f64, &WyckoffAssignment)> = scores
            .iter()
            .copied()
            .zip(&all)
            .filter(|(_, assignment)| **assignment == assignment.standard_origin())
            .collect();
        standard.sort_by(|a, b| b.0.total_cmp(&a.0));
        let listed = asked.most_likely(5).expect("proposals");
        for (proposal, (score, assignment)) in listed.iter().zip(&standard) {
            assert!((proposal.log_probability - score).abs() < 1e-3, "{} {assignment}", proposal.assignment);
        }
        assert_eq!(listed[0].assignment, *standard[0].1);
        let distinct: BTreeSet<String> = listed
            .iter()
            .map(|proposal| format!("{} {}", proposal.assignment.space_group().number(), proposal.assignment))
            .collect();
        assert_eq!(distinct.len(), 5);
        assert_eq!(asked.most_likely(2).expect("proposals"), listed[..2], "a shorter list is the beginning");
    }
}

#[test]
fn it_proposes_what_it_has_learned_and_every_draw_is_valid() {
    let proposer = proposer();
    for (formula, units, truth) in [
        ("NaCl", [1, 2, 3].as_slice(), assignment(225, "Na@a Cl@b")),
        ("CaTiO3", &[1, 2], assignment(221, "Ca@a Ti@b O@c")),
        // A cation that it has not learned from.
        ("BaTiO3", &[1, 2], assignment(221, "Ba@a Ti@b O@c")),
    ] {
        let cells = cells(formula, units);
        let asked = proposer.ask(&cells, None).expect("a question");
        let first = &asked.most_likely(1).expect("a proposal")[0];
        assert_eq!(first.assignment, truth.standard_origin(), "{formula}");
        assert!(first.probability() > 0.3, "{formula}: {}", first.probability());
        let drawn = asked.draw(&mut generators(64)).expect("draws");
        assert!(drawn.iter().all(|drawn| cells.contains(&drawn.primitive_composition())), "{formula}");
        assert!(drawn.iter().all(|drawn| *drawn == drawn.standard_origin()), "{formula}");
        assert!(drawn.iter().filter(|drawn| **drawn == first.assignment).count() > 16, "{formula}");
        assert_eq!(asked.draw(&mut generators(7)).expect("draws"), drawn[..7], "a draw has its own numbers");
        let firsts: Vec<&WyckoffAssignment> = drawn.iter().collect();
        for (other, first) in asked.draw_alike(&firsts, &mut generators(64)).expect("draws").iter().zip(&drawn) {
            assert_eq!(other.space_group().number(), first.space_group().number());
            assert_eq!(other.primitive_composition(), first.primitive_composition());
        }
    }
    let barium: Species = "Ba".parse().expect("an element");
    assert_eq!(proposer.unseen(&cells("BaTiO3", &[1])[0]), [barium]);
}

#[test]
fn a_space_group_is_kept_to() {
    let proposer = proposer();
    let cells = cells("NaCl", &[1, 2]);
    let fifth = SpaceGroupNumber::new(221).expect("a number");
    let asked = proposer.ask(&cells, Some(fifth)).expect("a question");
    assert!(asked.draw(&mut generators(20)).expect("draws").iter().all(|drawn| drawn.space_group().number() == fifth));
    let listed = asked.most_likely(40).expect("proposals");
    assert!(listed.iter().all(|proposal| proposal.assignment.space_group().number() == fifth));
    let total: f64 = listed.iter().map(wyckoff_model::Proposal::probability).sum();
    assert!(total > 0.5 && total < 1.001, "{total}");
    let elsewhere = SpaceGroupNumber::new(227).expect("a number");
    let error = proposer.ask(&cells[..1], Some(elsewhere)).expect_err("diamond's group holds no rock salt").to_string();
    assert!(error.contains("in space group 227"), "{error}");
}

#[test]
fn crystals_are_invented_within_what_is_asked() {
    let proposer = proposer();
    let free = proposer.invent(&Invention::default(), &mut generators(60)).expect("crystals");
    assert!(free.iter().all(|crystal| (1..=20).contains(&crystal.n_atoms_primitive())));
    let learned = |crystal: &&WyckoffAssignment| {
        let formula = crystal.primitive_composition().reduced();
        formula.iter().all(|(species, _)| !proposer.unseen(&formula).contains(&species))
    };
    assert!(free.iter().filter(learned).count() > 30, "most have elements that it knows");
    assert_eq!(proposer.invent(&Invention::default(), &mut generators(9)).expect("crystals"), free[..9]);
    let elements: Vec<Species> = ["Ti", "O", "Ca"].map(|symbol| symbol.parse().expect("an element")).to_vec();
    let invention = Invention { elements: elements.clone(), most_atoms: Some(8), ..Invention::default() };
    for crystal in proposer.invent(&invention, &mut generators(30)).expect("crystals") {
        let atoms = crystal.primitive_composition();
        assert!(atoms.total() <= 8 && atoms.n_elements() == 3, "{crystal}");
        assert!(atoms.iter().all(|(species, _)| elements.contains(&species)), "{crystal}");
    }
    let number = SpaceGroupNumber::new(225).expect("a number");
    let invention = Invention { space_group: Some(number), ..Invention::default() };
    let cubic = proposer.invent(&invention, &mut generators(10)).expect("crystals");
    assert!(cubic.iter().all(|crystal| crystal.space_group().number() == number));
    // More than what is drawn together.
    let many = proposer.invent(&Invention::default(), &mut generators(300)).expect("crystals");
    assert_eq!(many[..60], free, "a crystal has its own numbers");
    let at = |temperature| Invention { temperature: Some(temperature), ..Invention::default() };
    let kinds = |temperature| {
        let crystals = proposer.invent(&at(temperature), &mut generators(60)).expect("crystals");
        let texts = crystals.iter().map(|crystal| format!("{} {crystal}", crystal.space_group().number()));
        texts.collect::<BTreeSet<_>>().len()
    };
    assert!(kinds(0.2) < kinds(1.0), "the cold network says the likely");
    for temperature in [0.0, -1.0, 7.0, f64::NAN] {
        let error = proposer.invent(&at(temperature), &mut generators(1)).expect_err("out of range").to_string();
        assert!(error.contains("from 0.1 to 5"), "{error}");
    }
    let crowded = Invention { elements, most_atoms: Some(2), ..Invention::default() };
    let error = proposer.invent(&crowded, &mut generators(1)).expect_err("no room").to_string();
    assert!(error.contains("one atom of each of 3 elements"), "{error}");
}

#[test]
fn what_it_cannot_be_asked_is_said() {
    let proposer = proposer();
    let large = proposer.ask(&cells("NaCl", &[11]), None).expect_err("too large");
    assert!(matches!(large, WyckoffModelError::TooManyAtoms { atoms: 22, most: 20 }), "{large}");
    let heavy = proposer.ask(&cells("MdCl", &[1]), None).expect_err("no descriptors");
    assert!(matches!(heavy, WyckoffModelError::UnknownElement { .. }), "{heavy}");
    assert!(proposer.ask(&[], None).is_err());
    // A noble gas has descriptors, and is one that was never seen.
    let helium = cells("HeNa", &[1]);
    assert_eq!(proposer.unseen(&helium[0]).len(), 1);
    assert!(!proposer.ask(&helium, None).expect("a question").most_likely(3).expect("proposals").is_empty());
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let mut bytes = checkpoint().to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let read = |bytes: &[u8]| Weights::from_bytes(bytes, Path::new("weights.safetensors"), &Device::flex());
    let error = read(&bytes).expect_err("damaged").to_string();
    assert!(error.contains("weights.safetensors"), "{error}");
    assert!(read(&bytes[..last / 2]).is_err());
    assert!(Weights::load(Path::new("nowhere.safetensors"), &Device::flex()).is_err());
    let again = read(checkpoint()).expect("a checkpoint");
    assert_eq!(again.elements, crystals().elements());
}
