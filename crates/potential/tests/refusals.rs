//! What cannot be evaluated, and files that are not weights.
#![cfg(feature = "cpu")]

mod common;

use std::path::Path;

use burn::tensor::Device;
use common::structure;
use crystal_core::{AsymmetricUnit, Finder};
use nalgebra::Vector3;
use potential::{Nequix, Potential, PotentialError, Weights};

const CELL: [[f64; 3]; 3] = [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]];

#[test]
fn a_bad_structure_does_not_spoil_the_others() {
    let potential = Nequix::bundled(&Device::flex()).expect("the weights");
    let good = structure(&[11, 17], CELL, &[[0.0; 3], [2.0; 3]]);
    let batch = [
        good.clone(),
        structure(&[11, 84], CELL, &[[0.0; 3], [2.0; 3]]),
        structure(&[11, 17], CELL, &[[0.0; 3], [0.05, 0.0, 0.0]]),
        // No neighbours at all.
        structure(&[2], [[20.0, 0.0, 0.0], [0.0, 20.0, 0.0], [0.0, 0.0, 20.0]], &[[0.0; 3]]),
        good,
    ];
    let found = potential.evaluate(&batch).expect("the processor works");
    let [first, element, close, alone, last] = found.try_into().expect("five outcomes");
    assert_eq!(first, last);
    assert!(first.expect("an evaluation").energy < -5.0);
    let message = element.expect_err("polonium is not known").to_string();
    assert!(message.contains("site 1 holds Po") && message.contains(" Bi Ac "), "{message}");
    assert!(
        matches!(close, Err(PotentialError::TooClose { i: 0, j: 1, distance, .. }) if (distance - 0.05).abs() < 1e-9)
    );
    let alone = alone.expect("an evaluation");
    assert!(alone.energy.is_finite() && alone.forces[0].norm() == 0.0 && alone.stress.norm() == 0.0);
    let only = potential.evaluate(&batch[3..4]).expect("the processor works").remove(0).expect("an evaluation");
    assert_eq!(only.energy, alone.energy);
    assert!(potential.evaluate(&[]).expect("the processor works").is_empty());
}

#[test]
fn coordinates_that_are_not_finite_are_refused() {
    let potential = Nequix::bundled(&Device::flex()).expect("the weights");
    let good = structure(&[11, 17], CELL, &[[0.0; 3], [2.0; 3]]);
    let good = AsymmetricUnit::from_structure(&good, 1e-3, Finder::Moyo).expect("a unit");
    // A relaxation that has lost itself.
    let lost = good.moved(*good.lattice(), [good.sites()[0].frac_coords(), Vector3::repeat(f64::NAN)]);
    let found = potential.evaluate_symmetric(&[good, lost]).expect("the processor works");
    assert!(found[0].is_ok());
    assert_eq!(found[1], Err(PotentialError::Coordinate { site: 1 }));
}

#[test]
fn files_that_are_not_these_weights_are_refused() {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/weights/nequix-oam-1-pft.safetensors"));
    let content = std::fs::read(file).expect("the asset");
    let weights = Weights::from_bytes(&content, file).expect("weights");
    let potential = Nequix::new(&weights, &Device::flex());
    assert_eq!(potential.identity().name, "nequix-oam-1-pft");
    assert_eq!(potential.identity().sha256, "8dca04850a498ac36967cec912304078cca051caf15bf9400c4cd801b686e154");
    assert_eq!(potential.elements().len(), 89);

    let mut damaged = content.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let message = Weights::from_bytes(&damaged, file).expect_err("one bit differs").to_string();
    assert!(
        message.contains("8dca04850a49") && message.contains("nequix-oam-1-pft is") | message.contains("damaged"),
        "{message}"
    );
    assert!(Weights::from_bytes(&content[..1000], file).is_err());
    assert!(Weights::from_bytes(b"no weights", file).is_err());
    let other = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/weights/mp20.safetensors"));
    let message = Weights::load(other).expect_err("another network").to_string();
    assert!(message.contains("mp20.safetensors") && message.contains("config"), "{message}");
    assert!(Weights::load(Path::new("nowhere.safetensors")).is_err());
}
