//! Time of a comparison of two structures, per pair.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crystal_core::{Lattice, Site, Structure};
use metrics::StructureMatcher;

/// Rutile, the second oxygen atom displaced by `shift` along the first axis.
fn rutile(shift: f64) -> Structure {
    let lattice = Lattice::from_rows([[4.594, 0.0, 0.0], [0.0, 4.594, 0.0], [0.0, 0.0, 2.959]]).expect("a cell");
    let u = 0.305;
    let sites = [
        ("Ti", [0.0; 3]),
        ("Ti", [0.5; 3]),
        ("O", [u, u, 0.0]),
        ("O", [1.0 - u + shift, 1.0 - u, 0.0]),
        ("O", [0.5 + u, 0.5 - u, 0.5]),
        ("O", [0.5 - u, 0.5 + u, 0.5]),
    ];
    let site = |(symbol, frac): &(&str, [f64; 3])| Site {
        species: symbol.parse().expect("an element"),
        frac_coords: (*frac).into(),
    };
    Structure::new(lattice, sites.iter().map(site).collect()).expect("a structure")
}

fn bench(criterion: &mut Criterion) {
    let matcher = StructureMatcher::default();
    let (ideal, displaced) = (rutile(0.0), rutile(0.02));
    let mut group = criterion.benchmark_group("structure_matcher");
    // One element is one pair, so that the report gives pairs per second.
    group.throughput(Throughput::Elements(1));
    group.bench_function("equal", |bencher| bencher.iter(|| matcher.rms(&ideal, &ideal)));
    group.bench_function("displaced", |bencher| bencher.iter(|| matcher.rms(&ideal, &displaced)));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
