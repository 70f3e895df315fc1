//! Energy, forces and stress of rock salt on the processor and on the GPU that is compiled in: one cell of ten atoms,
//! and many.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crystal_core::{AsymmetricSite, AsymmetricUnit, Lattice, Site, SpaceGroup, Species, Structure};
use nalgebra::{Matrix3, Vector3};
use potential::{Nequix, Potential};
use tensor_ops::device::available_devices;

/// Ten atoms, each pushed a little off the sites of rock salt.
fn ten_atoms() -> Structure {
    let lattice = Lattice::new(Matrix3::from_diagonal(&Vector3::new(5.65, 5.65, 7.06))).expect("a cell");
    let [sodium, chlorine] = [11, 17].map(|number| Species::from_atomic_number(number).expect("an element"));
    let sites = (0..10u32)
        .map(|k| {
            let (x, z) = (f64::from(k % 2), f64::from(k / 2));
            let push = |axis: u32| 0.01 * f64::from((7 * k + 3 * axis) % 5);
            let frac_coords = Vector3::new(0.5 * x + push(0), 0.5 * ((z + x) % 2.0) + push(1), z / 5.0 + push(2));
            Site { species: if k % 2 == 0 { sodium } else { chlorine }, frac_coords }
        })
        .collect();
    Structure::new(lattice, sites).expect("a structure")
}

/// Spinel, MgAl2O4: 3 sites for 14 atoms.
fn spinel() -> AsymmetricUnit {
    let group = SpaceGroup::from_number(227).expect("a group");
    let lattice = Lattice::new(Matrix3::identity() * 8.1).expect("a cell");
    let sites = [(12, 0.125), (13, 0.5), (8, 0.264)].map(|(number, x)| {
        let species = Species::from_atomic_number(number).expect("an element");
        AsymmetricSite::new(group, &lattice, species, &Vector3::repeat(x), 1e-3)
    });
    AsymmetricUnit::new(group, lattice, sites.to_vec()).expect("a unit")
}

fn evaluation(criterion: &mut Criterion) {
    for device in available_devices() {
        let potential = Nequix::bundled(&device).expect("the weights");
        for n in [1, 100] {
            let mut group = criterion.benchmark_group(format!("{device:?} {n} crystals"));
            let structures = vec![ten_atoms(); n];
            group.throughput(Throughput::Elements(10 * n as u64)).sample_size(10);
            group.bench_function("ten atoms, energy", |bencher| bencher.iter(|| potential.energies(&structures)));
            group.bench_function("ten atoms, all", |bencher| bencher.iter(|| potential.evaluate(&structures)));
            let units = vec![spinel(); n];
            let full: Vec<Structure> = units.iter().map(|unit| unit.expand().expect("a structure")).collect();
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function("spinel, full cell", |bencher| bencher.iter(|| potential.evaluate(&full)));
            group.bench_function("spinel, symmetric", |bencher| bencher.iter(|| potential.evaluate_symmetric(&units)));
            group.finish();
        }
    }
}

criterion_group!(benches, evaluation);
criterion_main!(benches);
