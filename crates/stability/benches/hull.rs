//! Hulls of systems and places on them, against synthetic reference phases.

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use crystal_core::{Composition, Species};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use stability::{Fractions, Hull, Phase};

fn element(number: i64) -> Species {
    Species::from_atomic_number(number).expect("an element")
}

/// The elements and `n` random compounds of them, formation energies between −1 and 0 eV/atom.
fn phases(n_elements: i64, n: usize) -> Vec<Arc<Phase>> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut phases: Vec<Arc<Phase>> =
        (1..=n_elements).map(|number| Arc::new(Phase::element_at_zero(element(number)))).collect();
    for index in 0..n {
        let counts = (1..=n_elements).map(|number| (element(number), random.random_range(0..4_u32)));
        let composition: Composition = counts.filter(|(_, count)| *count > 0).collect();
        if composition.n_elements() > 1 {
            let energy = -random.random_range(0.0..1.0);
            phases.push(Arc::new(Phase::new(format!("x{index}"), &composition, energy).expect("a phase")));
        }
    }
    phases
}

fn place(criterion: &mut Criterion) {
    for (n_elements, n) in [(2, 20), (3, 60), (4, 150), (7, 600)] {
        let phases = phases(n_elements, n);
        let hull = Hull::new((1..=n_elements).map(element), phases.iter().cloned());
        let fractions = Fractions::from_amounts((1..=n_elements).map(|number| (element(number), 1.0 / number as f64)));
        let fractions = fractions.expect("fractions");
        criterion.bench_function(&format!("place among {n} phases of {n_elements} elements"), |bencher| {
            bencher.iter(|| hull.place(&fractions, -0.5).expect("a place"));
        });
        criterion.bench_function(&format!("make the hull of {n} phases of {n_elements} elements"), |bencher| {
            bencher.iter(|| Hull::new((1..=n_elements).map(element), phases.iter().cloned()));
        });
    }
}

criterion_group!(benches, place);
criterion_main!(benches);
