//! Collapsed, flat and huge cells cost no more than the bound; what is not a crystal is an error.

mod common;

use std::time::{Duration, Instant};

use common::{random_state, state};
use crystal_core::{CrystalError, CrystalState, Lattice, LatticeCoordinates};
use multigraph::{GraphConfig, GraphError, build};
use nalgebra::Vector3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A state with this conventional lattice, whatever its shape.
fn with_lengths(mut state: CrystalState, lengths: [f64; 3]) -> CrystalState {
    let rows = [[lengths[0], 0.0, 0.0], [0.0, lengths[1], 0.0], [0.0, 0.0, lengths[2]]];
    let lattice = Lattice::from_rows(rows).expect("a cell");
    state.lattice_coords = LatticeCoordinates::new(state.space_group.system()).encode(&lattice);
    state
}

fn assert_bounded(state: &CrystalState) -> usize {
    let config = GraphConfig::default();
    let start = Instant::now();
    let graph = build(state, &config).expect("a graph");
    // A debug build on a busy machine; a release build takes milliseconds.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(graph.n_edges() <= config.max_mean_degree * graph.n_sites());
    assert!(graph.distances.iter().all(|distance| *distance <= graph.cutoff && *distance > 0.0));
    assert!(graph.vectors.iter().flatten().all(|x| x.is_finite()));
    assert!(graph.lattice_gradients.iter().flatten().all(|x| x.is_finite()));
    assert_eq!(graph.reverse.len(), graph.n_edges());
    assert!(graph.reverse.iter().all(|reverse| (*reverse as usize) < graph.n_edges()));
    graph.n_edges()
}

#[test]
fn collapsed_and_huge_cells_are_bounded() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for n_sites in [1, 2, 8] {
        for number in [1, 2, 15, 16, 43, 47, 69, 71, 74] {
            let state = random_state(number, n_sites, &mut rng);
            if number < 16 {
                continue;
            }
            for lengths in [
                [0.01, 0.01, 0.01],
                [1e-6, 1e-6, 1e-6],
                [1e-12, 1e-12, 1e-12],
                [0.001, 50.0, 50.0],
                [50.0, 0.001, 50.0],
                [50.0, 50.0, 0.001],
                [0.001, 0.001, 50.0],
                [1e-9, 30.0, 1e-3],
                [0.3, 0.3, 0.3],
                [0.14, 3.0, 3.0],
                [3.0, 3.0, 1e5],
                [100.0, 100.0, 100.0],
                [1e4, 1e4, 1e4],
            ] {
                assert_bounded(&with_lengths(state.clone(), lengths));
            }
        }
    }
    for number in [75, 97, 143, 160, 166, 194, 216, 225, 227] {
        for y in [-80.0, -40.0, -20.0, 0.0, 30.0, 1e3] {
            for z in [-80.0, -40.0, 0.0, 200.0] {
                let mut state = random_state(number, 3, &mut rng);
                state.lattice_coords = if number >= 195 { vec![y] } else { vec![y, z] };
                assert_bounded(&state);
            }
        }
    }
}

#[test]
fn skewed_cells_are_bounded() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for slope in [1e2, 1e4, -1e6] {
        for number in [3, 5, 15] {
            let mut state = random_state(number, 3, &mut rng);
            state.lattice_coords[3] = slope;
            assert_bounded(&state);
        }
        for number in [1, 2] {
            let mut state = random_state(number, 3, &mut rng);
            for angle in 3..6 {
                state.lattice_coords[angle] = slope;
            }
            assert_bounded(&state);
        }
    }
}

#[test]
fn sparse_cells_still_have_neighbours() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for number in [1, 62, 139, 225] {
        let mut state = random_state(number, 2, &mut rng);
        state.lattice_coords.fill(100.0);
        assert!(assert_bounded(&state) >= 24);
    }
}

#[test]
fn clustered_images_are_bounded() {
    let config = GraphConfig::default();
    for distance in [1e-3, 0.02, 0.1, 0.5] {
        let offset = distance / 5.6;
        let state =
            state(225, [5.6; 3], [90.0; 3], &[("Na", [offset, offset * 0.6, offset * 0.3]), ("Cl", [0.5, 0.5, 0.49])]);
        let graph = build(&state, &config).expect("a graph");
        assert!(graph.n_edges() <= config.max_mean_degree * 2);
        for edge in graph.offsets[0] as usize..graph.offsets[1] as usize {
            assert!(graph.targets[edge] != 0 || graph.distances[edge] >= config.min_self_distance);
        }
    }
}

/// Sites half an Å off special positions of order 48: their own images must not crowd out the other site.
#[test]
fn clusters_do_not_cut_sites_off() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let config = GraphConfig::default();
    for _ in 0..50 {
        let mut offset = || Vector3::from_fn(|_, _| rng.random_range(-0.05..0.05));
        let (a, b) = (offset(), offset().add_scalar(0.5));
        let state = state(225, [5.6; 3], [90.0; 3], &[("Na", a.into()), ("Cl", b.into())]);
        let graph = build(&state, &config).expect("a graph");
        for site in 0..2 {
            let edges = graph.offsets[site] as usize..graph.offsets[site + 1] as usize;
            assert!(edges.len() >= config.min_degree);
            let others = edges.filter(|&edge| graph.targets[edge] as usize != site).count();
            assert!(others >= config.min_degree / 4, "{a:?} {b:?}: {others}");
        }
    }
}

#[test]
fn coincident_sites_have_no_edge_between_them() {
    let state = state(1, [4.0; 3], [90.0; 3], &[("Na", [0.1; 3]), ("Cl", [0.1; 3])]);
    let graph = build(&state, &GraphConfig::default()).expect("a graph");
    assert!(graph.distances.iter().all(|distance| *distance > 1.0));
}

#[test]
fn bad_input_is_an_error() {
    let good = state(225, [5.6; 3], [90.0; 3], &[("Na", [0.0; 3])]);
    let config = GraphConfig::default();

    for y in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e9, f64::MAX] {
        let bad = CrystalState { lattice_coords: vec![y], ..good.clone() };
        assert!(matches!(build(&bad, &config), Err(GraphError::Crystal(CrystalError::Lattice { .. }))), "{y}");
    }
    let bad = CrystalState { lattice_coords: vec![1.0, 2.0], ..good.clone() };
    assert!(matches!(build(&bad, &config), Err(GraphError::Crystal(CrystalError::LatticeCoordinates { .. }))));
    let bad = CrystalState { sites: vec![], ..good.clone() };
    assert!(matches!(build(&bad, &config), Err(GraphError::Crystal(CrystalError::NoSites))));
    let mut bad = good.clone();
    bad.sites[0].move_to(Vector3::new(0.0, f64::NAN, 0.0));
    assert!(matches!(build(&bad, &config), Err(GraphError::Crystal(CrystalError::Coordinate { site: 0 }))));
    bad.sites[0].move_to(Vector3::new(0.0, 1e12, 0.0));
    assert!(matches!(build(&bad, &config), Err(GraphError::TooFar { site: 0 })));

    for config in [
        GraphConfig { mean_degree: 0.0, ..config.clone() },
        GraphConfig { mean_degree: f64::NAN, ..config.clone() },
        GraphConfig { max_mean_degree: 10, ..config.clone() },
        GraphConfig { min_self_distance: -1.0, ..config.clone() },
        GraphConfig { coincidence: -1e-4, ..config.clone() },
        GraphConfig { coincidence: 0.5, ..config.clone() },
    ] {
        assert!(matches!(build(&good, &config), Err(GraphError::Config(_))), "{config:?}");
    }
}
