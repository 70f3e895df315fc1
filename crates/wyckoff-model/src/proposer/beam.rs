//! The most likely assignments: a beam search, site by site.

use crystal_core::whole;
use std::collections::{HashMap, HashSet};

use wyckoff_assignment::{Walk, WyckoffAssignment};

use super::asked::shares;
use super::{Asked, Proposal};
use crate::WyckoffModelError;
use crate::features::{MOST_POSITIONS, N_GROUPS};
use crate::sequence::{Token, site_token};

/// Orders of the elements that are searched; what is found is ranked by all.
const SEARCHED_ORDERS: usize = 2;
/// Beginnings that are kept of each order, at least.
const WIDTH: usize = 48;
/// Assignments that are looked for, at least: what is found does not depend on how many are wanted, up to this.
const LEAST_FOUND: usize = 32;

/// The beginning of an assignment.
struct Beginning {
    row: usize,
    group: u8,
    walk: Walk,
    positions: Vec<usize>,
    log_probability: f64,
}

impl Asked<'_> {
    /// The most likely assignments that the search finds, the most likely first, each at its standard origin and none
    /// twice; fewer than `most` where there are no more. The search keeps the best beginnings of each length, so an
    /// assignment with an unlikely beginning may be missed.
    ///
    /// # Errors
    /// [`WyckoffModelError::Assignment`] for a group whose table of choices is too large.
    pub fn most_likely(&self, most: usize) -> Result<Vec<Proposal>, WyckoffModelError> {
        let wanted = most.max(LEAST_FOUND);
        let mut found: Vec<WyckoffAssignment> = vec![];
        let mut seen = HashSet::new();
        for order in 0..SEARCHED_ORDERS {
            for assignment in self.search(order, wanted)? {
                if seen.insert(assignment.clone()) {
                    found.push(assignment);
                }
            }
        }
        let scored = self.log_probabilities(&found)?;
        let proposal = |(assignment, log_probability): (WyckoffAssignment, Option<f64>)| {
            Some(Proposal { assignment, log_probability: log_probability? })
        };
        let mut proposals: Vec<Proposal> = found.into_iter().zip(scored).filter_map(proposal).collect();
        proposals.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        proposals.truncate(most);
        Ok(proposals)
    }

    /// The likely assignments with the elements in one order.
    fn search(&self, order: usize, wanted: usize) -> Result<Vec<WyckoffAssignment>, WyckoffModelError> {
        let width = WIDTH.max(2 * wanted);
        let mut known = HashMap::new();
        let rows = self.rows.iter().enumerate().filter(|(_, row)| row.order == order);
        let starts = rows.flat_map(|(row, of)| {
            (0..N_GROUPS)
                .map(move |group| (of.log_weights[group], row, whole::byte(group)))
                .filter(|start| start.0.is_finite())
        });
        let mut starts: Vec<(f64, usize, u8)> = starts.collect();
        starts.sort_by(|a, b| b.0.total_cmp(&a.0));
        starts.truncate(width);
        let (mut open, mut tokens, mut parents): (Vec<Beginning>, Vec<Vec<Token>>, Vec<usize>) = Default::default();
        for (log_probability, row, group) in starts {
            let choices = self.choices(&mut known, row, group)?;
            tokens.push(vec![self.rows[row].group_token(group, choices)]);
            parents.push(row);
            open.push(Beginning { row, group, walk: choices.start(), positions: vec![], log_probability });
        }
        let mut complete: HashMap<WyckoffAssignment, f64> = HashMap::new();
        let mut before = None;
        while !open.is_empty() {
            let cache = before.as_ref().unwrap_or(&self.cache).select(&parents, &self.device());
            let groups: Vec<u8> = open.iter().map(|one| one.group).collect();
            let (logits, cache, _) = self.position_logits(&tokens, &groups, &cache);
            let mut longer: Vec<(f64, usize, usize)> = vec![];
            for (at, (one, logits)) in open.iter().zip(logits.chunks_exact(MOST_POSITIONS)).enumerate() {
                let choices = &known[&(one.row, one.group)];
                let shares = shares(logits, choices.admissible(&one.walk));
                for (position, share) in shares.into_iter().enumerate().filter(|(_, share)| share.is_finite()) {
                    longer.push((one.log_probability + share, at, position));
                }
            }
            // Completed ones compete with beginnings for the width, so that the beam follows what is likely.
            longer.sort_by(|a, b| b.0.total_cmp(&a.0));
            longer.truncate(width);
            let (mut next, mut next_parents) = (vec![], vec![]);
            tokens.clear();
            for (log_probability, at, position) in longer {
                let one = &open[at];
                let choices = &known[&(one.row, one.group)];
                let (species, _) = choices.next_element(&one.walk).expect("it is not complete");
                let walk = choices.place(&one.walk, position).expect("an admissible position");
                let positions = [one.positions.as_slice(), &[position]].concat();
                match site_token(choices, &walk, whole::byte(position), species) {
                    Some(token) => {
                        tokens.push(vec![token]);
                        next_parents.push(at);
                        next.push(Beginning { row: one.row, group: one.group, walk, positions, log_probability });
                    }
                    None => {
                        let assignment = choices.assignment(&positions)?.standard_origin();
                        let best = complete.entry(assignment).or_insert(f64::NEG_INFINITY);
                        *best = best.max(log_probability);
                    }
                }
            }
            // What is less likely than enough complete ones cannot become one of the most likely.
            let mut best: Vec<f64> = complete.values().copied().collect();
            best.sort_by(|a, b| b.total_cmp(a));
            let least = best.get(wanted - 1).copied().unwrap_or(f64::NEG_INFINITY);
            let n_open = next.iter().take_while(|one: &&Beginning| one.log_probability > least).count();
            next.truncate(n_open);
            tokens.truncate(n_open);
            next_parents.truncate(n_open);
            (open, parents, before) = (next, next_parents, Some(cache));
        }
        let mut found: Vec<(WyckoffAssignment, f64)> = complete.into_iter().collect();
        let text = |assignment: &WyckoffAssignment| (assignment.space_group().number(), assignment.to_string());
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| text(&a.0).cmp(&text(&b.0))));
        found.truncate(wanted);
        Ok(found.into_iter().map(|(assignment, _)| assignment).collect())
    }
}
