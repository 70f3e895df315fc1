//! Time of a CrystalNN fingerprint, per structure.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crystal_core::{Lattice, Site, Structure};
use metrics::crystalnn_fingerprint;

fn structure(rows: [[f64; 3]; 3], sites: &[(&str, [f64; 3])]) -> Structure {
    let lattice = Lattice::from_rows(rows).expect("a cell");
    let sites = sites
        .iter()
        .map(|(symbol, frac)| Site { species: symbol.parse().expect("an element"), frac_coords: (*frac).into() })
        .collect();
    Structure::new(lattice, sites).expect("a structure")
}

fn cubic(a: f64) -> [[f64; 3]; 3] {
    [[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]]
}

fn bench(criterion: &mut Criterion) {
    let half = 0.5;
    let u = 0.305;
    let structures = [
        (
            "copper",
            structure(
                cubic(3.615),
                &[("Cu", [0.0; 3]), ("Cu", [0.0, half, half]), ("Cu", [half, 0.0, half]), ("Cu", [half, half, 0.0])],
            ),
        ),
        ("iron", structure(cubic(2.866), &[("Fe", [0.0; 3]), ("Fe", [half; 3])])),
        (
            "perovskite",
            structure(
                cubic(3.905),
                &[
                    ("Sr", [0.0; 3]),
                    ("Ti", [half; 3]),
                    ("O", [half, half, 0.0]),
                    ("O", [half, 0.0, half]),
                    ("O", [0.0, half, half]),
                ],
            ),
        ),
        (
            "rutile",
            structure(
                [[4.594, 0.0, 0.0], [0.0, 4.594, 0.0], [0.0, 0.0, 2.959]],
                &[
                    ("Ti", [0.0; 3]),
                    ("Ti", [half; 3]),
                    ("O", [u, u, 0.0]),
                    ("O", [1.0 - u, 1.0 - u, 0.0]),
                    ("O", [half + u, half - u, half]),
                    ("O", [half - u, half + u, half]),
                ],
            ),
        ),
    ];
    let mut group = criterion.benchmark_group("crystalnn_fingerprint");
    // One element is one structure, so that the report gives structures per second.
    group.throughput(Throughput::Elements(1));
    for (name, structure) in &structures {
        group.bench_function(*name, |bencher| bencher.iter(|| crystalnn_fingerprint(structure)));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
