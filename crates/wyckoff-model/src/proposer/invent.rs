//! Crystals of a composition that is drawn too.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use crystal_core::{SpaceGroupNumber, Species};
use rand::Rng;
use wyckoff_assignment::WyckoffAssignment;

use super::asked::{Listing, log_sum, next_elements};
use super::draw::chosen;
use super::{Asked, Proposer};
use crate::WyckoffModelError;
use crate::batch::{TokenBatch, Told, possible_groups};
use crate::features::N_ELEMENTS;
use crate::sequence::{MOST_ATOMS, Token, group_index};

/// What is asked of crystals whose composition is left open.
#[derive(Debug, Clone, Default)]
pub struct Invention {
    /// The elements, each of which is there; any if empty.
    pub elements: Vec<Species>,
    /// Most atoms in the primitive cell, at most [`MOST_ATOMS`].
    pub most_atoms: Option<u32>,
    /// The space group.
    pub space_group: Option<SpaceGroupNumber>,
    /// Logarithms of probabilities are divided by it before each choice: below 1 the likely becomes likelier, above 1
    /// all becomes more alike. 1 if not given; from 0.1 to 5.
    pub temperature: Option<f64>,
}

/// A cell with its elements in the order in which they were drawn.
type Counts = Vec<(Species, u32)>;
/// How often the compositions that the group cannot hold are drawn again.
const ROUNDS: u32 = 40;
/// Crystals that are drawn together, for the memory of the device.
const TOGETHER: usize = 256;
/// What a temperature may be.
const TEMPERATURES: RangeInclusive<f64> = 0.1..=5.0;

impl Invention {
    fn most_atoms(&self) -> u32 {
        self.most_atoms.unwrap_or(MOST_ATOMS)
    }

    fn temperature(&self) -> f64 {
        self.temperature.unwrap_or(1.0)
    }

    /// Whether it can be asked of a network.
    fn check(&self) -> Result<(), WyckoffModelError> {
        let most = self.most_atoms();
        if most > MOST_ATOMS {
            return Err(WyckoffModelError::TooManyAtoms { atoms: most, most: MOST_ATOMS });
        }
        let n_elements = self.elements.len().max(1);
        if most < whole::compact(n_elements) {
            let what = format!("one atom of each of {n_elements} elements in a cell of at most {most} atoms");
            return Err(WyckoffModelError::Nowhere { what });
        }
        let temperature = self.temperature();
        if !TEMPERATURES.contains(&temperature) {
            let (least, most) = (*TEMPERATURES.start(), *TEMPERATURES.end());
            return Err(WyckoffModelError::Temperature { temperature, least, most });
        }
        Ok(())
    }
}

impl Proposer {
    /// One crystal with each of the generators: composition, group and positions, at the standard origin. A crystal
    /// depends on its own generator and on no other.
    ///
    /// # Errors
    /// Those of [`Self::check`]; [`WyckoffModelError::Nowhere`] if the elements do not fit into the cell, or the group
    /// holds none of the compositions that were drawn again and again; [`WyckoffModelError::Temperature`].
    pub fn invent<R: Rng>(
        &self,
        invention: &Invention,
        generators: &mut [R],
    ) -> Result<Vec<WyckoffAssignment>, WyckoffModelError> {
        let cell = invention.elements.iter().map(|species| (*species, 1)).collect();
        self.check(&[cell])?;
        invention.check()?;
        let mut found = Vec::with_capacity(generators.len());
        for generators in generators.chunks_mut(TOGETHER) {
            found.extend(self.invent_together(invention, generators)?);
        }
        Ok(found)
    }

    fn invent_together<R: Rng>(
        &self,
        invention: &Invention,
        generators: &mut [R],
    ) -> Result<Vec<WyckoffAssignment>, WyckoffModelError> {
        let only = invention.space_group.map(group_index);
        let mut listings: Vec<Option<(Counts, [u64; 4])>> = vec![None; generators.len()];
        for _ in 0..ROUNDS {
            let open: Vec<usize> = (0..listings.len()).filter(|index| listings[*index].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let mut own: Vec<&mut R> = vec![];
            for (index, generator) in generators.iter_mut().enumerate() {
                if listings[index].is_none() {
                    own.push(generator);
                }
            }
            let drawn = self.listings(invention, only, &mut own);
            for (index, listing) in open.into_iter().zip(drawn) {
                let groups = possible_groups(&listing)?;
                let fits = only.is_none_or(|group| groups[usize::from(group) / 64] & (1 << (group % 64)) != 0);
                listings[index] = fits.then_some((listing, groups));
            }
        }
        // Compositions of equally many elements are looked at together: their tokens are equally many.
        let mut by_length: BTreeMap<usize, Vec<(usize, Counts, [u64; 4])>> = BTreeMap::new();
        for (index, listing) in listings.into_iter().enumerate() {
            let (listing, groups) = listing.ok_or_else(|| WyckoffModelError::Nowhere {
                what: invention.space_group.map_or_else(
                    || "what was asked for".to_owned(),
                    |number| format!("a likely composition of what was asked for in space group {number}"),
                ),
            })?;
            by_length.entry(listing.len()).or_default().push((index, listing, groups));
        }
        let mut found: Vec<Option<WyckoffAssignment>> = vec![None; generators.len()];
        for listings in by_length.into_values() {
            let indices: Vec<usize> = listings.iter().map(|(index, ..)| *index).collect();
            let rows = listings.into_iter().map(|(_, counts, groups)| Listing { counts, order: 0, groups }).collect();
            let asked = Asked::of_listings(self, rows, !invention.elements.is_empty(), only);
            let asked = Asked { temperature: invention.temperature(), ..asked };
            let mut own: Vec<&mut R> = vec![];
            for (index, generator) in generators.iter_mut().enumerate() {
                if indices.binary_search(&index).is_ok() {
                    own.push(generator);
                }
            }
            let start = |(row, generator): (usize, &mut &mut R)| {
                let weights = &asked.rows[row].log_weights;
                let weights = weights_of(weights.iter().copied(), asked.temperature);
                (row, whole::byte(chosen(&weights, generator)))
            };
            let starts: Vec<(usize, u8)> = own.iter_mut().enumerate().map(start).collect();
            for (index, assignment) in indices.into_iter().zip(asked.grown(&starts, &mut own)?) {
                found[index] = Some(assignment);
            }
        }
        Ok(found.into_iter().map(|one| one.expect("every draw was completed")).collect())
    }

    /// Compositions, element by element.
    fn listings<R: Rng>(&self, invention: &Invention, only: Option<u8>, generators: &mut [R]) -> Vec<Counts> {
        let (model, tables, device) = (&self.weights.model, &self.tables, self.weights.model.device());
        let told: Option<Vec<u8>> = (!invention.elements.is_empty())
            .then(|| invention.elements.iter().map(|species| species.atomic_number()).collect());
        let mut found: Vec<Counts> = vec![vec![]; generators.len()];
        let mut open: Vec<usize> = (0..generators.len()).collect();
        let mut tokens: Vec<Vec<Token>> = vec![vec![Token::start(only)]; generators.len()];
        let tellings: Vec<Told> = vec![Told { elements: told.clone(), by_properties: false }; generators.len()];
        let mut cache = None;
        while !open.is_empty() {
            let is_start = cache.is_none();
            let batch = TokenBatch::new(&tokens, if is_start { &tellings } else { &[] }, &device);
            let (hidden, next_cache) = model.hidden(&batch, tables, cache.as_ref());
            let logits: Vec<f32> = model.element_logits(hidden.clone(), tables).into_data().iter::<f32>().collect();
            let mut elements = vec![];
            for (&index, logits) in open.iter().zip(logits.chunks_exact(N_ELEMENTS)) {
                let listed: Vec<u8> = found[index].iter().map(|(species, _)| species.atomic_number()).collect();
                let mask = next_elements(&listed, told.as_ref());
                let is_full = left(&found[index], invention.most_atoms()) == 0;
                let weights = logits.iter().zip(mask).enumerate().map(|(element, (logit, mask))| {
                    let possible = mask == 0.0 && (element == 0 || !is_full);
                    if possible { f64::from(*logit) } else { f64::NEG_INFINITY }
                });
                elements.push(chosen(&weights_of(weights, invention.temperature()), &mut generators[index]));
            }
            let counts = self.count_logits(hidden, &elements, &device);
            let (mut next, mut kept) = (vec![], vec![]);
            tokens.clear();
            for (at, (&index, element)) in open.iter().zip(elements).enumerate() {
                if element == 0 {
                    continue;
                }
                let listing = &mut found[index];
                // Each element that is still to come needs an atom.
                let to_come = whole::compact(told.as_ref().map_or(0, |told| told.len() - listing.len() - 1));
                let room = (left(listing, invention.most_atoms()) - to_come) as usize;
                let logits = counts[at * MOST_ATOMS as usize..][..room].iter().map(|logit| f64::from(*logit));
                let weights = weights_of(logits, invention.temperature());
                let count = whole::compact(chosen(&weights, &mut generators[index])) + 1;
                let species = Species::from_atomic_number(element as i64).expect("a row of an element");
                listing.push((species, count));
                let total = listing.iter().map(|(_, count)| count).sum();
                tokens.push(vec![Token::count(whole::byte(element), count, total)]);
                next.push(index);
                kept.push(at);
            }
            open = next;
            if !open.is_empty() {
                cache = Some(next_cache.select(&kept, &device));
            }
        }
        found
    }

    fn count_logits(&self, hidden: Tensor<2>, elements: &[usize], device: &Device) -> Vec<f32> {
        let mut rows = vec![0.0_f32; elements.len() * N_ELEMENTS];
        for (row, element) in rows.chunks_exact_mut(N_ELEMENTS).zip(elements) {
            row[*element] = 1.0;
        }
        let rows = Tensor::from_data(TensorData::new(rows, [elements.len(), N_ELEMENTS]), device);
        self.weights.model.count_logits(hidden, rows, &self.tables).into_data().iter::<f32>().collect()
    }
}

/// Atoms for which a listing has room.
fn left(listing: &Counts, most: u32) -> u32 {
    most - listing.iter().map(|(_, count)| count).sum::<u32>()
}

/// Weights of choices; only their proportions matter.
fn weights_of(logits: impl Iterator<Item = f64>, temperature: f64) -> Vec<f64> {
    let logits: Vec<f64> = logits.map(|logit| logit / temperature).collect();
    let total = log_sum(logits.iter().copied());
    logits.into_iter().map(|logit| (logit - total).exp()).collect()
}
