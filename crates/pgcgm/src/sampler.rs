//! Draws, and crystals made of them.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::AsymmetricUnit;
use crystal_core::whole;
use rand::seq::index::sample;
use rand::{Rng, RngExt};
use random_keys::{Purpose, RandomKey};
use serde::{Deserialize, Serialize};
use tensor_ops::catch_device_failure;

use crate::conditions::{Condition, Tables};
use crate::crystal::Candidate;
use crate::finish::{Rounding, Yield, finish_all};
use crate::groups::{Group, N_GROUPS};
use crate::image::Scaled;
use crate::networks::{Generator, NOISE};
use crate::{ElementSet, PgcgmError, Weights, scaling};

/// Draws that are made at once. They are always the same ones, so that a draw does not depend on how many are wanted.
const CHUNK: u64 = 256;
/// What is drawn for a draw after its noise: its condition.
const CONDITIONS: u32 = 1;

/// Where the elements of a draw come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ElementDraws {
    /// Three different ones of the set, each as likely as any other, as published.
    #[default]
    Uniform,
    /// Those of a random training crystal.
    Training,
}

/// Groups by their frequencies, and elements.
#[derive(Debug, Clone)]
pub(crate) struct ConditionSource {
    counts: [u64; N_GROUPS],
    n_elements: usize,
    /// Places of the elements of training crystals, if they are drawn from.
    triples: Vec<[usize; 3]>,
}

impl ConditionSource {
    pub(crate) fn uniform(counts: [u64; N_GROUPS], set: ElementSet) -> Self {
        Self { counts, n_elements: set.species().len(), triples: vec![] }
    }

    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Condition {
        let mut left = rng.random_range(0..self.counts.iter().sum::<u64>());
        let group = self.counts.iter().position(|count| {
            let is_here = left < *count;
            left -= if is_here { 0 } else { *count };
            is_here
        });
        let elements = if self.triples.is_empty() {
            let chosen = sample(rng, self.n_elements, 3);
            [0, 1, 2].map(|k| chosen.index(k))
        } else {
            let triple = self.triples[rng.random_range(0..self.triples.len())];
            // In any order.
            let order = sample(rng, 3, 3);
            [0, 1, 2].map(|k| triple[order.index(k)])
        };
        Condition { group: group.expect("a number below the sum of the counts"), elements }
    }
}

/// The noise of a stream, `[128]`.
pub(crate) fn noise_of(key: RandomKey, stream: u64, draw: u32) -> impl Iterator<Item = f32> {
    (0..whole::compact(NOISE) / 4).flat_map(move |item| key.normal(stream, draw, item)).map(whole::single)
}

/// One draw: three candidates with the same cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// Its number, from 0.
    pub number: u64,
    /// One for each set of positions.
    pub candidates: [Candidate; 3],
}

/// How much is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Crystals.
    pub count: usize,
    /// Draws after which it ends with fewer.
    pub most_draws: u64,
    /// How coordinates are rounded.
    pub rounding: Rounding,
}

/// Crystals, and what became of the other candidates.
#[derive(Debug, Clone)]
pub struct Generation {
    /// Number of the draw, the set of positions (0, 1 or 2), and the crystal.
    pub crystals: Vec<(u64, usize, AsymmetricUnit)>,
    /// Draws up to the last of them.
    pub draws: u64,
    /// Where their candidates ended.
    pub yields: Yield,
}

/// Draws crystals of a trained model.
#[derive(Debug)]
pub struct Sampler {
    generator: Generator,
    tables: Tables,
    set: ElementSet,
    source: ConditionSource,
    key: RandomKey,
}

impl Sampler {
    /// Of trained weights, on a plain device.
    pub fn new(weights: &Weights, elements: ElementDraws, seed: u64, device: &Device) -> Self {
        let set = weights.config.elements;
        let mut source = ConditionSource::uniform(weights.group_counts, set);
        if elements == ElementDraws::Training {
            source.triples = weights.triples.iter().filter_map(|triple| triple_in(set, *triple)).collect();
        }
        let generator = burn::module::Module::to_device(weights.generator.clone(), device);
        Self::of_parts(generator, set, source, seed, device)
    }

    pub(crate) fn of_parts(
        generator: Generator,
        set: ElementSet,
        source: ConditionSource,
        seed: u64,
        device: &Device,
    ) -> Self {
        let key = RandomKey::new(seed, Purpose::Sampling);
        Self { generator, tables: Tables::new(set, device), set, source, key }
    }

    /// The draws from number `256·chunk` on, 256 of them.
    ///
    /// # Errors
    /// [`PgcgmError::Device`].
    pub fn draws(&self, chunk: u64) -> Result<Vec<Draw>, PgcgmError> {
        let numbers = chunk * CHUNK..(chunk + 1) * CHUNK;
        let condition = |number: u64| self.source.draw(&mut self.key.generator(number, CONDITIONS));
        let conditions: Vec<Condition> = numbers.clone().map(condition).collect();
        let noise: Vec<f32> = numbers.clone().flat_map(|number| noise_of(self.key, number, 0)).collect();
        let [positions, lengths] = catch_device_failure(|| {
            let noise = TensorData::new(noise, [conditions.len(), NOISE]);
            let noise = Tensor::<2>::from_data(noise, self.tables.device());
            let Scaled { positions, lengths } = self.generator.forward(noise, &self.tables.conditions(&conditions));
            [positions.reshape([-1]), lengths.reshape([-1])]
                .map(|x: Tensor<1>| x.into_data().iter::<f32>().map(f64::from).collect::<Vec<_>>())
        })?;
        let parts = positions.chunks_exact(27).zip(lengths.chunks_exact(3)).zip(&conditions).zip(numbers);
        Ok(parts
            .map(|(((positions, lengths), condition), number)| self.draw(number, condition, positions, lengths))
            .collect())
    }

    fn draw(&self, number: u64, condition: &Condition, positions: &[f64], lengths: &[f64]) -> Draw {
        let lengths = std::array::from_fn(|axis| scaling::length(axis, lengths[axis]));
        let lengths = Group::get(condition.group).tied(lengths);
        let elements = condition.elements.map(|element| self.set.species()[element]);
        let candidates = std::array::from_fn(|set| {
            let at = |element: usize, axis: usize| scaling::fraction(positions[9 * set + 3 * element + axis]);
            let positions = std::array::from_fn(|element| std::array::from_fn(|axis| at(element, axis)));
            Candidate { group: condition.group, elements, positions, lengths }
        });
        Draw { number, candidates }
    }

    /// Draws and finishes until there are as many crystals as wanted. `progress` is told how many there are.
    ///
    /// # Errors
    /// [`PgcgmError::Device`].
    pub fn generate(&self, wanted: Wanted, mut progress: impl FnMut(usize)) -> Result<Generation, PgcgmError> {
        let mut found = Generation { crystals: vec![], draws: 0, yields: Yield::default() };
        let mut chunk = 0;
        while found.crystals.len() < wanted.count && found.draws < wanted.most_draws {
            let draws = self.draws(chunk)?;
            let candidates: Vec<Candidate> = draws.iter().flat_map(|draw| draw.candidates.clone()).collect();
            let mut outcomes = finish_all(&candidates, wanted.rounding).into_iter();
            for draw in &draws {
                if found.crystals.len() >= wanted.count || found.draws >= wanted.most_draws {
                    break;
                }
                for (set, outcome) in outcomes.by_ref().take(3).enumerate() {
                    found.yields.count(outcome.as_ref().map(|_| ()).map_err(|rejection| *rejection));
                    if let Ok(unit) = outcome {
                        found.crystals.push((draw.number, set, unit));
                    }
                }
                found.draws += 1;
            }
            progress(found.crystals.len());
            chunk += 1;
        }
        found.crystals.truncate(wanted.count);
        Ok(found)
    }
}

fn triple_in(set: ElementSet, triple: [u8; 3]) -> Option<[usize; 3]> {
    let place = |number: u8| set.species().iter().position(|species| species.atomic_number() == number);
    let [a, b, c] = triple.map(place);
    Some([a?, b?, c?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PgcgmConfig;

    fn sampler(seed: u64) -> Sampler {
        let device = Device::flex();
        let config = PgcgmConfig::default();
        let source = ConditionSource::uniform([1; N_GROUPS], config.elements);
        Sampler::of_parts(Generator::new(&config, &device), config.elements, source, seed, &device)
    }

    #[test]
    fn a_draw_depends_on_seed_and_number_alone() {
        let (first, again) = (sampler(3).draws(1).expect("draws"), sampler(3).draws(1).expect("draws"));
        assert_eq!(first, again);
        assert_eq!((first.len(), first[0].number), (256, 256));
        assert_ne!(first[0].candidates, sampler(4).draws(1).expect("draws")[0].candidates);
        assert!(first.iter().flat_map(|draw| &draw.candidates).all(|candidate| {
            let mut elements = candidate.elements.to_vec();
            elements.dedup();
            let inside = |x: &f64| (0.0..=1.0).contains(x);
            elements.len() == 3 && candidate.positions.iter().flatten().all(inside)
        }));
    }

    #[test]
    fn conditions_follow_the_counts() {
        let mut counts = [0; N_GROUPS];
        (counts[2], counts[7]) = (3, 1);
        let mut source = ConditionSource::uniform(counts, ElementSet::Published);
        let key = RandomKey::new(1, Purpose::Sampling);
        let drawn = |source: &ConditionSource| -> Vec<Condition> {
            (0..4000).map(|stream| source.draw(&mut key.generator(stream, 0))).collect()
        };
        let uniform = drawn(&source);
        let n_third = uniform.iter().filter(|condition| condition.group == 2).count();
        assert!(uniform.iter().all(|condition| [2, 7].contains(&condition.group)) && (2850..3150).contains(&n_third));
        let n_hydrogen = uniform.iter().filter(|condition| condition.elements.contains(&0)).count();
        assert!((140..250).contains(&n_hydrogen), "{n_hydrogen}: 190 expected of 4000 · 3/63");
        source.triples = vec![[5, 9, 1]];
        let of_training = drawn(&source);
        assert!(of_training.iter().all(|condition| {
            let mut elements = condition.elements;
            elements.sort_unstable();
            elements == [1, 5, 9]
        }));
        assert!(of_training.iter().any(|condition| condition.elements != of_training[0].elements), "in any order");
    }
}
