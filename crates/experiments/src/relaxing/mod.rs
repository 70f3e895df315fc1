//! Relaxation of many structures within a time, the cheapest first.

mod deadline;
mod queue;
mod stages;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use potential::Potential;
use relax::{Crystal, Mode, Options, RelaxError, Relaxation};

pub use deadline::Deadline;
use deadline::Timed;
use queue::Queue;
pub use stages::{Relaxed, Stages};

/// A structure that waits, and what goes first: smaller ranks before larger ones, then fewer sites.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Its number in the run; it seeds a rattle.
    pub index: usize,
    /// 0 goes before 1.
    pub rank: u8,
    /// The structure.
    pub crystal: Crystal,
}

/// Relaxes structures until all are done or the time is over. Returns `false` if the time ended first.
///
/// In the symmetric mode asymmetric units are found on other threads while the potential works, and of those found the
/// one with the fewest sites is next. Results do not depend on that order. `deliver` runs on the calling thread.
///
/// # Errors
/// That of `deliver`, or of the device: what was delivered before stands.
pub fn relax_until(
    potential: &dyn Potential,
    options: &Options,
    mut waiting: Vec<Waiting>,
    deadline: &Deadline,
    mut deliver: impl FnMut(usize, Result<Relaxation, RelaxError>) -> Result<()>,
) -> Result<bool> {
    waiting.sort_by_key(|one| (one.rank, n_stored(&one.crystal)));
    let timed = Timed::new(potential, deadline);
    let (queue, stop) = (Queue::default(), AtomicBool::new(false));
    let mut failure = None;
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| queue.fill(waiting, symprec(options), || stop.load(Ordering::Relaxed) || deadline.is_over()));
        let next = std::iter::from_fn(|| if deadline.is_over() { None } else { queue.next() });
        let ended = relax::relax(&timed, options, next, |index, result| match deliver(index, result) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        });
        stop.store(true, Ordering::Relaxed);
        ended
    });
    if let Some(error) = failure {
        return Err(error);
    }
    for (index, error) in queue.take_failed() {
        deliver(index, Err(error.into()))?;
    }
    match ended {
        Ok(()) => Ok(!deadline.is_over() || queue.is_done()),
        Err(_) if timed.refused() => Ok(false),
        Err(error) => Err(error).context("what is finished is kept; go on with --resume"),
    }
}

fn symprec(options: &Options) -> Option<f64> {
    match options.mode {
        Mode::Symmetric { symprec } => Some(symprec),
        Mode::Free { .. } => None,
    }
}

fn n_stored(crystal: &Crystal) -> usize {
    match crystal {
        Crystal::Structure(structure) => structure.n_sites(),
        Crystal::Unit(unit) => unit.sites().len(),
    }
}
