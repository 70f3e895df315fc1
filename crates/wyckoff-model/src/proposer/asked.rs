//! A question, with all that is common to its answers: what the network makes of the composition.

use std::collections::HashMap;

use burn::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use crystal_core::{Composition, SpaceGroup, SpaceGroupNumber, Species};
use random_keys::{Purpose, RandomKey};
use tensor_ops::{RowIndex, gather_rows};
use wyckoff_assignment::{SiteChoices, WyckoffAssignment};

use super::Proposer;
use crate::WyckoffModelError;
use crate::batch::{TokenBatch, Told, group_bits, position_mask, position_rows, possible_groups};
use crate::features::{MOST_POSITIONS, N_ELEMENTS, N_GROUPS};
use crate::network::Cache;
use crate::sequence::{MOST_ATOMS, Sequence, Token, composition_tokens, group_at, group_index};
use crate::training::orders;

/// Most orders of the elements that are averaged over.
const MOST_ORDERS: usize = 6;
/// Added to the logit of what cannot be.
const NEVER: f32 = -1e9;

/// What was asked of a [`Proposer`].
#[derive(Debug)]
pub struct Asked<'a> {
    pub(super) proposer: &'a Proposer,
    pub(super) rows: Vec<Row>,
    /// Keys and values of the tokens up to the end of the composition, a row for each of `rows`.
    pub(super) cache: Cache,
    /// Logarithms of probabilities are divided by it before a draw.
    pub(super) temperature: f64,
}

/// A cell with its elements in one order.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) counts: Vec<(Species, u32)>,
    /// Which of the orders, from 0.
    pub(super) order: usize,
    /// ln of the probability of this row and each group, all rows together; −∞ for what cannot be.
    pub(super) log_weights: Vec<f64>,
}

/// Elements and counts in the order in which they are told.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) counts: Vec<(Species, u32)>,
    /// Which of the orders, from 0.
    pub(super) order: usize,
    /// The groups that can hold them, group 1 in the lowest bit.
    pub(super) groups: [u64; 4],
}

impl Row {
    pub(super) fn n_atoms(&self) -> u32 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    pub(super) fn group_token(&self, group: u8, choices: &SiteChoices) -> Token {
        let next = choices.next_element(&choices.start()).expect("there is an atom");
        Token::group(group, next, self.n_atoms())
    }
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        proposer: &'a Proposer,
        cells: &[Composition],
        space_group: Option<SpaceGroupNumber>,
    ) -> Result<Self, WyckoffModelError> {
        let nowhere = || {
            let formula = cells.first().map_or_else(|| "nothing".to_owned(), |cell| cell.reduced().formula());
            let place = space_group.map_or_else(String::new, |number| format!(" in space group {number}"));
            WyckoffModelError::Nowhere { what: formula + &place }
        };
        let elements: Vec<Species> = cells.first().ok_or_else(nowhere)?.iter().map(|(species, _)| species).collect();
        let orders = orders(&elements, MOST_ORDERS, RandomKey::new(0, Purpose::Selection), 0);
        let mut listings = vec![];
        for cell in cells {
            let groups = possible_groups(&cell.iter().collect::<Vec<_>>())?;
            for (order, elements) in orders.iter().enumerate() {
                let count = |species: &Species| {
                    let found = cell.iter().find(|(of, _)| of == species);
                    (*species, found.map_or(0, |(_, count)| count))
                };
                listings.push(Listing { counts: elements.iter().map(count).collect(), order, groups });
            }
        }
        let asked = Self::of_listings(proposer, listings, true, space_group.map(group_index));
        // Sums over an order's rows: a cell is as likely as the network finds it among those that were asked for.
        let mut asked = asked;
        let n_orders = orders.len();
        for order in 0..n_orders {
            let rows = || asked.rows.iter().filter(|row| row.order == order);
            let total = log_sum(rows().flat_map(|row| row.log_weights.iter().copied()));
            let share = (n_orders as f64).ln() + total;
            for row in asked.rows.iter_mut().filter(|row| row.order == order) {
                row.log_weights.iter_mut().for_each(|weight| *weight -= share);
            }
        }
        if asked.rows.iter().all(|row| row.log_weights.iter().all(|weight| !weight.is_finite())) {
            return Err(nowhere());
        }
        Ok(asked)
    }

    /// Rows of listed counts, with the likelihood of the listing and of each of the groups that can hold it; in `only`
    /// this group, if given. All listings have the same number of elements.
    pub(super) fn of_listings(
        proposer: &'a Proposer,
        listings: Vec<Listing>,
        elements_told: bool,
        only: Option<u8>,
    ) -> Self {
        let (model, tables) = (&proposer.weights.model, &proposer.tables);
        let device = model.device();
        let tokens: Vec<Vec<Token>> =
            listings.iter().map(|listing| composition_tokens(&listing.counts, None)).collect();
        let numbers = |counts: &[(Species, u32)]| counts.iter().map(|(species, _)| species.atomic_number()).collect();
        let told: Vec<Told> = listings
            .iter()
            .map(|listing| Told { elements: elements_told.then(|| numbers(&listing.counts)), by_properties: false })
            .collect();
        let batch = TokenBatch::new(&tokens, &told, &device);
        let (hidden, cache) = model.hidden(&batch, tables, None);
        let n_tokens = tokens[0].len();
        let ends: Vec<u32> = (0..tokens.len()).map(|row| whole::compact(row * batch.length + n_tokens - 1)).collect();
        let ends = gather_rows(hidden.clone(), &RowIndex::new(&ends, tokens.len() * batch.length, &device));
        let group_logits: Vec<f32> = model.group_logits(ends, tables).into_data().iter::<f32>().collect();
        let listed = log_likelihoods(proposer, &listings, hidden, batch.length, elements_told, &device);
        let rows = listings.into_iter().zip(group_logits.chunks_exact(N_GROUPS)).zip(listed);
        let row = |((listing, logits), listed): ((Listing, &[f32]), f64)| {
            let Listing { counts, order, groups } = listing;
            let logits: Vec<f64> = logits
                .iter()
                .zip(group_bits(&groups))
                .map(|(logit, can)| if can { f64::from(*logit) } else { f64::NEG_INFINITY })
                .collect();
            let total = log_sum(logits.iter().copied());
            let weight = |(group, logit): (usize, f64)| {
                let wanted = only.is_none_or(|only| usize::from(only) == group);
                if wanted && logit.is_finite() { listed + logit - total } else { f64::NEG_INFINITY }
            };
            let log_weights = logits.into_iter().enumerate().map(weight).collect();
            Row { counts, order, log_weights }
        };
        Self { proposer, rows: rows.map(row).collect(), cache: cache.truncated(n_tokens), temperature: 1.0 }
    }

    /// The groups with the probabilities that they have whatever the positions, the most likely first.
    pub fn space_groups(&self) -> Vec<(&'static SpaceGroup, f64)> {
        let of_group = |group: u8| {
            let total = self.rows.iter().map(|row| row.log_weights[usize::from(group)].exp()).sum::<f64>();
            (group_at(group), total)
        };
        let mut groups: Vec<_> = (0..whole::byte(N_GROUPS)).map(of_group).filter(|(_, share)| *share > 0.0).collect();
        groups.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        groups
    }

    /// Natural logarithms of the probabilities of assignments, which should be at their standard origin; `None` for one
    /// that was not asked for.
    ///
    /// # Errors
    /// [`WyckoffModelError::Assignment`] for one whose table of choices is too large.
    pub fn log_probabilities(&self, assignments: &[WyckoffAssignment]) -> Result<Vec<Option<f64>>, WyckoffModelError> {
        let mut rows = vec![];
        for (index, assignment) in assignments.iter().enumerate() {
            let atoms = assignment.primitive_composition();
            let group = group_index(assignment.space_group().number());
            for (number, row) in self.rows.iter().enumerate() {
                let weight = row.log_weights[usize::from(group)];
                let same = row.counts.iter().copied().collect::<Composition>() == atoms;
                if same && weight.is_finite() {
                    let order: Vec<Species> = row.counts.iter().map(|(species, _)| *species).collect();
                    rows.push((index, number, weight, Sequence::new(assignment, &order)?));
                }
            }
        }
        /// Sequences that are looked at together.
        const TOGETHER: usize = 256;
        let mut parts: Vec<Vec<f64>> = vec![vec![]; assignments.len()];
        for rows in rows.chunks(TOGETHER) {
            let cache = self.cache.select(&rows.iter().map(|(_, row, ..)| *row).collect::<Vec<_>>(), &self.device());
            let sequences: Vec<&Sequence> = rows.iter().map(|(.., sequence)| sequence).collect();
            let found = self.positions_of(&sequences, &cache);
            for ((index, _, weight, _), found) in rows.iter().zip(found) {
                parts[*index].push(weight + found);
            }
        }
        Ok(parts.into_iter().map(|parts| (!parts.is_empty()).then(|| log_sum(parts))).collect())
    }

    /// ln of the probabilities of the positions of sequences, given composition and group.
    fn positions_of(&self, sequences: &[&Sequence], cache: &Cache) -> Vec<f64> {
        let tokens: Vec<Vec<Token>> =
            sequences.iter().map(|sequence| sequence.tokens(false)[sequence.end_index() + 1..].to_vec()).collect();
        let groups: Vec<u8> = sequences.iter().map(|sequence| sequence.group).collect();
        let (logits, _, length) = self.position_logits(&tokens, &groups, cache);
        let of_sequence = |(sequence, logits): (&&Sequence, &[f32])| {
            let choices = sequence.choices.iter().zip(logits.chunks_exact(MOST_POSITIONS));
            choices.map(|(choice, logits)| shares(logits, choice.admissible)[usize::from(choice.position)]).sum()
        };
        sequences.iter().zip(logits.chunks_exact(length * MOST_POSITIONS)).map(of_sequence).collect()
    }

    /// Logits of the positions behind each token of some sequences that go on from a cache, the new cache, and the
    /// length to which the sequences were padded.
    pub(super) fn position_logits(
        &self,
        tokens: &[Vec<Token>],
        groups: &[u8],
        cache: &Cache,
    ) -> (Vec<f32>, Cache, usize) {
        let (model, tables) = (&self.proposer.weights.model, &self.proposer.tables);
        let device = self.device();
        let batch = TokenBatch::new(tokens, &[], &device);
        let (hidden, cache) = model.hidden(&batch, tables, Some(cache));
        let rows: Vec<u32> = groups.iter().flat_map(|group| position_rows(*group)).collect();
        let rows = RowIndex::new(&rows, tables.places.dims()[0], &device);
        let logits = model.position_logits(hidden, [batch.size, batch.length], &rows, tables);
        (logits.into_data().iter::<f32>().collect(), cache, batch.length)
    }

    pub(super) fn device(&self) -> Device {
        self.proposer.weights.model.device()
    }

    /// Choices of rows and groups, each made once.
    pub(super) fn choices<'b>(
        &self,
        known: &'b mut HashMap<(usize, u8), SiteChoices>,
        row: usize,
        group: u8,
    ) -> Result<&'b SiteChoices, WyckoffModelError> {
        use std::collections::hash_map::Entry;
        Ok(match known.entry((row, group)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let choices = SiteChoices::new(group_at(group), &self.rows[row].counts)?;
                entry.insert(choices.expect("the group can hold the composition"))
            }
        })
    }
}

/// ln of the likelihood of each listing of elements and counts. Where the elements are told, no other can come.
fn log_likelihoods(
    proposer: &Proposer,
    listings: &[Listing],
    hidden: Tensor<2>,
    length: usize,
    elements_told: bool,
    device: &Device,
) -> Vec<f64> {
    let (model, tables) = (&proposer.weights.model, &proposer.tables);
    let n_elements = listings[0].counts.len();
    let (mut rows, mut next, mut element_mask) = (vec![], vec![], vec![]);
    for (index, listing) in listings.iter().enumerate() {
        let numbers: Vec<u8> = listing.counts.iter().map(|(species, _)| species.atomic_number()).collect();
        for k in 0..=n_elements {
            rows.push(whole::compact(index * length + k));
            let mut one = [0.0_f32; N_ELEMENTS];
            one[numbers.get(k).map_or(0, |number| usize::from(*number))] = 1.0;
            next.extend(one);
            element_mask.extend(next_elements(&numbers[..k], elements_told.then_some(&numbers)));
        }
    }
    let n_rows = rows.len();
    let hidden = gather_rows(hidden, &RowIndex::new(&rows, listings.len() * length, device));
    let matrix = |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, [n_rows, N_ELEMENTS]), device);
    let next = matrix(next);
    let elements = log_softmax(model.element_logits(hidden.clone(), tables) + matrix(element_mask), 1) * next.clone();
    let elements: Vec<f32> = elements.sum_dim(1).into_data().iter::<f32>().collect();
    let counts: Vec<f32> = model.count_logits(hidden, next, tables).into_data().iter::<f32>().collect();
    let (mut elements, mut counts) = (elements.into_iter(), counts.chunks_exact(MOST_ATOMS as usize));
    let of_listing = |listing: &Listing| {
        let mut log_likelihood = 0.0;
        let mut left = MOST_ATOMS;
        for (_, count) in &listing.counts {
            let logits = &counts.next().expect("a row for each element")[..left as usize];
            let total = log_sum(logits.iter().map(|logit| f64::from(*logit)));
            log_likelihood += f64::from(logits[*count as usize - 1]) - total;
            log_likelihood += f64::from(elements.next().expect("a row for each element"));
            left -= count;
        }
        counts.next().expect("a row for the end");
        log_likelihood + f64::from(elements.next().expect("a row for the end"))
    };
    listings.iter().map(of_listing).collect()
}

/// Added to the logits of the next element: what was listed cannot come again, and what was not told not at all; the
/// end comes when all that was told is listed, and not at the start.
pub(super) fn next_elements(listed: &[u8], told: Option<&Vec<u8>>) -> [f32; N_ELEMENTS] {
    let mut mask = [if told.is_some() { NEVER } else { 0.0 }; N_ELEMENTS];
    for &number in told.into_iter().flatten() {
        mask[usize::from(number)] = 0.0;
    }
    for &number in listed {
        mask[usize::from(number)] = NEVER;
    }
    let complete = told.map_or(!listed.is_empty(), |told| listed.len() == told.len());
    mask[0] = if complete { 0.0 } else { NEVER };
    mask
}

/// ln of the probabilities of the admissible positions; −∞ for the others.
pub(super) fn shares(logits: &[f32], admissible: u32) -> Vec<f64> {
    let possible = |(logit, mask): (&f32, f32)| if mask < 0.0 { f64::NEG_INFINITY } else { f64::from(*logit) };
    let masked: Vec<f64> = logits.iter().zip(position_mask(admissible)).map(possible).collect();
    let total = log_sum(masked.iter().copied());
    masked.into_iter().map(|logit| logit - total).collect()
}

/// ln Σ exp; −∞ for nothing.
pub(super) fn log_sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let terms: Vec<f64> = terms.into_iter().collect();
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return f64::NEG_INFINITY;
    }
    largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}
