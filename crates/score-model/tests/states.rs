//! The estimate of real states, through the graph builder: what it must not depend on.
#![cfg(feature = "cpu")]

use burn::tensor::Device;
use crystal_core::{CrystalState, LatticeCoordinates, SpaceGroup, Species, StateSite};
use multigraph::{BatchedMultiGraph, GraphConfig};
use nalgebra::{Matrix3, Vector3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use score_model::{DimeNetPlusPlusConfig, ScoreBatch, ScoreModel};

/// Five sites in this space group, the last on the origin, with random lattice coordinates.
fn random_state(number: i64, rng: &mut ChaCha8Rng) -> CrystalState {
    let space_group = SpaceGroup::from_number(number).expect("1 to 230");
    let n_free = LatticeCoordinates::new(space_group.system()).n_free();
    // Lengths about 7 Å; cotangents of angles near those of right angles.
    let lattice_coords = (0..n_free).map(|k| if k < 3 { rng.random_range(0.0..3.0) } else { rng.random_range(-0.2..0.2) });
    let lattice_coords = lattice_coords.collect();
    let site = |k: usize| {
        let frac_coords = if k == 4 { Vector3::zeros() } else { Vector3::from_fn(|_, _| rng.random_range(0.0..1.0)) };
        StateSite::general(Species::from_atomic_number([8, 22, 56, 8, 26][k]).expect("an element"), frac_coords)
    };
    let sites = (0..5).map(site).collect();
    CrystalState { space_group, lattice_coords, sites }
}

/// Position of each site, then lattice.
fn estimate(model: &impl ScoreModel, state: &CrystalState) -> (Vec<Vector3<f64>>, Vec<f64>) {
    let graph = BatchedMultiGraph::from_states(std::slice::from_ref(state), &GraphConfig::default()).expect("a legal state");
    let batch = ScoreBatch::new(&graph, &[4], &model.basis(), &Device::flex()).expect("a valid batch");
    let estimate = model.forward(&batch);
    let position: Vec<f64> = estimate.position.into_data().iter::<f64>().collect();
    let position = position.chunks_exact(3).map(Vector3::from_column_slice).collect();
    (position, estimate.lattice.into_data().iter::<f64>().collect())
}

#[test]
fn representatives_and_translations_turn_the_position_and_leave_the_lattice() {
    let model = DimeNetPlusPlusConfig::small().init(&Device::flex());
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for number in [1, 14, 62, 139, 166, 186, 216, 225] {
        let state = random_state(number, &mut rng);
        let lattice = state.primitive_lattice().expect("a cell");
        let (position, lattice_estimate) = estimate(&model, &state);

        let mut moved = state.clone();
        let operations = state.space_group.primitive_operations();
        let mut rotations = vec![Matrix3::identity(); state.sites.len()];
        for (site, rotation) in moved.sites.iter_mut().zip(&mut rotations) {
            let operation = &operations[rng.random_range(0..operations.len())];
            let translation = Vector3::from_fn(|_, _| f64::from(rng.random_range(-2..=2)));
            site.frac_coords = operation.apply(&site.frac_coords) + translation;
            *rotation = operation.cartesian_rotation(&lattice);
        }
        let (moved_position, moved_lattice) = estimate(&model, &moved);
        let scale = position.iter().fold(0.0_f64, |largest, vector| largest.max(vector.amax()));
        assert!(scale > 0.0, "space group {number}");
        for ((found, expected), rotation) in moved_position.iter().zip(&position).zip(&rotations) {
            // 1e-4: coordinates are rounded to single precision after the move, not before.
            assert!((found - rotation * expected).amax() < 1e-4 * scale, "space group {number}: {found} {expected}");
        }
        let scale = lattice_estimate.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        for (found, expected) in moved_lattice.iter().zip(&lattice_estimate) {
            assert!((found - expected).abs() < 1e-4 * scale, "space group {number}: {found} {expected}");
        }
        let n_free = state.lattice_coords.len();
        assert!(lattice_estimate[n_free..].iter().all(|value| *value == 0.0), "space group {number}");
        assert!(lattice_estimate[..n_free].iter().any(|value| *value != 0.0), "space group {number}");
    }
}
