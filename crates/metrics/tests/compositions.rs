//! Magpie features and the SMACT test against matminer 0.9.0 and smact 2.5.3.

use crystal_core::Composition;
use metrics::{composition_valid, magpie_features, scaled_magpie};
use serde::Deserialize;
use test_support::{GoldenSet, golden_tests};

#[derive(Deserialize)]
struct GoldenComposition {
    elements: Vec<String>,
    counts: Vec<u32>,
    smact_valid: bool,
    magpie: Option<Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct GoldenStructure {
    id: String,
    species: Vec<String>,
    smact_valid: bool,
    magpie: Vec<Option<f64>>,
    magpie_scaled: Vec<f64>,
}

fn assert_magpie(composition: &Composition, expected: &[Option<f64>]) -> f64 {
    let mut worst = 0.0_f64;
    let found = magpie_features(composition);
    assert_eq!(found.len(), expected.len());
    for (feature, (found, expected)) in found.iter().zip(expected).enumerate() {
        match expected {
            None => assert!(found.is_nan(), "{composition}: feature {feature} is {found}"),
            Some(expected) => {
                // An average deviation of equal values is rounding noise; relative to what it came from it is 0.
                let difference = (found - expected).abs() / expected.abs().max(1e-3);
                assert!(difference < 1e-9, "{composition}: feature {feature} is {found} instead of {expected}");
                worst = worst.max(difference);
            }
        }
    }
    worst
}

golden_tests!(compositions_match, structures_match);

fn compositions_match(golden: GoldenSet) {
    let all: Vec<GoldenComposition> = golden.read("compositions");
    let (mut worst, mut n_magpie, mut n_valid) = (0.0_f64, 0, 0);
    for golden in &all {
        let composition: Composition = golden
            .elements
            .iter()
            .zip(&golden.counts)
            .map(|(symbol, count)| (symbol.parse().expect("an element"), *count))
            .collect();
        if let Some(magpie) = &golden.magpie {
            worst = worst.max(assert_magpie(&composition, magpie));
            n_magpie += 1;
        }
        assert_eq!(composition_valid(&composition), golden.smact_valid, "{composition}");
        n_valid += usize::from(golden.smact_valid);
    }
    println!(
        "{} compositions, {n_valid} valid; {n_magpie} with features, largest relative difference {worst:.1e}",
        all.len()
    );
    assert!(n_magpie >= golden.at_least(50, 100) && n_valid > 0 && n_valid < all.len());
}

fn structures_match(golden: GoldenSet) {
    let all: Vec<GoldenStructure> = golden.read("structures");
    assert!(all.len() >= 40);
    for golden in &all {
        let composition: Composition =
            golden.species.iter().map(|symbol| symbol.parse::<crystal_core::Species>().expect("an element")).collect();
        assert_magpie(&composition, &golden.magpie);
        assert_eq!(composition_valid(&composition), golden.smact_valid, "{}", golden.id);
        for (found, expected) in scaled_magpie(&composition).iter().zip(&golden.magpie_scaled) {
            assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{}", golden.id);
        }
    }
}
