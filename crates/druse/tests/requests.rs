//! What is asked for, and what follows from it.
#![cfg(feature = "cpu")]

use druse::langevin::{FewStep, Method, SamplingOrder, Selection};
use druse::{DeviceName, Druse, DruseError, Progress, Request};

/// Space group and positions of the first `n` candidates of each order.
fn told(orders: &[SamplingOrder], n: usize) -> Vec<(u8, Vec<Option<String>>)> {
    let candidates =
        |order: &SamplingOrder| (0..n).map(|c| order.sites.assignment(c).map(ToString::to_string)).collect();
    orders.iter().map(|order| (order.space_group.get(), candidates(order))).collect()
}

fn of_formula(count: usize, candidates: Option<usize>, seed: u64) -> Vec<SamplingOrder> {
    let mut request = Request::formula("SrTiO3").expect("a formula").count(count).seed(seed);
    if let Some(candidates) = candidates {
        request = request.selection(Selection { candidates, ..Selection::default() });
    }
    request.resolve().expect("a request that can be met").orders
}

#[test]
fn order_n_of_a_formula_depends_on_the_seed_and_on_n_alone() {
    let orders = of_formula(12, None, 3);
    assert_eq!(orders.len(), 12);
    for count in [1, 2, 7] {
        assert_eq!(told(&of_formula(count, None, 3), 1), told(&orders[..count], 1), "{count} of 12");
    }
    assert_ne!(told(&of_formula(12, None, 4), 1), told(&orders, 1));
    // More candidates: the first ones stay, each with the positions that it had.
    let eight = of_formula(12, Some(8), 3);
    assert_eq!(told(&eight, 1), told(&orders, 1));
    assert_eq!(told(&of_formula(12, Some(3), 3), 3), told(&eight, 3));
    assert_eq!(told(&of_formula(5, Some(8), 3), 8), told(&eight[..5], 8));
    let differ = |order: &SamplingOrder| order.sites.assignment(0) != order.sites.assignment(1);
    assert!(eight.iter().any(differ), "candidates have their own positions");
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
