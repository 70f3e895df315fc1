//! Gradients by finite differences.

use nalgebra::DVector;
use potential::{Evaluation, Potential};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Cell, Coordinates, Placement};
use crate::CellFreedom;
use crate::common::crystals::{GROUPS, random_unit};
use crate::common::pairs::Pairs;

const PRESSURE: f64 = 0.2;

fn evaluate(pairs: &Pairs, placement: &Placement) -> Evaluation {
    match &placement.cell {
        Cell::Free(structure) => pairs.evaluate_one(structure).expect("an energy"),
        Cell::Symmetric(unit) => {
            pairs.evaluate_symmetric(std::slice::from_ref(unit)).expect("a device").remove(0).expect("an energy")
        }
    }
}

/// Compares the gradient at a point away from the reference with differences of the enthalpy.
fn check(coordinates: &Coordinates, pairs: &Pairs, seed: u64, name: &str) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // In w: displacements of hundredths of an Å per atom and a strain of some per cent.
    let n_positions = coordinates.len() - coordinates.strains.len();
    let w = DVector::from_fn(coordinates.len(), |k, _| {
        rng.random_range(-0.04..0.04) * if k < n_positions { 2.0 } else { 1.0 }
    });
    let z = coordinates.factor.transpose() * w;
    let enthalpy = |z: &DVector<f64>| {
        let placement = coordinates.placement(z).expect("a cell");
        evaluate(pairs, &placement).energy + PRESSURE * placement.volume
    };
    let placement = coordinates.placement(&z).expect("a cell");
    let gradient = coordinates.gradient(&placement, &evaluate(pairs, &placement), PRESSURE);
    for k in 0..coordinates.len() {
        let step = 1e-4;
        let at = |amount: f64| {
            let mut moved = z.clone();
            moved[k] += amount;
            enthalpy(&moved)
        };
        let numeric = (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step);
        let error = (numeric - gradient[k]).abs();
        assert!(error < 1e-6 * (1.0 + gradient.norm()), "{name}, coordinate {k}: {numeric} is not {}", gradient[k]);
    }
}

#[test]
fn gradients_of_both_modes_are_derivatives_in_every_system() {
    let pairs = Pairs::morse();
    for number in GROUPS {
        let unit = random_unit(number, 11);
        for cell in [CellFreedom::Free, CellFreedom::ConstantVolume, CellFreedom::Fixed] {
            let symmetric = Coordinates::symmetric(unit.clone(), cell).expect("coordinates");
            check(&symmetric, &pairs, 3, &format!("group {number}, {cell:?}"));
        }
        let structure = unit.expand().expect("a structure");
        check(
            &Coordinates::free(structure.clone(), &structure, CellFreedom::Free),
            &pairs,
            4,
            &format!("P1 of group {number}"),
        );
    }
}

#[test]
fn the_symmetric_gradient_is_that_of_the_full_cell() {
    let pairs = Pairs::morse();
    for number in GROUPS {
        let unit = random_unit(number, 11);
        let structure = unit.expand().expect("a structure");
        let symmetric = Coordinates::symmetric(unit, CellFreedom::Free).expect("coordinates");
        let free = Coordinates::free(structure.clone(), &structure, CellFreedom::Free);
        // In w the gradient of a symmetric crystal has the same length in both; C·g_z is g_w.
        let length = |coordinates: &Coordinates| {
            let placement = coordinates.placement(&DVector::zeros(coordinates.len())).expect("a cell");
            let gradient = coordinates.gradient(&placement, &evaluate(&pairs, &placement), PRESSURE);
            // The model springs know the symmetry: the length of the first step is the same, too.
            ((&coordinates.factor * &gradient).norm(), gradient.norm())
        };
        let (full, reduced) = (length(&free), length(&symmetric));
        assert!((full.0 - reduced.0).abs() < 1e-8 * full.0.max(1.0), "group {number}: {full:?} {reduced:?}");
        assert!((full.1 - reduced.1).abs() < 1e-8 * full.1.max(1.0), "group {number}: {full:?} {reduced:?}");
    }
}

#[test]
fn constant_volume_is_constant_and_a_fixed_cell_is_fixed() {
    for number in GROUPS {
        let unit = random_unit(number, 12);
        for cell in [CellFreedom::ConstantVolume, CellFreedom::Fixed] {
            let coordinates = Coordinates::symmetric(unit.clone(), cell).expect("coordinates");
            let start = coordinates.placement(&DVector::zeros(coordinates.len())).expect("a cell");
            let moved = coordinates.placement(&DVector::from_element(coordinates.len(), 0.3)).expect("a cell");
            assert!((start.volume - moved.volume).abs() < 1e-9 * start.volume, "group {number}");
            if cell == CellFreedom::Fixed {
                assert!((start.lattice.matrix() - moved.lattice.matrix()).amax() < 1e-9);
            }
        }
    }
}
