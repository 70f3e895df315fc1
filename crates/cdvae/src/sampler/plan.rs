//! What a latent vector says of a crystal as a whole: atoms, cell, elements.

use burn::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use crystal_core::{CrystalState, Species, StateSite};
use nalgebra::Vector3;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::seq::SliceRandom;
use random_keys::{Purpose, RandomKey};

use super::CdvaeSampling;
use crate::Trained;
use crate::batch::latent_normals;
use crate::config::{N_COUNTS, N_TYPES};
use crate::crystals::{cell_of, state_of};

/// Lengths of cells that are accepted, Å.
const LENGTHS: (f64, f64) = (1.0, 60.0);
/// Angles that are accepted, degrees.
const ANGLES: (f64, f64) = (15.0, 165.0);
/// Least volume per atom, Å³.
const LEAST_VOLUME: f64 = 3.0;
/// Items of random numbers of the positions that a crystal starts from.
const POSITION_ITEM: u32 = 1 << 26;
/// Draws of the generator that chooses elements, beyond those of all others.
const ELEMENT_DRAW: u32 = 1 << 30;

/// A crystal that atoms are moved in.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) index: usize,
    /// The draw that it came from.
    pub(super) draw: usize,
    /// Draws before it that were refused in this round.
    pub(super) refused: usize,
    pub(super) z: Vec<f32>,
    /// Cell and positions; the elements are those of the composition.
    pub(super) state: CrystalState,
}

/// A crystal whose every draw was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) index: usize,
    pub(super) tries: usize,
    pub(super) reason: String,
}

/// Plans of crystals, `(number, first draw)`, and those that came to none.
pub(super) fn plans(
    trained: &Trained,
    sampling: &CdvaeSampling,
    wanted: Vec<(usize, usize)>,
    device: &Device,
) -> (Vec<Plan>, Vec<Refusal>) {
    let key = RandomKey::new(sampling.seed, Purpose::Sampling);
    let latent = trained.model.config().latent;
    let (mut plans, mut refusals) = (Vec::new(), Vec::new());
    let mut open: Vec<(usize, usize, usize)> = wanted.into_iter().map(|(index, draw)| (index, draw, 0)).collect();
    while !open.is_empty() {
        let items: Vec<u64> = (0..open.len() as u64).collect();
        let z = latent_normals(key, &items, latent, |item| {
            let (index, draw, _) = open[usize::try_from(item).expect("a place of this list")];
            (index as u64, whole::compact(draw))
        });
        let said = said(trained, &z, open.len(), device);
        let mut again = Vec::new();
        for (((index, draw, refused), said), z) in open.into_iter().zip(said).zip(z.chunks(latent)) {
            match said.state(trained, key, index, draw) {
                Ok(state) => plans.push(Plan { index, draw, refused, z: z.to_vec(), state }),
                Err(_) if draw < sampling.redraws => again.push((index, draw + 1, refused + 1)),
                Err(reason) => refusals.push(Refusal { index, tries: refused + 1, reason }),
            }
        }
        open = again;
    }
    plans.sort_by_key(|plan| plan.index);
    (plans, refusals)
}

/// What the heads say of one latent vector.
struct Said {
    n_atoms: usize,
    lattice: [f64; 6],
    composition: Vec<f64>,
}

/// Of latent vectors `[n, latent]`.
fn said(trained: &Trained, z: &[f32], n: usize, device: &Device) -> Vec<Said> {
    let z = Tensor::<2>::from_data(TensorData::new(z.to_vec(), [n, z.len() / n]), device);
    let predicted = trained.model.predict(z);
    let read = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
    let (number, lattice) = (read(predicted.number), read(predicted.lattice));
    let composition = read(softmax(predicted.composition, 1));
    let of_row = |row: usize| Said {
        n_atoms: largest(&number[row * N_COUNTS..(row + 1) * N_COUNTS]),
        lattice: std::array::from_fn(|k| f64::from(lattice[row * 6 + k])),
        composition: composition[row * N_TYPES..(row + 1) * N_TYPES].iter().map(|p| f64::from(*p)).collect(),
    };
    (0..n).map(of_row).collect()
}

/// Index of the largest; the first of equals.
pub(super) fn largest(values: &[f32]) -> usize {
    let best = values.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or(0, |(index, _)| index)
}

impl Said {
    /// The crystal that the atoms start from, or why there is none.
    fn state(&self, trained: &Trained, key: RandomKey, index: usize, draw: usize) -> Result<CrystalState, String> {
        let n_atoms = self.n_atoms;
        if self.lattice.iter().chain(&self.composition).any(|x| !x.is_finite()) || n_atoms == 0 {
            return Err("the network gave no numbers".to_owned());
        }
        let cell = cell_of(&trained.description.scaler.unscale(&self.lattice), n_atoms);
        let within = |x: f64, (low, high): (f64, f64)| (low..=high).contains(&x);
        let lengths = [cell.a, cell.b, cell.c].into_iter().all(|length| within(length, LENGTHS));
        if !lengths || ![cell.alpha, cell.beta, cell.gamma].into_iter().all(|angle| within(angle, ANGLES)) {
            return Err(format!("the cell came to {cell:?}"));
        }
        let (stream, draw) = (index as u64, whole::compact(draw));
        let mut generator = key.generator(stream, ELEMENT_DRAW + draw);
        let mut elements = rounded(&self.composition, n_atoms, &mut generator);
        elements.shuffle(&mut generator);
        elements.truncate(n_atoms);
        let site = |(site, element): (usize, usize)| {
            let [x, y, z, _] = key.uniform(stream, draw, POSITION_ITEM + whole::compact(site));
            let species = Species::from_atomic_number(element as i64 + 1).map_err(|error| error.to_string())?;
            Ok(StateSite::general(species, Vector3::new(x, y, z)))
        };
        let sites = elements.into_iter().enumerate().map(site).collect::<Result<Vec<_>, String>>()?;
        let state = state_of(cell, sites).map_err(|error| error.to_string())?;
        let volume = state.primitive_lattice().map_err(|error| error.to_string())?.volume() / n_atoms as f64;
        if volume < LEAST_VOLUME {
            return Err(format!("the cell came to {volume:.2} Å³ per atom"));
        }
        Ok(state)
    }
}

/// Elements of at least `n_atoms` atoms with these shares: `round(N·p)` of each, and those that are missing drawn from
/// what the rounding left over.
fn rounded(shares: &[f64], n_atoms: usize, generator: &mut impl rand::Rng) -> Vec<usize> {
    let n = n_atoms as f64;
    let counts: Vec<f64> = shares.iter().map(|share| (n * share).round()).collect();
    let copies = |(element, count): (usize, &f64)| std::iter::repeat_n(element, whole::count(*count));
    let mut elements: Vec<usize> = counts.iter().enumerate().flat_map(copies).collect();
    if elements.len() < n_atoms {
        let left: Vec<f64> = shares.iter().zip(&counts).map(|(share, count)| (share - count / n).max(0.0)).collect();
        // Rounding down leaves something over; without it, the shares themselves.
        let weights = WeightedIndex::new(&left).or_else(|_| WeightedIndex::new(shares));
        let weights = weights.expect("shares are a distribution");
        elements.extend((elements.len()..n_atoms).map(|_| weights.sample(generator)));
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_gives_enough_atoms_of_the_likely_elements() {
        let key = RandomKey::new(3, Purpose::Sampling);
        for n_atoms in 1..=20 {
            for case in 0..40 {
                let mut shares: Vec<f64> = (0..whole::compact(N_TYPES))
                    .map(|element| {
                        key.uniform(case, element, 0)[0].powi(1 + 20 * i32::try_from(case % 5).expect("a small number"))
                    })
                    .collect();
                let sum: f64 = shares.iter().sum();
                shares.iter_mut().for_each(|share| *share /= sum);
                let elements = rounded(&shares, n_atoms, &mut key.generator(case, 1));
                assert!(elements.len() >= n_atoms, "{} of {n_atoms}", elements.len());
            }
        }
        let mut salt = vec![0.0; N_TYPES];
        (salt[10], salt[16]) = (0.5, 0.5);
        let mut elements = rounded(&salt, 8, &mut key.generator(0, 0));
        elements.sort_unstable();
        assert_eq!(elements, [10, 10, 10, 10, 16, 16, 16, 16]);
        // Three atoms of two equal elements: 1.5 of each round to 2, and one of the four is cut.
        assert_eq!(rounded(&salt, 3, &mut key.generator(0, 0)).len(), 4);
    }

    #[test]
    fn the_first_of_the_largest_is_taken() {
        assert_eq!(largest(&[0.5, 2.0, 2.0]), 1);
        assert_eq!(largest(&[f32::NEG_INFINITY, -1.0]), 1);
    }
}
