//! What is known in the middle of a search.

use std::collections::{BTreeMap, BTreeSet};

use crate::candidates::order;
use crate::record::{Entry, Lost, PhononRecord, Relaxed};
use crate::run::Best;

/// Lines of the table of the best so far.
const SHOWN: usize = 5;
/// Relaxed samples of one formula and group whose energies differ by less are shown once, eV/atom.
const ALIKE: f64 = 2e-3;

/// Finished work, by sample.
#[derive(Debug, Default)]
pub(super) struct State {
    pub relaxed: BTreeMap<u64, Relaxed>,
    pub lost: BTreeMap<u64, Lost>,
    pub refined: BTreeMap<u64, Relaxed>,
    pub phonons: BTreeMap<u64, PhononRecord>,
    pub rounds: u64,
    /// The lowest, a few more than are shown.
    lowest: Vec<Relaxed>,
}

impl State {
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        let mut state = Self::default();
        entries.into_iter().for_each(|entry| state.add(entry));
        state
    }

    pub(super) fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Relaxed(relaxed) => {
                self.rank(&relaxed);
                self.relaxed.insert(relaxed.sample, relaxed);
            }
            Entry::Lost(lost) => {
                self.lost.insert(lost.sample, lost);
            }
            Entry::Refined(refined) => {
                self.refined.insert(refined.sample, refined);
            }
            Entry::Phonons(phonons) => {
                self.phonons.insert(phonons.sample, phonons);
            }
            Entry::Rounds(rounds) => self.rounds = self.rounds.max(rounds),
        }
    }

    pub(super) fn is_done(&self, sample: u64) -> bool {
        self.relaxed.contains_key(&sample) || self.lost.contains_key(&sample)
    }

    pub(super) fn n_done(&self) -> usize {
        self.relaxed.len() + self.lost.len()
    }

    fn rank(&mut self, relaxed: &Relaxed) {
        let elements = |relaxed: &Relaxed| {
            relaxed.unit.sites.iter().map(|(species, letter, _)| (*species, *letter)).collect::<BTreeSet<_>>()
        };
        let alike = |other: &Relaxed| {
            other.unit.space_group == relaxed.unit.space_group
                && (other.energy_above_hull - relaxed.energy_above_hull).abs() < ALIKE
                && elements(other) == elements(relaxed)
        };
        if self.lowest.iter().any(alike) {
            return;
        }
        let place = self.lowest.partition_point(|other| order(other, relaxed).is_lt());
        if place < SHOWN {
            self.lowest.insert(place, relaxed.clone());
            self.lowest.truncate(SHOWN);
        }
    }

    /// The best so far, for people to look at: duplicates are told by energy, not by structure.
    pub(super) fn best(&self) -> Vec<Best> {
        let best = |relaxed: &Relaxed| {
            let frequency = self.phonons.get(&relaxed.sample).and_then(|phonons| phonons.outcome.as_ref().ok());
            Best::of(relaxed, frequency.map(|phonons| phonons.stability.min_frequency_thz))
        };
        self.lowest.iter().filter_map(best).collect()
    }
}
