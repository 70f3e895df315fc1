//! Start and step sizes of both Langevin processes.

use crystal_core::{Composition, CrystalState, LatticeCoordinates, Site, SpaceGroup};
use nalgebra::Vector3;
use score_model::{LangevinStep, RandomKey};

use crate::SamplerConfig;

/// Draw of the random numbers that a structure starts from; steps take the ones after it.
const START: u32 = 0;
/// First item of a starting site; the lattice takes the items before.
const FIRST_SITE_ITEM: u32 = 2;

/// Tells the random numbers of a structure apart: they depend on the seed and on its place alone.
pub(crate) fn stream(order: usize, index: usize, attempt: usize) -> u64 {
    // 24 bits of order, 24 of place in the order, 16 of attempt: no two structures share a stream.
    ((order as u64) << 40) | ((index as u64 & 0xff_ffff) << 16) | (attempt as u64 & 0xffff)
}

/// Lattice coordinates `y ~ N(0, σ²)`, positions uniform in the primitive cell.
pub(crate) fn start(
    space_group: &'static SpaceGroup,
    sites: &Composition,
    config: &SamplerConfig,
    key: RandomKey,
    stream: u64,
) -> CrystalState {
    let n_free = LatticeCoordinates::new(space_group.system()).n_free();
    let noise = [key.normal(stream, START, 0), key.normal(stream, START, 1)].concat();
    let lattice_coords = noise[..n_free].iter().map(|z| config.initial_lattice_sigma * z).collect();
    let sites = sites
        .iter()
        .flat_map(|(species, count)| std::iter::repeat_n(species, count as usize))
        .zip(FIRST_SITE_ITEM..)
        .map(|(species, item)| {
            let [x, y, z, _] = key.uniform(stream, START, item);
            Site { species, frac_coords: Vector3::new(x, y, z) }
        })
        .collect();
    CrystalState { space_group, lattice_coords, sites }
}

/// `x ← x − ½·α·ε̂/σ + T·√α·z` with `α = step·σ²` (the paper's `1e-3·σ_t²/σ_min²` with σ_min² = 0.001 for positions, `1e-2·σ'_t²/σ'_min²` with
/// σ'_min² = 0.1 for lattices).
pub(crate) fn langevin_step((sigma, step, temperature): (f64, f64, f64), draw: u32) -> LangevinStep {
    let alpha = step * sigma * sigma;
    LangevinStep { drift: -0.5 * alpha / sigma, noise: temperature * alpha.sqrt(), draw }
}
