//! What is asked for, and what follows from it.
#![cfg(feature = "cpu")]

use druse::langevin::{FewStep, Method, SamplingOrder, Selection};
use druse::{DeviceName, Druse, DruseError, Progress, Proposing, Request};

/// Space group and positions of the first `n` candidates of each order.
fn told(orders: &[SamplingOrder], n: usize) -> Vec<(u8, Vec<Option<String>>)> {
    let candidates =
        |order: &SamplingOrder| (0..n).map(|c| order.sites.assignment(c).map(ToString::to_string)).collect();
    orders.iter().map(|order| (order.space_group.get(), candidates(order))).collect()
}

fn of_formula(proposing: Proposing, count: usize, candidates: Option<usize>, seed: u64) -> Vec<SamplingOrder> {
    let mut request = Request::formula("SrTiO3").expect("a formula").proposing(proposing).count(count).seed(seed);
    if let Some(candidates) = candidates {
        request = request.selection(Selection { candidates, ..Selection::default() });
    }
    request.resolve().expect("a request that can be met").orders
}

#[test]
fn order_n_of_a_formula_depends_on_the_seed_and_on_n_alone() {
    let of = |count, candidates, seed| of_formula(Proposing::Prior, count, candidates, seed);
    let orders = of(12, None, 3);
    assert_eq!(orders.len(), 12);
    for count in [1, 2, 7] {
        assert_eq!(told(&of(count, None, 3), 1), told(&orders[..count], 1), "{count} of 12");
    }
    assert_ne!(told(&of(12, None, 4), 1), told(&orders, 1));
    candidates_are_like_the_first(of);
}

/// More candidates: the first ones stay, each with the positions that it had.
fn candidates_are_like_the_first(of: impl Fn(usize, Option<usize>, u64) -> Vec<SamplingOrder>) {
    let orders = of(12, None, 3);
    let eight = of(12, Some(8), 3);
    assert_eq!(told(&eight, 1), told(&orders, 1));
    assert_eq!(told(&of(12, Some(3), 3), 3), told(&eight, 3));
    assert_eq!(told(&of(5, Some(8), 3), 8), told(&eight[..5], 8));
    let differ = |order: &SamplingOrder| order.sites.assignment(0) != order.sites.assignment(1);
    assert!(eight.iter().any(differ), "candidates have their own positions");
}

#[test]
fn the_likely_come_first_and_draws_follow() {
    let of = |count, candidates, seed| of_formula(Proposing::Network, count, candidates, seed);
    let orders = of(44, None, 3);
    for count in [1, 7, 33] {
        assert_eq!(told(&of(count, None, 3), 1), told(&orders[..count], 1), "{count} of 44");
    }
    let other = of(44, None, 4);
    assert_eq!(told(&other[..32], 1), told(&orders[..32], 1), "proposals do not depend on the seed");
    assert_ne!(told(&other[32..], 1), told(&orders[32..], 1), "draws do");
    let mut distinct = told(&orders[..32], 1);
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 32);
    candidates_are_like_the_first(of);
    let resolved = Request::formula("SrTiO3").expect("a formula").count(40).resolve().expect("orders");
    let told: Vec<f64> = resolved.probabilities.iter().copied().flatten().collect();
    assert_eq!((resolved.probabilities.len(), told.len()), (40, 32));
    assert!(told.windows(2).all(|pair| pair[0] >= pair[1]) && told.iter().sum::<f64>() <= 1.0 + 1e-6, "{told:?}");
    assert!(resolved.notices.is_empty());
}

#[test]
fn what_the_proposer_does_not_know_is_said() {
    let resolved =
        |formula: &str, atoms| Request::formula(formula).expect("a formula").atoms(atoms).resolve().expect("orders");
    let notice = resolved("NaPo", 1..=8).notices.join(" ");
    assert!(notice.contains("no crystal with Po") && notice.contains("properties"), "{notice}");
    let large = resolved("NaCl", 2..=24);
    let notice = large.notices.join(" ");
    assert!(notice.contains("22 atoms") && notice.contains("the prior is used"), "{notice}");
    assert_eq!(large.probabilities, [None]);
    let heavy = resolved("MdCl", 2..=2).notices.join(" ");
    assert!(heavy.contains("Md is not among them"), "{heavy}");
    let missing = Proposing::File("nowhere.safetensors".into());
    let request = Request::formula("NaCl").expect("a formula").proposing(missing);
    let error = request.resolve().expect_err("no such file").to_string();
    assert!(error.contains("nowhere.safetensors"), "{error}");
    let sites = Request::wyckoff(225, "Na@4a Cl@4b").expect("a request");
    assert!(sites.clone().proposals(3).is_err());
    let error = sites.proposing(Proposing::Prior).resolve().expect_err("no formula").to_string();
    assert!(error.contains("a proposer is for a formula or"), "{error}");
}

#[test]
fn crystals_are_invented_from_the_seed_and_their_number() {
    let of = |count, seed| told(&Request::invented().count(count).seed(seed).resolve().expect("orders").orders, 1);
    let five = of(5, 3);
    assert_eq!(five.len(), 5);
    assert_eq!(of(2, 3), five[..2]);
    assert_ne!(of(5, 4), five);
    let elements = |symbols: &[&str]| symbols.iter().map(|symbol| symbol.parse().expect("an element")).collect();
    let request = Request::invented_of(elements(&["Li", "O", "P"])).most_atoms(12).count(8);
    for order in request.clone().resolve().expect("orders").orders {
        let atoms = order.sites.assignment(0).expect("positions").primitive_composition();
        assert!(atoms.n_elements() == 3 && atoms.total() <= 12, "{order}");
    }
    let noble = Request::invented_of(elements(&["Na", "Po"])).resolve().expect("orders").notices.join(" ");
    assert!(noble.contains("no crystal with Po"), "{noble}");
    let said = |request: Request| request.resolve().expect_err("nothing of the kind").to_string();
    assert!(said(request.clone().most_atoms(2)).contains("one atom of each of 3 elements"));
    assert!(said(request.clone().most_atoms(40)).contains("at most 20"));
    assert!(said(request.clone().temperature(0.0)).contains("from 0.1 to 5"));
    assert!(said(request.clone().proposing(Proposing::Prior)).contains("the prior knows no elements"));
    assert!(said(request.clone().formula_units(2)).contains("is for a formula"));
    assert!(said(request.count(2_000_000)).contains("at most"));
    assert!(said(Request::invented_of(elements(&["Md"]))).contains("Md is not among them"));
    assert!(said(Request::invented_of(elements(&["Na", "Na"]))).contains("named twice"));
    assert!(said(Request::formula("NaCl").expect("a formula").temperature(1.0)).contains("invented crystals"));
}

#[test]
fn the_bundled_networks_grow_what_is_asked_for() {
    let druse = Druse::bundled(DeviceName::Cpu).expect("the processor");
    let few = Method::FewStep(FewStep { evaluations: 4, ..FewStep::default() });
    let request = Request::formula("SrTiO3").expect("a formula").atoms(5..=10).count(2).seed(1).method(few.clone());
    let mut last = None;
    let grown =
        druse.sample_with(&request, &mut |progress: &Progress| last = Some(progress.clone())).expect("structures");
    assert_eq!(grown.iter().map(|grown| grown.formula()).collect::<Vec<_>>(), ["SrTiO3", "SrTiO3"]);
    assert!(grown.iter().all(|grown| grown.positions.is_some()));
    assert!(last.is_some_and(|progress| progress.done >= progress.total - 1e-9 && progress.total >= 2.0));
    let alone = druse.sample(&request.count(1)).expect("a structure");
    assert_eq!(alone[0].structure(), grown[0].structure());
}

#[test]
fn what_does_not_go_together_is_refused() {
    let said = |request: Request| match request.resolve().map(|_| ()) {
        Err(error @ (DruseError::Request(_) | DruseError::Config(_))) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let rock_salt = || Request::wyckoff(225, "Na@4a Cl@4b").expect("a request");
    assert!(said(rock_salt().noise(3)).contains("is for a template"));
    assert!(said(rock_salt().atoms(1..=4)).contains("is for a formula"));
    assert!(said(rock_salt().count(0)).contains("count = 0"));
    assert!(said(Request::sites_per_element("Na:1".parse().expect("sites"))).contains("space group is missing"));
    assert!(said(Request::formula("NaCl").expect("a formula").count(10_000_000)).contains("at most"));
}
