//! FD CGCNN with the published weights against that of the published program's features.

use std::collections::BTreeMap;

use burn::tensor::Device;
use cgcnn::{Weights, features_of};
use crystal_core::Structure;
use metrics::frechet_distance;
use serde::Deserialize;
use test_support::{Crystal, GoldenSet, needs, shared};

/// Of the golden features (their README).
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Set {
    structures: Vec<Crystal>,
    cgcnn32: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct GoldenSets {
    sets: BTreeMap<String, Set>,
    results: Vec<GoldenResult>,
}

#[derive(Deserialize)]
struct GoldenResult {
    #[serde(rename = "gen")]
    generated: String,
    #[serde(rename = "ref")]
    reference: String,
    #[serde(rename = "fd_cgcnn32_eigh")]
    fd_cgcnn: f64,
}

#[needs(shared)]
#[test]
fn distances_agree_but_for_ambiguous_graphs() {
    let GoldenSets { sets, results } = GoldenSet::Shared.read("cov_fd");
    let weights = shared("weights/cgcnn/formation-energy-per-atom.pth.tar");
    let model = Weights::load(&weights, &Device::flex()).expect("the published weights").model;
    let (mut compared, mut agreeing) = (0, 0);
    let mut features = BTreeMap::new();
    for (name, set) in &sets {
        let structures: Vec<Structure> = set.structures.iter().map(Crystal::structure).collect();
        let mut done = 0;
        let found = features_of(&model, &structures, |n| done += n);
        assert_eq!(done, structures.len());
        let found: Vec<Vec<f32>> = found.into_iter().map(|found| found.expect("features").features).collect();
        compared += found.len();
        agreeing += found.iter().zip(&set.cgcnn32).filter(|(found, expected)| agree(found, expected)).count();
        let wide = |row: &Vec<f32>| row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        features.insert(name.as_str(), found.iter().map(wide).collect::<Vec<_>>());
    }
    println!("{agreeing} of {compared} feature vectors agree; the graphs of the others are ambiguous");
    assert!(agreeing * 10 > compared * 9);
    for GoldenResult { generated, reference, fd_cgcnn } in &results {
        let rows = |name: &str| features[name].iter().map(Vec::as_slice).collect::<Vec<_>>();
        let found = frechet_distance(&rows(generated), &rows(reference)).expect("two good sets");
        println!("{generated} against {reference}: FD CGCNN {found:.6}, golden {fd_cgcnn:.6}");
        // A few graphs are ambiguous and resolved otherwise.
        assert!((found - fd_cgcnn).abs() < 0.01 * fd_cgcnn, "{generated}: {found} instead of {fd_cgcnn}");
    }
}

fn agree(found: &[f32], expected: &[f64]) -> bool {
    found.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() <= TOLERANCE * b.abs().max(1.0))
}
