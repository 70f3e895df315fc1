//! Structures and edges per second of the graph builder, on one core.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crystal_core::{CrystalState, LatticeCoordinates, SpaceGroup, Species, StateSite};
use multigraph::{BatchedMultiGraph, GraphConfig, build};
use nalgebra::Vector3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// General sites in a random cell of edges between 6 and 8 Å.
fn random_state(number: i64, n_sites: usize, rng: &mut ChaCha8Rng) -> CrystalState {
    let space_group = SpaceGroup::from_number(number).expect("a number from 1 to 230");
    let coordinates = LatticeCoordinates::new(space_group.system());
    let lattice_coords = (0..coordinates.n_free()).map(|_| rng.random_range(-2.0..2.0)).collect();
    let sites = (0..n_sites)
        .map(|_| {
            StateSite::general(
                Species::from_atomic_number(26).expect("iron"),
                Vector3::from_fn(|_, _| rng.random_range(0.0..1.0)),
            )
        })
        .collect();
    CrystalState { space_group, lattice_coords, sites }
}

fn build_graphs(criterion: &mut Criterion) {
    let config = GraphConfig::default();
    let mut group = criterion.benchmark_group("build");
    for (name, numbers) in [
        ("triclinic", vec![1, 2]),
        ("orthorhombic", vec![62, 63, 71]),
        ("tetragonal", vec![123, 129, 139]),
        ("hexagonal", vec![164, 166, 194]),
        ("cubic", vec![216, 221, 225]),
    ] {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let states = (0..64).map(|index| random_state(numbers[index % numbers.len()], 4, &mut rng)).collect::<Vec<_>>();
        let n_edges = states.iter().map(|state| build(state, &config).expect("a graph").n_edges()).sum::<usize>();
        let mut run = |unit: &str, elements: usize| {
            group.throughput(Throughput::Elements(elements as u64));
            group.bench_function(BenchmarkId::new(name, unit), |bencher| {
                bencher.iter(|| {
                    states.iter().map(|state| build(state, &config).expect("a graph").n_edges()).sum::<usize>()
                });
            });
        };
        run("structures", states.len());
        run("edges", n_edges);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let numbers = [62, 63, 123, 139, 164, 166, 194, 221, 225];
    let states = (0..256).map(|index| random_state(numbers[index % numbers.len()], 4, &mut rng)).collect::<Vec<_>>();
    group.throughput(Throughput::Elements(states.len() as u64));
    group.bench_function("batch, all cores", |bencher| {
        bencher.iter(|| BatchedMultiGraph::from_states(&states, &config).expect("a batch").n_edges());
    });
    group.finish();
}

criterion_group!(benches, build_graphs);
criterion_main!(benches);
