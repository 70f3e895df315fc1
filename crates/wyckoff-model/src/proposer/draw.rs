//! Draws.

use crystal_core::whole;
use std::collections::HashMap;

use rand::{Rng, RngExt};
use wyckoff_assignment::{SiteChoices, Walk, WyckoffAssignment};

use super::Asked;
use super::asked::shares;
use crate::WyckoffModelError;
use crate::features::{MOST_POSITIONS, N_GROUPS};
use crate::sequence::{Token, group_index, site_token};

/// Draws that are made together.
const TOGETHER: usize = 256;

/// An assignment on its way.
struct Growing {
    /// Which of the draws.
    index: usize,
    row: usize,
    group: u8,
    walk: Walk,
    positions: Vec<usize>,
}

impl Asked<'_> {
    /// One draw with each of the generators: cell, group and positions, at the standard origin. A draw depends on its
    /// own generator and on no other.
    ///
    /// # Errors
    /// [`WyckoffModelError::Assignment`] for a group whose table of choices is too large.
    pub fn draw<R: Rng>(&self, generators: &mut [R]) -> Result<Vec<WyckoffAssignment>, WyckoffModelError> {
        let weights: Vec<f64> =
            self.rows.iter().flat_map(|row| row.log_weights.iter().map(|weight| weight.exp())).collect();
        let starts: Vec<(usize, u8)> = generators
            .iter_mut()
            .map(|generator| {
                let chosen = chosen(&weights, generator);
                (chosen / N_GROUPS, whole::byte(chosen % N_GROUPS))
            })
            .collect();
        self.grown(&starts, generators)
    }

    /// One draw with each of the generators, in the cell and the group of the assignment beside it: positions alone.
    ///
    /// # Errors
    /// [`WyckoffModelError::Nowhere`] for an assignment that was not asked for, [`WyckoffModelError::Assignment`].
    pub fn draw_alike<R: Rng>(
        &self,
        assignments: &[&WyckoffAssignment],
        generators: &mut [R],
    ) -> Result<Vec<WyckoffAssignment>, WyckoffModelError> {
        let mut starts = vec![];
        for (assignment, generator) in assignments.iter().zip(generators.iter_mut()) {
            let group = group_index(assignment.space_group().number());
            let atoms = assignment.primitive_composition();
            let weight = |row: &super::asked::Row| {
                let same = row.counts.iter().copied().collect::<crystal_core::Composition>() == atoms;
                if same { row.log_weights[usize::from(group)].exp() } else { 0.0 }
            };
            let weights: Vec<f64> = self.rows.iter().map(weight).collect();
            if weights.iter().all(|weight| *weight == 0.0) {
                return Err(WyckoffModelError::Nowhere { what: assignment.to_string() });
            }
            starts.push((chosen(&weights, generator), group));
        }
        self.grown(&starts, generators)
    }

    /// Positions for rows and groups.
    pub(super) fn grown<R: Rng>(
        &self,
        starts: &[(usize, u8)],
        generators: &mut [R],
    ) -> Result<Vec<WyckoffAssignment>, WyckoffModelError> {
        let mut known = HashMap::new();
        let mut found = Vec::with_capacity(starts.len());
        for (starts, generators) in starts.chunks(TOGETHER).zip(generators.chunks_mut(TOGETHER)) {
            found.extend(self.grown_together(starts, generators, &mut known)?);
        }
        Ok(found)
    }

    fn grown_together<R: Rng>(
        &self,
        starts: &[(usize, u8)],
        generators: &mut [R],
        known: &mut HashMap<(usize, u8), SiteChoices>,
    ) -> Result<Vec<WyckoffAssignment>, WyckoffModelError> {
        let mut found: Vec<Option<WyckoffAssignment>> = vec![None; starts.len()];
        let mut growing = vec![];
        let mut tokens: Vec<Vec<Token>> = vec![];
        for (index, &(row, group)) in starts.iter().enumerate() {
            let choices = self.choices(known, row, group)?;
            tokens.push(vec![self.rows[row].group_token(group, choices)]);
            growing.push(Growing { index, row, group, walk: choices.start(), positions: vec![] });
        }
        let rows: Vec<usize> = starts.iter().map(|(row, _)| *row).collect();
        let mut cache = self.cache.select(&rows, &self.device());
        while !growing.is_empty() {
            let groups: Vec<u8> = growing.iter().map(|one| one.group).collect();
            let (logits, next_cache, _) = self.position_logits(&tokens, &groups, &cache);
            let (mut left, mut kept) = (vec![], vec![]);
            tokens.clear();
            for (at, (mut one, logits)) in growing.into_iter().zip(logits.chunks_exact(MOST_POSITIONS)).enumerate() {
                let choices = &known[&(one.row, one.group)];
                let shares = shares(logits, choices.admissible(&one.walk)).into_iter();
                let weights: Vec<f64> = shares.map(|share| (share / self.temperature).exp()).collect();
                let position = chosen(&weights, &mut generators[one.index]);
                let (species, _) = choices.next_element(&one.walk).expect("it is not complete");
                one.walk = choices.place(&one.walk, position).expect("an admissible position");
                one.positions.push(position);
                match site_token(choices, &one.walk, whole::byte(position), species) {
                    Some(token) => {
                        tokens.push(vec![token]);
                        kept.push(at);
                        left.push(one);
                    }
                    None => found[one.index] = Some(choices.assignment(&one.positions)?.standard_origin()),
                }
            }
            growing = left;
            if !growing.is_empty() {
                cache = next_cache.select(&kept, &self.device());
            }
        }
        Ok(found.into_iter().map(|one| one.expect("every draw was completed")).collect())
    }
}

/// An index with a probability in proportion to its weight; at least one weight is positive.
pub(super) fn chosen<R: Rng + ?Sized>(weights: &[f64], generator: &mut R) -> usize {
    let total: f64 = weights.iter().sum();
    let mut threshold = total * generator.random::<f64>();
    let mut last = 0;
    for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        last = index;
        threshold -= weight;
        // Rounding may leave a little of the threshold after the last one: that is then taken.
        if threshold < 0.0 {
            break;
        }
    }
    last
}
