//! Annealed Langevin steps of the atoms, their elements read anew at each.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::{Site, Species, Structure};
use crystal_states::{LangevinStep, StateBatch};
use random_keys::{Purpose, RandomKey};

use super::CdvaeSampling;
use super::plan::{Plan, largest};
use crate::batch::padded;
use crate::config::N_TYPES;
use crate::{CdvaeError, Trained};

/// First stream of the steps' random numbers: a crystal that is drawn again walks another way.
fn stream(plan: &Plan) -> u64 {
    (1 << 62) | ((plan.draw as u64) << 40) | plan.index as u64
}

/// Moves the atoms of all plans from the highest level of noise to the lowest; for those that can go no further, why.
///
/// # Errors
/// [`CdvaeError::States`].
pub(super) fn anneal(
    trained: &Trained,
    sampling: &CdvaeSampling,
    plans: &[Plan],
    device: &Device,
    mut progress: impl FnMut(f64),
) -> Result<Vec<Result<Structure, String>>, CdvaeError> {
    let model = &trained.model;
    let config = model.config();
    let key = RandomKey::new(sampling.seed, Purpose::Sampling);
    let states: Vec<_> = plans.iter().map(|plan| plan.state.clone()).collect();
    let streams: Vec<u64> = plans.iter().map(stream).collect();
    let mut batch = StateBatch::new(&states, &streams, key, device)?;
    let n_sites = batch.n_sites();
    let z = plans.iter().flat_map(|plan| plan.z.iter().copied()).collect::<Vec<f32>>();
    let z = Tensor::<2>::from_data(TensorData::new(z, [plans.len(), config.latent]), device);
    let numbers = states.iter().flat_map(|state| &state.sites).map(|site| site.species().atomic_number());
    let mut elements = vec![0.0_f32; n_sites * N_TYPES];
    numbers.enumerate().for_each(|(site, number)| elements[site * N_TYPES + usize::from(number) - 1] = 1.0);
    let mut elements = Tensor::<2>::from_data(TensorData::new(elements, [n_sites, N_TYPES]), device);

    let levels = vec![0; plans.len()];
    let (n_levels, basis) = (config.levels.count, config.decoder.basis());
    let lowest = config.levels.position_sigma(0);
    let mut draw = 0;
    for level in (0..n_levels).rev() {
        let sigma = config.levels.position_sigma(level);
        let step_size = sampling.step_size * (sigma / lowest).powi(2);
        for _ in 0..sampling.steps_per_level {
            let graph = batch.graph_batch(&levels, &basis, &config.decoder_graph)?;
            let denoised = model.denoise(padded(elements, graph.n_sites()), z.clone(), &graph);
            // The score is s/σ.
            let step = LangevinStep { drift: step_size / sigma, noise: (2.0 * step_size).sqrt(), draw };
            batch.step_positions(denoised.score, step);
            elements = likeliest(denoised.elements.narrow(0, 0, n_sites));
            draw += 1;
        }
        progress((n_levels - level) as f64 / n_levels as f64);
    }
    let elements: Vec<f32> = elements.into_data().iter::<f32>().collect();
    let mut rows = elements.chunks(N_TYPES);
    let mut outcome = |state: Result<crystal_core::CrystalState, String>, n_atoms: usize| {
        let numbers: Vec<usize> = rows.by_ref().take(n_atoms).map(|row| largest(row) + 1).collect();
        let state = state?;
        let lattice = state.primitive_lattice().map_err(|error| error.to_string())?;
        let site = |(site, number): (&crystal_core::StateSite, usize)| {
            let species = Species::from_atomic_number(number as i64).map_err(|error| error.to_string())?;
            Ok(Site { species, frac_coords: site.frac_coords().map(|x| x - x.floor()) })
        };
        let sites = state.sites.iter().zip(numbers).map(site).collect::<Result<Vec<_>, String>>()?;
        Structure::allowing_overlap(lattice, sites).map_err(|error| error.to_string())
    };
    let atoms = states.iter().map(|state| state.sites.len());
    Ok(batch.into_states().into_iter().zip(atoms).map(|(state, n_atoms)| outcome(state, n_atoms)).collect())
}

/// One-hot rows of the largest entries.
fn likeliest(logits: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = logits.dims();
    let largest = logits.clone().max_dim(1).expand([rows, columns]);
    logits.greater_equal(largest).float()
}
