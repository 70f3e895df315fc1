//! How long a search goes on.

use crystal_core::whole;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::SearchError;

/// Share of the time for sampling and relaxing; the rest is for the phonons of the best.
const SEARCH_SHARE: f64 = 0.6;
/// Most rounds at once on a processor, and on a device with kernels.
const HOST_ROUNDS: u64 = 8;
const DEVICE_ROUNDS: u64 = 256;
/// Rounds at once before it is known how long one takes.
const FIRST_DEVICE_ROUNDS: u64 = 32;

/// What ends a search: a time, a number of rounds, or whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Time for everything, phonons included. At least one round and one candidate are finished whatever it is.
    pub time: Option<Duration>,
    /// Rounds.
    pub rounds: Option<u64>,
}

/// What ended the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    /// The time of the budget.
    Time,
    /// The number of rounds asked for.
    Rounds,
    /// Nothing new was left to order.
    Orders,
}

impl Budget {
    /// Whether it is one.
    ///
    /// # Errors
    /// [`SearchError::Setting`] for no time, no rounds, or neither named.
    pub fn check(&self) -> Result<(), SearchError> {
        let setting = |name: &'static str, value: &str, cure: &str| {
            Err(SearchError::Setting { name, value: value.to_owned(), cure: cure.to_owned() })
        };
        match self {
            Self { time: None, rounds: None } => setting("the budget", "missing", "a time such as 10m, or rounds"),
            Self { time: Some(Duration::ZERO), .. } => setting("the budget", "0", "a time such as 1m or 2h"),
            Self { rounds: Some(0), .. } => setting("the number of rounds", "0", "a whole number from 1 on"),
            _ => Ok(()),
        }
    }
}

/// The budget against the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace<'a> {
    budget: &'a Budget,
    started: Instant,
    has_kernels: bool,
    /// Of the last rounds.
    per_round: Option<Duration>,
}

impl<'a> Pace<'a> {
    /// On a device with kernels many structures take hardly longer than few.
    pub(super) fn start(budget: &'a Budget, has_kernels: bool) -> Self {
        Self { budget, started: Instant::now(), has_kernels, per_round: None }
    }

    pub(super) fn rounds(&self) -> Option<u64> {
        self.budget.rounds
    }

    /// How many rounds to do next; none where the time for them is over. The first is always done.
    pub(super) fn next(&self, is_first: bool) -> Option<u64> {
        let most = if self.has_kernels { DEVICE_ROUNDS } else { HOST_ROUNDS };
        let Some(time) = self.budget.time else { return Some(most) };
        let left = time.mul_f64(SEARCH_SHARE).saturating_sub(self.started.elapsed());
        let fit = match self.per_round {
            None if self.has_kernels => FIRST_DEVICE_ROUNDS,
            None => 1,
            Some(per_round) => whole::count_64(left.as_secs_f64() / per_round.as_secs_f64().max(1e-6)),
        };
        let over = left.is_zero() || fit == 0;
        if over && !is_first { None } else { Some(fit.clamp(1, most)) }
    }

    pub(super) fn took(&mut self, rounds: u64, time: Duration) {
        self.per_round = Some(time.div_f64(rounds.max(1) as f64));
    }

    /// How many candidates to work on at once.
    pub(super) fn finalists_at_once(&self) -> usize {
        if self.has_kernels { usize::MAX } else { 1 }
    }

    /// Whether the whole time is over.
    pub(super) fn is_over(&self) -> bool {
        self.budget.time.is_some_and(|time| self.started.elapsed() >= time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_no_budget() {
        let budget = |time: Option<u64>, rounds| Budget { time: time.map(Duration::from_secs), rounds };
        for bad in [budget(None, None), budget(Some(0), None), budget(None, Some(0)), budget(Some(9), Some(0))] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        assert!(budget(Some(60), None).check().is_ok() && budget(None, Some(3)).check().is_ok());
    }

    #[test]
    fn rounds_follow_the_time_left() {
        let budget = Budget { time: Some(Duration::from_secs(100)), rounds: None };
        let mut pace = Pace { budget: &budget, started: Instant::now(), has_kernels: false, per_round: None };
        assert_eq!(pace.next(true), Some(1));
        pace.took(1, Duration::from_secs(20));
        assert!(matches!(pace.next(false), Some(2 | 3)));
        pace.took(1, Duration::from_secs(200));
        assert_eq!((pace.next(false), pace.next(true)), (None, Some(1)));
    }
}
