//! The published weights against the published program's features and energies.

use burn::tensor::Device;
use cgcnn::{CrystalGraph, GraphBatch, WeightFormat, Weights, features_of};
use serde::Deserialize;
use tensor_ops::device::available_devices;
use test_support::{Crystal, GoldenSet, needs, shared};

/// Of the golden values (their README), times the largest number compared where that is above 1.
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct GoldenStructure {
    id: String,
    #[serde(flatten)]
    crystal: Crystal,
    cgcnn_formation_energy: Option<GoldenFeatures>,
}

#[derive(Deserialize)]
struct GoldenFeatures {
    pooled64: Vec<f64>,
    penultimate32: Vec<f64>,
    #[serde(rename = "prediction_eV_per_atom")]
    energy: f64,
    tie_ambiguous_graph: bool,
}

fn published(device: &Device) -> Weights {
    let path = shared("weights/cgcnn/formation-energy-per-atom.pth.tar");
    let weights = Weights::load(&path, device).expect("the published weights");
    assert_eq!(weights.format, WeightFormat::PyTorch);
    assert!(weights.description().starts_with("the published weights"), "{}", weights.description());
    weights
}

/// Largest difference, relative to the largest number where that is above 1.
fn difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0_f64, |largest, x| largest.max(x.abs()));
    found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs() / scale).fold(0.0, f64::max)
}

#[needs(shared)]
#[test]
fn features_and_energies_agree() {
    let structures: Vec<GoldenStructure> = GoldenSet::Shared.read("structures");
    for device in available_devices() {
        features_and_energies_agree_on(&device, &published(&device), &structures);
    }
}

fn features_and_energies_agree_on(device: &Device, weights: &Weights, structures: &[GoldenStructure]) {
    let (mut strict, mut worst, mut ambiguous, mut ambiguous_agree) = (0, [0.0_f64; 3], 0, 0);
    for golden in structures {
        let Some(expected) = &golden.cgcnn_formation_energy else { continue };
        let structure = golden.crystal.structure();
        let found = features_of(&weights.model, std::slice::from_ref(&structure), |_| ());
        let found = found[0].as_ref().unwrap_or_else(|error| panic!("{}: {error}", golden.id));
        let graph = CrystalGraph::of(&structure).expect("a graph");
        let pooled = weights.model.forward(&GraphBatch::new(&[&graph], device)).pooled;
        let pooled: Vec<f32> = pooled.into_data().iter::<f32>().collect();
        let differences = [
            difference(&pooled, &expected.pooled64),
            difference(&found.features, &expected.penultimate32),
            (found.energy - expected.energy).abs(),
        ];
        let agrees = differences.iter().all(|difference| *difference <= TOLERANCE);
        if expected.tie_ambiguous_graph {
            ambiguous += 1;
            ambiguous_agree += usize::from(agrees);
            continue;
        }
        strict += 1;
        worst.iter_mut().zip(differences).for_each(|(worst, difference)| *worst = worst.max(difference));
        assert!(agrees, "{} on {device:?}: {differences:?}", golden.id);
    }
    println!(
        "{strict} structures: pooled {:.1e}, features {:.1e}, energy {:.1e} eV/atom",
        worst[0], worst[1], worst[2]
    );
    println!("{ambiguous_agree} of {ambiguous} with an ambiguous graph agree too");
    assert!(strict > 40);
}
