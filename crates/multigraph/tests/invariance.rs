//! What the graph must not depend on: the stored representatives, the origin, the order of the sites, the batch.

mod common;

use common::{random_state, state};
use crystal_core::CrystalState;
use crystal_core::whole;
use multigraph::{BatchedMultiGraph, GraphConfig, MultiGraph, build};
use nalgebra::Vector3;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Edges of each site: target site, whether equivalent, length; sorted. Sites by their index in `order`.
fn stars(graph: &MultiGraph, order: &[usize]) -> Vec<Vec<(usize, bool, f64)>> {
    let mut stars = vec![Vec::new(); order.len()];
    for source in 0..graph.n_sites() {
        for edge in graph.offsets[source] as usize..graph.offsets[source + 1] as usize {
            stars[order[source]].push((
                order[graph.targets[edge] as usize],
                graph.equivalent[edge],
                graph.distances[edge],
            ));
        }
    }
    for star in &mut stars {
        star.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
    }
    stars
}

/// Cosines between the edge a → b, seen from b, and every edge b → c, both in the frame of b. With the two lengths;
/// sorted.
fn angles(graph: &MultiGraph, order: &[usize]) -> Vec<Vec<[f64; 3]>> {
    let mut angles = vec![Vec::new(); order.len()];
    for edge in 0..graph.n_edges() {
        let (target, reverse) = (graph.targets[edge] as usize, graph.reverse[edge] as usize);
        let incoming = Vector3::from(graph.vectors[reverse]);
        for outgoing in graph.offsets[target] as usize..graph.offsets[target + 1] as usize {
            let cosine =
                incoming.dot(&Vector3::from(graph.vectors[outgoing])) / (incoming.norm() * graph.distances[outgoing]);
            angles[order[target]].push([graph.distances[edge], graph.distances[outgoing], cosine]);
        }
    }
    for list in &mut angles {
        // Rounded for sorting only: equal lengths must not be ordered by rounding noise.
        list.sort_by_key(|values| values.map(|x| whole::saturated_64((x * 1e6).round())));
    }
    angles
}

fn assert_same_graph(name: &str, a: &MultiGraph, b: &MultiGraph, order_of_b: &[usize]) {
    let identity = (0..a.n_sites()).collect::<Vec<_>>();
    assert!((a.cutoff - b.cutoff).abs() < 1e-9 * a.cutoff, "{name}: cut-off");
    for (left, right) in stars(a, &identity).iter().zip(&stars(b, order_of_b)) {
        assert_eq!(left.len(), right.len(), "{name}: degree");
        for (x, y) in left.iter().zip(right) {
            assert!(x.0 == y.0 && x.1 == y.1 && (x.2 - y.2).abs() < 1e-9, "{name}: {x:?} {y:?}");
        }
    }
    for (left, right) in angles(a, &identity).iter().zip(&angles(b, order_of_b)) {
        assert_eq!(left.len(), right.len(), "{name}: angles");
        for (x, y) in left.iter().zip(right) {
            // A value on a rounding boundary may be sorted one place off; 2e-6 covers that.
            assert!(x.iter().zip(y).all(|(x, y)| (x - y).abs() < 2e-6), "{name}: {x:?} {y:?}");
        }
    }
}

fn structures(rng: &mut ChaCha8Rng) -> Vec<CrystalState> {
    let mut states = vec![
        state(225, [5.6; 3], [90.0; 3], &[("Na", [0.0; 3]), ("Cl", [0.5; 3])]),
        state(227, [8.1; 3], [90.0; 3], &[("Mg", [0.125; 3]), ("Al", [0.5; 3]), ("O", [0.26; 3])]),
        state(139, [4.0, 4.0, 13.2], [90.0; 3], &[("La", [0.0, 0.0, 0.36]), ("O", [0.0, 0.5, 0.0])]),
        state(
            194,
            [3.2, 3.2, 5.2],
            [90.0, 90.0, 120.0],
            &[("Mg", [1.0 / 3.0, 2.0 / 3.0, 0.25]), ("H", [0.1, 0.2, 0.3])],
        ),
        state(166, [4.4, 4.4, 30.1], [90.0, 90.0, 120.0], &[("Bi", [0.0, 0.0, 0.4]), ("Te", [0.0; 3])]),
    ];
    for number in [1, 2, 9, 14, 43, 62, 88, 110, 122, 142, 148, 155, 167, 178, 186, 194, 205, 214, 220, 225, 227, 230] {
        states.push(random_state(number, 2, rng));
    }
    states
}

const SMALL: GraphConfig =
    GraphConfig { mean_degree: 14.0, min_degree: 4, max_mean_degree: 200, min_self_distance: 0.15, coincidence: 1e-4 };

/// Defect 1 of the published code: angles between vectors in different frames, so that the output depended on the
/// representative.
#[test]
fn frames_do_not_depend_on_the_representative() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for state in structures(&mut rng) {
        let name = state.space_group.symbol();
        let graph = build(&state, &SMALL).expect("a graph");
        let mut moved = state.clone();
        for site in &mut moved.sites {
            let operation = state.space_group.primitive_operations().choose(&mut rng).expect("operations");
            let shift = Vector3::from_fn(|_, _| f64::from(rng.random_range(-3_i32..=3)));
            site.move_to(operation.apply(&site.frac_coords()) + shift);
        }
        let other = build(&moved, &SMALL).expect("a graph");
        let identity = (0..state.sites.len()).collect::<Vec<_>>();
        assert_same_graph(name, &graph, &other, &identity);
    }
}

#[test]
fn origin_does_not_matter() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut shifted = 0;
    for state in structures(&mut rng) {
        let name = state.space_group.symbol();
        let operations = state.space_group.primitive_operations();
        let graph = build(&state, &SMALL).expect("a graph");
        for half in 1..8_u8 {
            let shift = Vector3::from_fn(|axis, _| f64::from((half >> axis) & 1) / 2.0);
            // A shift v keeps the operations where (W − 1)·v is a lattice vector for all of them.
            let allowed = operations.iter().all(|operation| {
                (operation.rotation.map(f64::from) * shift - shift).iter().all(|x| (x - x.round()).abs() < 1e-9)
            });
            if !allowed {
                continue;
            }
            shifted += 1;
            let mut moved = state.clone();
            for site in &mut moved.sites {
                site.move_to(site.frac_coords() + shift);
            }
            let other = build(&moved, &SMALL).expect("a graph");
            let identity = (0..state.sites.len()).collect::<Vec<_>>();
            assert_same_graph(name, &graph, &other, &identity);
        }
    }
    assert!(shifted > 20, "the test found too few shifts: {shifted}");

    let triclinic = random_state(1, 5, &mut rng);
    let graph = build(&triclinic, &SMALL).expect("a graph");
    let mut moved = triclinic.clone();
    for site in &mut moved.sites {
        site.move_to(site.frac_coords() + Vector3::new(0.1234, -7.77, 0.61));
    }
    assert_same_graph("P 1", &graph, &build(&moved, &SMALL).expect("a graph"), &[0, 1, 2, 3, 4]);
}

#[test]
fn order_of_the_sites_does_not_matter() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for number in [1, 14, 62, 139, 194, 225] {
        let state = random_state(number, 4, &mut rng);
        let graph = build(&state, &SMALL).expect("a graph");
        let mut order = vec![0, 1, 2, 3];
        order.shuffle(&mut rng);
        let mut permuted = state.clone();
        permuted.sites = order.iter().map(|&site| state.sites[site]).collect();
        assert_same_graph(state.space_group.symbol(), &graph, &build(&permuted, &SMALL).expect("a graph"), &order);
    }
}

#[test]
fn a_batch_is_its_graphs() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let states = structures(&mut rng);
    let config = GraphConfig::default();
    let batch = BatchedMultiGraph::from_states(&states, &config).expect("a batch");
    assert_eq!(batch.n_structures(), states.len());
    assert_eq!(*batch.offsets.last().expect("an offset") as usize, batch.n_edges());
    for (s, state) in states.iter().enumerate() {
        let graph = build(state, &config).expect("a graph");
        let first = batch.edge_offsets[s] as usize;
        assert_eq!(batch.edge_offsets[s + 1] as usize - first, graph.n_edges());
        for edge in 0..graph.n_edges() {
            assert_eq!(batch.targets[first + edge], graph.targets[edge] + batch.site_offsets[s]);
            assert_eq!(batch.reverse[first + edge] as usize, graph.reverse[edge] as usize + first);
            let norm = batch.directions[first + edge].iter().map(|x| x * x).sum::<f32>();
            assert!((norm - 1.0).abs() < 1e-5);
        }
    }
}
