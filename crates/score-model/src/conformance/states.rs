//! Real states, through the graph builder.

use burn::tensor::Device;
use crystal_core::whole;
use crystal_core::{CrystalState, LatticeCoordinates, SpaceGroup, SpaceGroupNumber, Species, StateSite};
use multigraph::{BatchedMultiGraph, GraphConfig};
use nalgebra::{Matrix3, Vector3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ConformanceError, Estimate, compare, estimate};
use crate::ScoreNetwork;

/// Groups with screw axes and glide planes, centred cells, and one with a free origin along c (186).
const GROUPS: [u8; 6] = [1, 14, 62, 139, 186, 225];

/// Other representatives and periodic images of the sites turn the position estimate and leave that of the lattice;
/// another choice of the origin, where the group allows it, changes nothing.
///
/// The graphs are built in double precision, so the tolerance is that of the other checks.
///
/// # Errors
/// [`ConformanceError::Violation`] for the first property that does not hold.
pub fn check_states<M: ScoreNetwork>(model: &M, device: &Device) -> Result<(), ConformanceError> {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let level = model.basis().n_levels / 2;
    for number in GROUPS {
        let group = SpaceGroup::get(SpaceGroupNumber::new(number.into()).expect("a space group"));
        let state = random_state(group, &mut rng);
        let original = estimate_of(model, &state, level, device)?;

        let lattice = state.primitive_lattice().expect("lattice coordinates make a cell");
        let operations = group.primitive_operations();
        let mut moved = state.clone();
        let mut turned = Estimate { position: Vec::new(), lattice: original.lattice.clone() };
        for (site, position) in moved.sites.iter_mut().zip(&original.position) {
            let operation = &operations[rng.random_range(0..operations.len())];
            let shift = Vector3::from_fn(|_, _| f64::from(rng.random_range(-2..=2)));
            *site = StateSite::general(site.species(), operation.apply(&site.frac_coords()) + shift);
            // Cartesian rows turn as r' = r·P⁻¹·Wᵀ·P, P the primitive lattice.
            let matrix: Matrix3<f64> =
                lattice.inverse() * operation.rotation.map(f64::from).transpose() * lattice.matrix();
            let row = Vector3::from(position.map(f64::from)).transpose() * matrix;
            turned.position.push([whole::single(row[0]), whole::single(row[1]), whole::single(row[2])]);
        }
        compare(
            "representatives and periodic images of real states",
            &turned,
            &estimate_of(model, &moved, level, device)?,
        )?;

        let free = match number {
            1 => Vector3::new(0.21, -0.4, 0.37),
            186 => Vector3::new(0.0, 0.0, 0.29),
            _ => continue,
        };
        let mut shifted = state.clone();
        for site in &mut shifted.sites {
            *site = StateSite::general(site.species(), site.frac_coords() + free);
        }
        compare("the origin of real states", &original, &estimate_of(model, &shifted, level, device)?)?;
    }
    Ok(())
}

fn estimate_of<M: ScoreNetwork>(
    model: &M,
    state: &CrystalState,
    level: usize,
    device: &Device,
) -> Result<Estimate, ConformanceError> {
    let graph = BatchedMultiGraph::from_states(std::slice::from_ref(state), &GraphConfig::default());
    let graph = graph.map_err(crystal_states::StateError::from)?;
    Ok(estimate(model, &graph, &[level], device)?)
}

/// Four sites in general position, lengths about 7 Å, cotangents of angles near those of right angles.
fn random_state(space_group: &'static SpaceGroup, rng: &mut ChaCha8Rng) -> CrystalState {
    let n_free = LatticeCoordinates::new(space_group.system()).n_free();
    let coordinate = |k: usize| if k < 3 { rng.random_range(0.0..3.0) } else { rng.random_range(-0.2..0.2) };
    let lattice_coords = (0..n_free).map(coordinate).collect();
    let sites = [8, 22, 56, 8]
        .map(|number| {
            let species = Species::from_atomic_number(number).expect("an element");
            StateSite::general(species, Vector3::from_fn(|_, _| rng.random_range(0.0..1.0)))
        })
        .to_vec();
    CrystalState { space_group, lattice_coords, sites }
}
