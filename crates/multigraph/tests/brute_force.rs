//! The graph against a brute-force expansion to P1.

mod common;

use common::{brute_neighbours, cartesian_rotation, random_state, state};
use crystal_core::CrystalState;
use multigraph::{GraphConfig, MultiGraph, build};
use nalgebra::Vector3;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const RIGHT: [f64; 3] = [90.0; 3];
const HEXAGONAL: [f64; 3] = [90.0, 90.0, 120.0];

/// For each Bravais type: a space group and sites on a special and on a general position.
fn bravais_structures() -> Vec<(&'static str, CrystalState)> {
    let general = [0.137, 0.218, 0.391];
    vec![
        ("aP", state(2, [4.1, 5.3, 6.2], [75.0, 98.0, 104.0], &[("Na", [0.0, 0.5, 0.0]), ("Cl", general)])),
        ("mP", state(14, [5.1, 6.3, 5.7], [90.0, 104.0, 90.0], &[("Zr", [0.0, 0.0, 0.0]), ("O", general)])),
        ("mS", state(12, [9.1, 4.3, 5.7], [90.0, 112.0, 90.0], &[("Ga", [0.21, 0.0, 0.33]), ("O", general)])),
        (
            "oP",
            state(62, [5.4, 7.6, 5.2], RIGHT, &[("Ca", [0.03, 0.25, 0.99]), ("Ti", [0.0, 0.0, 0.5]), ("O", general)]),
        ),
        ("oS", state(63, [3.9, 12.1, 4.2], RIGHT, &[("U", [0.0, 0.11, 0.25]), ("B", general)])),
        (
            "oS, A",
            state(38, [4.1, 5.6, 5.9], RIGHT, &[("Ba", [0.0, 0.0, 0.02]), ("Ti", [0.5, 0.3, 0.2]), ("O", general)]),
        ),
        ("oF", state(70, [8.1, 9.6, 10.9], RIGHT, &[("Na", [0.125, 0.125, 0.44]), ("S", general)])),
        ("oI", state(72, [6.1, 7.6, 5.9], RIGHT, &[("Si", [0.0, 0.0, 0.25]), ("S", general)])),
        ("tP", state(136, [4.6, 4.6, 2.95], RIGHT, &[("Ti", [0.0; 3]), ("O", [0.305, 0.305, 0.0]), ("H", general)])),
        ("tI", state(139, [4.0, 4.0, 13.2], RIGHT, &[("La", [0.0, 0.0, 0.36]), ("Cu", [0.0; 3]), ("O", general)])),
        ("hR", state(166, [4.4, 4.4, 30.1], HEXAGONAL, &[("Bi", [0.0, 0.0, 0.4]), ("Te", [0.0; 3]), ("Se", general)])),
        ("hP", state(194, [3.2, 3.2, 5.2], HEXAGONAL, &[("Mg", [1.0 / 3.0, 2.0 / 3.0, 0.25]), ("H", general)])),
        (
            "cP",
            state(221, [3.9; 3], RIGHT, &[("Sr", [0.5; 3]), ("Ti", [0.0; 3]), ("O", [0.5, 0.0, 0.0]), ("H", general)]),
        ),
        ("cF", state(225, [5.6; 3], RIGHT, &[("Na", [0.0; 3]), ("Cl", [0.5; 3])])),
        ("cF, general", state(227, [8.1; 3], RIGHT, &[("Mg", [0.125; 3]), ("O", [0.26; 3]), ("H", general)])),
        ("cI", state(229, [3.1; 3], RIGHT, &[("W", [0.0; 3]), ("C", [0.5, 0.0, 0.0]), ("H", general)])),
    ]
}

/// Every neighbour of the expansion is one edge and the other way round.
fn assert_same(name: &str, state: &CrystalState, graph: &MultiGraph, config: &GraphConfig) {
    for source in 0..graph.n_sites() {
        let expected = brute_neighbours(state, source, graph.cutoff, config.min_self_distance);
        let edges = graph.offsets[source] as usize..graph.offsets[source + 1] as usize;
        assert_eq!(edges.len(), expected.len(), "{name}: degree of site {source}");
        let mut left = edges.collect::<Vec<_>>();
        for (site, vector) in expected {
            let found = left.iter().position(|&edge| {
                graph.targets[edge] as usize == site && (Vector3::from(graph.vectors[edge]) - vector).norm() < 1e-8
            });
            let found = found.unwrap_or_else(|| panic!("{name}: no edge {source} → {site} along {vector:?}"));
            left.swap_remove(found);
        }
    }
}

/// What every graph must keep: lengths, order, bookkeeping of images, reverses.
fn assert_sound(name: &str, state: &CrystalState, graph: &MultiGraph) {
    let lattice = state.primitive_lattice().expect("a cell");
    let operations = state.space_group.primitive_operations();
    assert_eq!(graph.n_sites(), state.sites.len());
    for source in 0..graph.n_sites() {
        let edges = graph.offsets[source] as usize..graph.offsets[source + 1] as usize;
        assert!(graph.distances[edges.clone()].is_sorted(), "{name}");
        for edge in edges {
            let target = graph.targets[edge] as usize;
            let operation = usize::from(graph.operations[edge]);
            let vector = Vector3::from(graph.vectors[edge]);
            assert!(graph.distances[edge] <= graph.cutoff, "{name}");
            assert!((vector.norm() - graph.distances[edge]).abs() < 1e-12, "{name}");
            let image = operations[operation].apply(&state.sites[target].frac_coords())
                + Vector3::from(graph.translations[edge].map(f64::from));
            let expected = lattice.to_cartesian(&(image - state.sites[source].frac_coords()));
            assert!((expected - vector).norm() < 1e-9, "{name}: {expected:?} {vector:?}");
            assert_eq!(graph.equivalent[edge], source == target && operation != 0, "{name}");

            let reverse = graph.reverse[edge] as usize;
            let back = graph.offsets[target] as usize..graph.offsets[target + 1] as usize;
            assert!(back.contains(&reverse), "{name}: the reverse starts at the target");
            assert_eq!(graph.targets[reverse] as usize, source, "{name}");
            let turned = -(cartesian_rotation(state, operation).transpose() * vector);
            assert!((turned - Vector3::from(graph.vectors[reverse])).norm() < 1e-9, "{name}: reverse of edge {edge}");
        }
    }
}

#[test]
fn same_as_p1_for_each_bravais_type() {
    let config = GraphConfig::default();
    for (name, state) in bravais_structures() {
        let graph = build(&state, &config).expect("a graph");
        assert!(graph.n_edges() >= 12 * graph.n_sites(), "{name}");
        assert_same(name, &state, &graph, &config);
        assert_sound(name, &state, &graph);
    }
}

#[test]
fn same_as_p1_in_skewed_cells() {
    let config = GraphConfig::default();
    let sites = [("Na", [0.1, 0.2, 0.3]), ("Cl", [0.6, 0.4, 0.9])];
    for (number, lengths, angles) in [
        (1, [3.0, 20.0, 25.0], [20.0, 30.0, 28.0]),
        (2, [4.0, 9.0, 30.0], [150.0, 95.0, 92.0]),
        (5, [5.0, 4.0, 31.0], [90.0, 171.0, 90.0]),
        (160, [3.0, 3.0, 60.0], HEXAGONAL),
        (107, [3.0, 3.0, 45.0], RIGHT),
    ] {
        let state = state(number, lengths, angles, &sites);
        let graph = build(&state, &config).expect("a graph");
        assert_same("skewed", &state, &graph, &config);
        assert_sound("skewed", &state, &graph);
    }
}

/// Defect 2 of the published code: on a special position every neighbour appeared once per element of the site
/// symmetry.
#[test]
fn coincident_images_are_one_edge() {
    let config = GraphConfig { mean_degree: 19.0, ..GraphConfig::default() };
    let rock_salt = state(225, [5.6; 3], RIGHT, &[("Na", [0.0; 3]), ("Cl", [0.5; 3])]);
    let graph = build(&rock_salt, &config).expect("a graph");
    let shell = |distance: f64| {
        (graph.offsets[0]..graph.offsets[1])
            .filter(|&edge| (graph.distances[edge as usize] - distance).abs() < 1e-9)
            .count()
    };
    assert_eq!(shell(2.8), 6);
    assert_eq!(shell(2.8 * 2.0_f64.sqrt()), 12);
    // All atoms are translations of the two sites, so no edge joins images under another operation.
    assert!(graph.equivalent.iter().all(|equivalent| !equivalent));

    // A millionth of an Å off the special position is on it.
    let mut moved = rock_salt.clone();
    let near = moved.sites[0].frac_coords() + Vector3::new(1e-6, 2e-6, -1e-6) / 5.6;
    moved.sites[0].move_to(near);
    let near = build(&moved, &config).expect("a graph");
    assert_eq!(near.n_edges(), graph.n_edges());
    assert_sound("near rock salt", &rock_salt, &near);
}

/// As in the published code, for comparisons: each of the 48 operations makes its own edge to every neighbour.
#[test]
fn all_images_are_kept_where_asked() {
    let rock_salt = state(225, [5.6; 3], RIGHT, &[("Na", [0.0; 3]), ("Cl", [0.5; 3])]);
    // The number density counts every image: the same radius as in the test above.
    let config =
        GraphConfig { mean_degree: 19.0 * 48.0, max_mean_degree: 2_000, coincidence: 0.0, ..GraphConfig::default() };
    let graph = build(&rock_salt, &config).expect("a graph");
    let shell = |distance: f64| {
        (graph.offsets[0]..graph.offsets[1])
            .filter(|&edge| (graph.distances[edge as usize] - distance).abs() < 1e-9)
            .count()
    };
    assert_eq!(shell(2.8), 6 * 48);
    assert_eq!(shell(2.8 * 2.0_f64.sqrt()), 12 * 48);
    assert_sound("all images", &rock_salt, &graph);
    // Without coincident images both are the same.
    let (_, general) = bravais_structures().into_iter().find(|(name, _)| *name == "aP").expect("in the list");
    let general = CrystalState { sites: general.sites[1..].to_vec(), ..general };
    let kept = build(&general, &GraphConfig { coincidence: 0.0, ..GraphConfig::default() }).expect("a graph");
    assert_eq!(kept.vectors, build(&general, &GraphConfig::default()).expect("a graph").vectors);
}

/// Defect 3 of the published code: edges beyond the cut-off of the radial basis.
#[test]
fn no_edge_is_longer_than_the_cutoff() {
    for (name, state) in bravais_structures() {
        for mean_degree in [5.0, 20.0, 80.0] {
            let config = GraphConfig { mean_degree, min_degree: 5, ..GraphConfig::default() };
            let graph = build(&state, &config).expect("a graph");
            assert!(graph.distances.iter().all(|distance| *distance <= graph.cutoff), "{name}");
            assert!(graph.n_edges() <= config.max_mean_degree * graph.n_sites(), "{name}");
        }
    }
}

#[test]
fn lattice_gradients_are_derivatives() {
    let step = 1e-5;
    for (name, state) in bravais_structures() {
        let graph = build(&state, &GraphConfig::default()).expect("a graph");
        let operations = state.space_group.primitive_operations();
        for a in 0..state.lattice_coords.len() {
            let moved = |shift: f64| {
                let mut moved = state.clone();
                moved.lattice_coords[a] += shift;
                moved.primitive_lattice().expect("a cell")
            };
            let (plus, minus) = (moved(step), moved(-step));
            for source in 0..graph.n_sites() {
                for edge in graph.offsets[source] as usize..graph.offsets[source + 1] as usize {
                    let image = operations[usize::from(graph.operations[edge])]
                        .apply(&state.sites[graph.targets[edge] as usize].frac_coords());
                    let difference = image + Vector3::from(graph.translations[edge].map(f64::from))
                        - state.sites[source].frac_coords();
                    let length = |lattice: &crystal_core::Lattice| lattice.to_cartesian(&difference).norm();
                    let numeric = (length(&plus) - length(&minus)) / (2.0 * step);
                    assert!((numeric - graph.lattice_gradients[edge][a]).abs() < 1e-8, "{name}: coordinate {a}");
                }
            }
        }
        let n_free = state.lattice_coords.len();
        assert!(graph.lattice_gradients.iter().all(|gradient| gradient[n_free..].iter().all(|x| *x == 0.0)));
    }
}

/// Defect 4 of the published code: wrapping by a vector that is not a lattice vector of the primitive cell.
#[test]
fn wrapping_keeps_the_crystal() {
    for (name, state) in bravais_structures() {
        let mut wrapped = state.clone();
        // From far outside the cell, so that there is something to wrap.
        for site in &mut wrapped.sites {
            site.move_to(site.frac_coords() + Vector3::new(3.0, -2.0, 1.0));
        }
        let lattice = wrapped.primitive_lattice().expect("a cell");
        let still = vec![Vector3::zeros(); wrapped.sites.len()];
        wrapped.displace(&lattice, &still);
        assert!(wrapped.sites.iter().all(|site| site.frac_coords().iter().all(|x| (0.0..=1.0).contains(x))), "{name}");
        let config = GraphConfig::default();
        let graph = build(&wrapped, &config).expect("a graph");
        // The neighbours of the unwrapped crystal, found by brute force.
        assert_same(name, &state, &graph, &config);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_crystals(number in 1_i64..=230, n_sites in 1_usize..4, seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let state = random_state(number, n_sites, &mut rng);
        let config = GraphConfig::default();
        let graph = build(&state, &config).expect("a graph");
        assert_same("random", &state, &graph, &config);
        assert_sound("random", &state, &graph);
        for edge in 0..graph.n_edges() {
            prop_assert_eq!(graph.reverse[graph.reverse[edge] as usize] as usize, edge);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Coordinates that are simple fractions lie on special positions of most groups.
    #[test]
    fn random_special_positions(
        number in 1_i64..=230,
        coords in proptest::collection::vec(proptest::array::uniform3(0_usize..8), 1..3),
        seed in any::<u64>(),
    ) {
        const FRACTIONS: [f64; 8] = [0.0, 0.5, 0.25, 0.75, 1.0 / 3.0, 2.0 / 3.0, 0.125, 0.2371];
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut state = random_state(number, coords.len(), &mut rng);
        let to_conventional = state.space_group.centring().to_conventional();
        for (site, coords) in state.sites.iter_mut().zip(&coords) {
            site.move_to(to_conventional.transpose() * Vector3::from(coords.map(|index| FRACTIONS[index])));
        }
        // Two sites of one orbit are one place: no crystal, but the graph must still be sound.
        let config = GraphConfig { mean_degree: 15.0, ..GraphConfig::default() };
        let graph = build(&state, &config).expect("a graph");
        assert_same("special", &state, &graph, &config);
        assert_sound("special", &state, &graph);
    }
}
