//! Start and step sizes of both Langevin processes.

use crystal_core::{CrystalState, LatticeCoordinates, SpaceGroup};
use crystal_states::LangevinStep;
use nalgebra::Vector3;
use random_keys::RandomKey;
use score_model::NoiseSchedule;

use crate::sampler::Template;
use crate::{Fixed, SamplerConfig, SamplingError, SamplingOrder};

/// Draw of the random numbers that a structure starts from; steps take the ones after it.
const START: u32 = 0;
/// First item of a starting site; the lattice takes the items before.
const FIRST_SITE_ITEM: u32 = 2;

/// Tells the random numbers of a structure apart: they depend on the seed and on its place alone.
pub(crate) fn stream(order: usize, index: usize, attempt: usize) -> u64 {
    // 24 bits of order, 24 of place in the order, 16 of attempt: no two structures share a stream.
    ((order as u64) << 40) | ((index as u64 & 0xff_ffff) << 16) | (attempt as u64 & 0xffff)
}

/// Lattice coordinates `y ~ N(0, σ²)`; sites uniform in the primitive cell, or along their Wyckoff positions.
pub(crate) fn start(
    order: &SamplingOrder,
    candidate: usize,
    config: &SamplerConfig,
    key: RandomKey,
    stream: u64,
) -> CrystalState {
    let space_group = SpaceGroup::get(order.space_group);
    let n_free = LatticeCoordinates::new(space_group.system()).n_free();
    let noise = [key.normal(stream, START, 0), key.normal(stream, START, 1)].concat();
    let lattice_coords = noise[..n_free].iter().map(|z| config.initial_lattice_sigma * z).collect();
    let mut sites = order.state_sites(candidate);
    for (site, item) in sites.iter_mut().zip(FIRST_SITE_ITEM..) {
        let [x, y, z, _] = key.uniform(stream, START, item);
        site.move_to(site.free_coordinates(space_group).point(&Vector3::new(x, y, z)));
    }
    CrystalState { space_group, lattice_coords, sites }
}

/// The template with the noise of its level, on what is not fixed.
///
/// # Errors
/// [`SamplingError::Crystal`] if its lattice is not a cell.
pub(crate) fn noised(
    template: &Template,
    config: &SamplerConfig,
    schedule: &NoiseSchedule,
    key: RandomKey,
    stream: u64,
) -> Result<CrystalState, SamplingError> {
    let mut state = template.state.clone();
    let lattice = state.primitive_lattice()?;
    if config.fixed != Some(Fixed::Positions) {
        let sigma = schedule.position_sigma(template.level);
        let displacement = |item: u32| {
            let [x, y, z, _] = key.normal(stream, START, item);
            Vector3::new(x, y, z) * sigma
        };
        let displacements: Vec<Vector3<f64>> = (FIRST_SITE_ITEM..).take(state.sites.len()).map(displacement).collect();
        state.displace(&lattice, &displacements);
    }
    if config.fixed != Some(Fixed::Lattice) {
        let sigma = schedule.lattice_sigma(template.level);
        let noise = [key.normal(stream, START, 0), key.normal(stream, START, 1)].concat();
        state.lattice_coords.iter_mut().zip(noise).for_each(|(y, z)| *y += sigma * z);
    }
    Ok(state)
}

/// `x ← x − ½·α·ε̂/σ + T·√α·z` with `α = step·σ²` (the paper's `1e-3·σ_t²/σ_min²` with σ_min² = 0.001 for positions,
/// `1e-2·σ'_t²/σ'_min²` with σ'_min² = 0.1 for lattices).
pub(crate) fn langevin_step((sigma, step, temperature): (f64, f64, f64), draw: u32) -> LangevinStep {
    let alpha = step * sigma * sigma;
    LangevinStep { drift: -0.5 * alpha / sigma, noise: temperature * alpha.sqrt(), draw }
}
