//! Structures that wait to be relaxed, and their asymmetric units, found as the work goes on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crystal_core::{AsymmetricUnit, CrystalError, Finder, Structure};
use rayon::prelude::*;
use relax::Crystal;

use super::{Waiting, n_stored};

/// Structures whose units are found together: enough for all cores, few enough that the first are there soon.
const CHUNK: usize = 256;

/// What is found, the cheapest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    found: BinaryHeap<Reverse<Ranked>>,
    /// Structures whose unit could not be found.
    failed: Vec<(usize, CrystalError)>,
    /// Nothing more comes.
    ended: bool,
    /// Everything came.
    complete: bool,
}

/// Marks the end of the filling when it is dropped.
struct Ended<'a>(&'a Queue);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

/// Ordered by rank, sites and number.
#[derive(Debug)]
struct Ranked {
    key: (u8, usize, usize),
    crystal: Crystal,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl Queue {
    /// Puts all structures in, in their order, reduced at `symprec` (Å) if there is one, until `stop` says so.
    pub(super) fn fill(&self, waiting: Vec<Waiting>, symprec: Option<f64>, stop: impl Fn() -> bool) {
        // Also if a search panics: the consumers must not wait for ever.
        let _ended = Ended(self);
        let mut waiting = waiting.into_iter();
        let complete = loop {
            if stop() {
                break false;
            }
            let chunk: Vec<Waiting> = waiting.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break true;
            }
            let ranked = |Waiting { index, rank, crystal }: Waiting| {
                let crystal = match (crystal, symprec) {
                    (Crystal::Structure(structure), Some(symprec)) => {
                        Crystal::Unit(unit_of(&structure, symprec).map_err(|error| (index, error))?)
                    }
                    (crystal, _) => crystal,
                };
                Ok(Reverse(Ranked { key: (rank, n_stored(&crystal), index), crystal }))
            };
            let found: Vec<Result<_, _>> = chunk.into_par_iter().map(ranked).collect();
            let mut state = self.lock();
            for one in found {
                match one {
                    Ok(ranked) => state.found.push(ranked),
                    Err(failed) => state.failed.push(failed),
                }
            }
            drop(state);
            self.changed.notify_all();
        };
        self.lock().complete = complete;
    }

    /// The cheapest of what is found; waits while more is coming. `None` at the end.
    pub(super) fn next(&self) -> Option<(usize, Crystal)> {
        let mut state = self.lock();
        loop {
            if let Some(Reverse(Ranked { key: (_, _, index), crystal })) = state.found.pop() {
                return Some((index, crystal));
            }
            if state.ended {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The structures whose unit could not be found, each told once.
    pub(super) fn take_failed(&self) -> Vec<(usize, CrystalError)> {
        std::mem::take(&mut self.lock().failed)
    }

    /// Whether everything was put in and taken out.
    pub(super) fn is_done(&self) -> bool {
        let state = self.lock();
        state.complete && state.found.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The asymmetric unit of a structure. One structure on which the finder gives up must not end a run of thousands.
fn unit_of(structure: &Structure, symprec: f64) -> Result<AsymmetricUnit, CrystalError> {
    let find = || AsymmetricUnit::from_structure(structure, symprec, Finder::default());
    catch_unwind(AssertUnwindSafe(find)).unwrap_or_else(|_| {
        let reason = "the symmetry finder came to a stop on it".to_owned();
        Err(CrystalError::SymmetryNotFound { symprec, reason })
    })
}
