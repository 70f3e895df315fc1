//! The batch of one training step: clean crystals for the encoder, noised ones for the decoder, and the targets.
//!
//! Everything drawn for step n depends on the seed and n alone, so a resumed run sees the same batches.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use crystal_states::{Draw, GraphBatch, NoisedStates, StateSet};
use nalgebra::{Matrix3, Vector3};
use random_keys::RandomKey;
use rayon::prelude::*;
use tensor_ops::gather_rows;

use crate::config::{N_COUNTS, N_TYPES};
use crate::crystals::Crystals;
use crate::{CdvaeConfig, CdvaeError, LatticeScaler, PositionTarget};

/// Items of random numbers: those of the sites come first, those of levels last.
const ELEMENT_ITEM: u32 = 1 << 24;
const LATENT_ITEM: u32 = 1 << 25;
const LEVEL_ITEM: u32 = u32::MAX;

/// Numbers of a lattice on the device: its inverse and itself, rows first, then its 27 nearest translations.
const LATTICE_WIDTH: usize = 9 + 9 + 81;

/// Crystals where a device can take its batches from.
#[derive(Debug)]
pub(crate) struct CrystalSet<'a> {
    crystals: &'a Crystals,
    states: StateSet<'a>,
    /// For each crystal the numbers of its lattice.
    lattices: Vec<f32>,
    scaled: Vec<[f32; 6]>,
    /// One-hot rows of the elements, `[118, 100]`.
    types: Tensor<2>,
    device: Device,
}

/// Which crystals a step takes, and how its random numbers are told from those of other steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws<'a> {
    pub(crate) key: RandomKey,
    pub(crate) step: u64,
    /// Place in the whole batch and index of each crystal.
    pub(crate) chosen: &'a [(usize, usize)],
    /// Crystals of the whole batch, of which these may be a share.
    pub(crate) n_whole: usize,
}

/// A batch on a device. B: crystals of the whole batch, of which S are here, with N sites together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) clean: GraphBatch,
    pub(crate) noised: GraphBatch,
    pub(crate) n_sites: usize,
    pub(crate) n_whole: usize,
    /// 1/(atoms of the crystal) for each row of the sites of `clean`, 0 for padding.
    pub(crate) shares: Tensor<2>,
    /// 1/(atoms of the crystal)/B for each site, `[N, 1]`.
    pub(crate) weights: Tensor<2>,
    /// One-hot elements of the sites, `[N, 100]`.
    pub(crate) types: Tensor<2>,
    /// σ_A of each site, `[N, 1]`.
    pub(crate) element_sigma: Tensor<2>,
    /// Uniform numbers that choose the noised elements, `[N, 1]`.
    pub(crate) element_uniform: Tensor<2>,
    /// What the score should be, in units of the noise, `[N, 3]`.
    pub(crate) position_target: Tensor<2>,
    /// ε of the encodings, `[S, latent]`.
    pub(crate) latent_noise: Tensor<2>,
    /// One-hot number of atoms, `[S, 21]`.
    pub(crate) number: Tensor<2>,
    /// `[S, 6]`.
    pub(crate) lattice: Tensor<2>,
    /// Shares of the elements, `[S, 100]`.
    pub(crate) composition: Tensor<2>,
}

impl<'a> CrystalSet<'a> {
    pub(crate) fn new(crystals: &'a Crystals, scaler: &LatticeScaler, device: &Device) -> Result<Self, CdvaeError> {
        let device = device.clone().without_autodiff();
        let states = StateSet::new(&crystals.states, &device)?;
        let numbers = |state: &crystal_core::CrystalState| {
            let lattice = state.primitive_lattice()?;
            Ok(lattice_numbers(lattice.matrix(), lattice.inverse()))
        };
        let lattices =
            crystals.states.par_iter().map(numbers).collect::<Result<Vec<_>, crystal_core::CrystalError>>()?;
        let scaled = crystals.cells.iter().map(|cell| scaler.scale(cell).map(whole::single)).collect();
        Ok(Self { crystals, states, lattices: lattices.concat(), scaled, types: type_rows(&device), device })
    }

    fn tensor(&self, values: Vec<f32>, width: usize) -> Tensor<2> {
        let shape = [values.len() / width, width];
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    /// Draws and noises a batch.
    pub(crate) fn batch(
        &self,
        config: &CdvaeConfig,
        target: PositionTarget,
        draws: Draws<'_>,
    ) -> Result<Batch, CdvaeError> {
        let Draws { key, step, chosen, n_whole } = draws;
        let n = chosen.len();
        let levels: Vec<[f64; 2]> = chosen
            .iter()
            .map(|&(slot, _)| {
                let [position, element, ..] = key.uniform(step, whole::compact(slot), LEVEL_ITEM);
                let level = |uniform: f64| whole::count(uniform * config.levels.count as f64);
                [config.levels.position_sigma(level(position)), config.levels.element_sigma(level(element))]
            })
            .collect();
        let draw = |sigma: f64, &(slot, index): &(usize, usize)| Draw {
            index,
            slot: whole::compact(slot),
            position_sigma: sigma,
            lattice_sigma: 0.0,
        };
        let noised: Vec<Draw> = chosen.iter().zip(&levels).map(|(chosen, sigma)| draw(sigma[0], chosen)).collect();
        let clean: Vec<Draw> = chosen.iter().map(|chosen| draw(0.0, chosen)).collect();
        // Both graphs first: each reads a number back from the device, which nothing else of the step should wait for.
        let NoisedStates { states: mut noised_states, position_noise, .. } = self.states.noised(&noised, key, step)?;
        let mut clean_states = self.states.noised(&clean, key, step)?.states;
        let none = vec![0; n];
        let clean = clean_states.graph_batch(&none, &config.encoder.basis(), &config.encoder_graph)?;
        let noised = noised_states.graph_batch(&none, &config.decoder.basis(), &config.decoder_graph)?;
        let n_sites = clean_states.n_sites();

        let atoms: Vec<usize> = chosen.iter().map(|&(_, index)| self.crystals.n_atoms(index)).collect();
        let by_site = |of: &dyn Fn(usize) -> f32| -> Vec<f32> {
            atoms.iter().enumerate().flat_map(|(s, &n_atoms)| std::iter::repeat_n(of(s), n_atoms)).collect()
        };
        let mut shares = by_site(&|s| 1.0 / atoms[s] as f32);
        let weights = shares.iter().map(|share| share / n_whole as f32).collect();
        shares.resize(clean.n_sites(), 0.0);
        let uniform = chosen.iter().zip(&atoms).flat_map(|(&(slot, _), &n_atoms)| {
            let of_site = move |site: usize| {
                let [share, ..] = key.uniform(step, whole::compact(slot), ELEMENT_ITEM + whole::compact(site));
                whole::single(share)
            };
            (0..n_atoms).map(of_site)
        });
        let uniform = uniform.collect();
        let mut number = vec![0.0; n * N_COUNTS];
        let mut composition = vec![0.0; n * N_TYPES];
        for (s, &(_, index)) in chosen.iter().enumerate() {
            number[s * N_COUNTS + atoms[s]] = 1.0;
            for site in &self.crystals.states[index].sites {
                let element = usize::from(site.species().atomic_number()) - 1;
                composition[s * N_TYPES + element] += 1.0 / atoms[s] as f32;
            }
        }
        let lattice = chosen.iter().flat_map(|&(_, index)| self.scaled[index]).collect();
        let latents: Vec<u64> = chosen.iter().map(|&(slot, _)| slot as u64).collect();
        let latent_noise = latent_normals(key, &latents, config.latent, |slot| {
            (step, u32::try_from(slot).expect("a slot of a batch"))
        });
        let types = gather_rows(self.types.clone(), &clean.elements).narrow(0, 0, n_sites);
        let sigmas = self.tensor(by_site(&|s| whole::single(levels[s][0])), 1);
        let position_target = match target {
            PositionTarget::Noise => position_noise.neg(),
            PositionTarget::NearestImage => {
                let rows = |&(_, index): &(usize, usize)| {
                    self.lattices[index * LATTICE_WIDTH..(index + 1) * LATTICE_WIDTH].iter().copied()
                };
                let lattices = self.tensor(chosen.iter().flat_map(rows).collect(), LATTICE_WIDTH);
                let lattices = gather_rows(lattices, &clean.site_structure).narrow(0, 0, n_sites);
                nearest_image(position_noise * sigmas.clone(), lattices).neg() / sigmas
            }
        };
        Ok(Batch {
            n_sites,
            n_whole,
            shares: self.tensor(shares, 1),
            weights: self.tensor(weights, 1),
            types,
            element_sigma: self.tensor(by_site(&|s| whole::single(levels[s][1])), 1),
            element_uniform: self.tensor(uniform, 1),
            position_target,
            latent_noise: self.tensor(latent_noise, config.latent),
            number: self.tensor(number, N_COUNTS),
            lattice: self.tensor(lattice, 6),
            composition: self.tensor(composition, N_TYPES),
            clean,
            noised,
        })
    }
}

/// Normal numbers for latent vectors, `[items, latent]`; `place` gives stream and draw of each.
pub(crate) fn latent_normals(
    key: RandomKey,
    items: &[u64],
    latent: usize,
    place: impl Fn(u64) -> (u64, u32) + Sync,
) -> Vec<f32> {
    let mut values = vec![0.0; items.len() * latent];
    values.par_chunks_mut(latent).zip(items).for_each(|(row, &item)| {
        let (stream, draw) = place(item);
        for (four, values) in row.chunks_mut(4).enumerate() {
            let normals = key.normal(stream, draw, LATENT_ITEM + whole::compact(four));
            values.iter_mut().zip(normals).for_each(|(value, normal)| *value = whole::single(normal));
        }
    });
    values
}

/// One-hot rows of the elements, `[118, 100]`: those beyond fermium are 0.
fn type_rows(device: &Device) -> Tensor<2> {
    let mut rows = vec![0.0_f32; crystal_states::N_ELEMENTS * N_TYPES];
    (0..N_TYPES).for_each(|element| rows[element * N_TYPES + element] = 1.0);
    Tensor::from_data(TensorData::new(rows, [crystal_states::N_ELEMENTS, N_TYPES]), device)
}

/// What the nearest image of a displacement is computed from.
fn lattice_numbers(lattice: &Matrix3<f64>, inverse: &Matrix3<f64>) -> Vec<f32> {
    let rows = |matrix: &Matrix3<f64>| -> Vec<f32> {
        (0..3).flat_map(|i| (0..3).map(move |j| (i, j))).map(|place| whole::single(matrix[place])).collect()
    };
    let steps = || [-1.0, 0.0, 1.0].into_iter();
    let translations = steps().flat_map(|i| steps().flat_map(move |j| steps().map(move |k| Vector3::new(i, j, k))));
    let translations =
        translations.flat_map(|t| <[f64; 3]>::from(lattice.tr_mul(&t)).map(whole::single)).collect::<Vec<_>>();
    [rows(inverse), rows(lattice), translations].concat()
}

/// `x·M` for each row x `[N, 3]` and its matrix `[N, 9]`.
fn row_products(x: Tensor<2>, matrices: Tensor<2>) -> Tensor<2> {
    let n = x.dims()[0];
    (x.reshape([n, 3, 1]) * matrices.reshape([n, 3, 3])).sum_dim(1).reshape([n, 3])
}

/// The shortest of 27 images of each displacement, `[N, 3]`, which is first brought near the origin; `lattices`
/// `[N, 99]`.
fn nearest_image(displacements: Tensor<2>, lattices: Tensor<2>) -> Tensor<2> {
    let n = displacements.dims()[0];
    let part = |first: usize, width: usize| lattices.clone().narrow(1, first, width);
    let fractional = row_products(displacements, part(0, 9));
    let wrapped = row_products(fractional.clone() - fractional.round(), part(9, 9));
    let images = wrapped.reshape([n, 1, 3]) + part(18, 81).reshape([n, 27, 3]);
    let lengths: Tensor<3> = images.clone().square().sum_dim(2);
    let nearest = lengths.argmin(1).expand([n, 1, 3]);
    images.gather(1, nearest).reshape([n, 3])
}

/// Rows of zeros behind the rows, up to `n`.
pub(crate) fn padded(rows: Tensor<2>, n: usize) -> Tensor<2> {
    let [found, width] = rows.dims();
    if found >= n {
        return rows;
    }
    let zeros = Tensor::zeros([n - found, width], &rows.device());
    Tensor::cat(vec![rows, zeros], 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::Lattice;
    use tensor_ops::device::available_devices;

    #[test]
    fn the_nearest_image_is_the_nearest_of_many() {
        // A Niggli-reduced cell with oblique angles.
        let lattice = Lattice::from_rows([[4.0, 0.0, 0.0], [1.6, 4.2, 0.0], [1.8, 1.9, 4.4]]).expect("a cell");
        let (lattice, _) = lattice.niggli().expect("a reduced cell");
        let displacements: Vec<Vector3<f64>> = (0..40)
            .map(|k| {
                let t = f64::from(k);
                Vector3::new((1.7 * t).sin(), (2.9 * t).cos(), (0.7 * t).sin()) * (0.3 * t)
            })
            .collect();
        let flat = |vectors: &[Vector3<f64>]| -> Vec<f32> {
            vectors.iter().flat_map(|v| <[f64; 3]>::from(*v).map(whole::single)).collect()
        };
        for device in available_devices() {
            let n = displacements.len();
            let x = Tensor::<2>::from_data(TensorData::new(flat(&displacements), [n, 3]), &device);
            let numbers = lattice_numbers(lattice.matrix(), lattice.inverse()).repeat(n);
            let numbers = Tensor::<2>::from_data(TensorData::new(numbers, [n, LATTICE_WIDTH]), &device);
            let found: Vec<f32> = nearest_image(x, numbers).into_data().iter::<f32>().collect();
            for (found, displacement) in found.chunks(3).zip(&displacements) {
                let found = Vector3::from_fn(|k, _| f64::from(found[k]));
                let wrapped = lattice.to_fractional(displacement).map(|x| x - x.round());
                let mut shortest = f64::INFINITY;
                for i in -2..=2 {
                    for j in -2..=2 {
                        for k in -2..=2 {
                            let image = wrapped + Vector3::new(f64::from(i), f64::from(j), f64::from(k));
                            shortest = shortest.min(lattice.to_cartesian(&image).norm());
                        }
                    }
                }
                assert!((found.norm() - shortest).abs() < 1e-4, "{found} is not {shortest} long");
                let away = lattice.to_fractional(&(found - displacement));
                assert!(away.iter().all(|x| (x - x.round()).abs() < 1e-4), "{away} is not a translation");
            }
        }
    }
}
