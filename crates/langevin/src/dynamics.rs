//! Start and steps of both Langevin processes, for one structure.

use crystal_core::{Composition, CrystalError, CrystalState, LatticeCoordinates, Site, SpaceGroup};
use nalgebra::Vector3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use score_model::normal_vector;

use crate::SamplerConfig;

/// Volume of the primitive cell per image, Å³, outside which a structure counts as exploded or collapsed.
const VOLUME_PER_IMAGE: (f64, f64) = (1e-4, 1e4);

/// A generator that depends on the seed and on the structure's place alone.
pub(crate) fn generator(seed: u64, order: usize, index: usize, attempt: usize) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    // 24 bits of order, 24 of place in the order, 16 of attempt: no two structures share a stream.
    generator.set_stream(((order as u64) << 40) | ((index as u64 & 0xff_ffff) << 16) | (attempt as u64 & 0xffff));
    generator
}

/// Lattice coordinates `y ~ N(0, σ²)`, positions uniform in the primitive cell.
pub(crate) fn start(
    space_group: &'static SpaceGroup,
    sites: &Composition,
    config: &SamplerConfig,
    rng: &mut ChaCha8Rng,
) -> CrystalState {
    let n_free = LatticeCoordinates::new(space_group.system()).n_free();
    let lattice_coords = (0..n_free).map(|_| config.initial_lattice_sigma * rng.sample::<f64, _>(StandardNormal)).collect();
    let sites = sites
        .iter()
        .flat_map(|(species, count)| std::iter::repeat_n(species, count as usize))
        .map(|species| Site { species, frac_coords: Vector3::from_fn(|_, _| rng.random_range(0.0..1.0)) })
        .collect();
    CrystalState { space_group, lattice_coords, sites }
}

/// One position step: `x ← x − ½·α·ε̂/σ + T·√α·z` with `α = step·σ²` (the paper's `1e-3·σ_t²/σ_min²`, σ_min² = 0.001).
pub(crate) fn position_step(
    state: &mut CrystalState,
    estimate: &[[f32; 3]],
    sigma: f64,
    config: &SamplerConfig,
    rng: &mut ChaCha8Rng,
) -> Result<(), CrystalError> {
    let alpha = config.position_step * sigma * sigma;
    let lattice = state.primitive_lattice()?;
    let displacements: Vec<Vector3<f64>> = estimate
        .iter()
        .map(|estimate| {
            let noise = normal_vector(rng);
            let drift = Vector3::from(estimate.map(f64::from)) * (-0.5 * alpha / sigma);
            drift + noise * (config.position_temperature * alpha.sqrt())
        })
        .collect();
    state.displace(&lattice, &displacements);
    Ok(())
}

/// One lattice step: `y ← y − ½·α'·ε̂/σ' + T'·√α'·z` with `α' = step·σ'²` (the paper's `1e-2·σ'_t²/σ'_min²`, σ'_min² = 0.1).
pub(crate) fn lattice_step(state: &mut CrystalState, estimate: &[f32], sigma: f64, config: &SamplerConfig, rng: &mut ChaCha8Rng) {
    let alpha = config.lattice_step * sigma * sigma;
    for (y, estimate) in state.lattice_coords.iter_mut().zip(estimate) {
        let noise: f64 = rng.sample(StandardNormal);
        *y += -0.5 * alpha / sigma * f64::from(*estimate) + config.lattice_temperature * alpha.sqrt() * noise;
    }
}

/// Why a state can go no further, if it cannot.
pub(crate) fn failure(state: &CrystalState) -> Option<String> {
    if state.sites.iter().any(|site| site.frac_coords.iter().any(|x| !x.is_finite())) {
        return Some("a position is no longer a number".to_owned());
    }
    let lattice = match state.primitive_lattice() {
        Ok(lattice) => lattice,
        Err(error) => return Some(error.to_string()),
    };
    let images = (state.sites.len() * state.space_group.operations().len()) as f64;
    let volume = lattice.volume() / images;
    let (low, high) = VOLUME_PER_IMAGE;
    (!(low..=high).contains(&volume)).then(|| format!("the cell came to {volume:.3e} Å³ per image"))
}
