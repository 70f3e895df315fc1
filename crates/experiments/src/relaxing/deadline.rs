//! An end of the work that does not wait for it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crystal_core::{AsymmetricUnit, Species, Structure};
use potential::{Evaluation, Identity, Potential, PotentialError};

type Evaluations = Result<Vec<Result<Evaluation, PotentialError>>, PotentialError>;

/// When a run has to end, if at all.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// This many minutes after `start`, less a reserve for writing the results: a thirtieth, at least 5 s and at most
    /// 20 s.
    pub fn after(start: Instant, minutes: Option<f64>) -> Self {
        Self(minutes.map(|minutes| {
            let seconds = minutes * 60.0;
            let reserve = (seconds / 30.0).clamp(5.0, 20.0);
            start + Duration::from_secs_f64((seconds - reserve).max(0.0))
        }))
    }

    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        self.is_over_in(Duration::ZERO)
    }

    fn is_over_in(&self, more: Duration) -> bool {
        self.0.is_some_and(|end| Instant::now() + more >= end)
    }
}

/// A potential that refuses work which would end after the deadline, judged by the longest of the last calls.
#[derive(Debug)]
pub(super) struct Timed<'a> {
    potential: &'a dyn Potential,
    deadline: &'a Deadline,
    longest: Mutex<Duration>,
    refused: AtomicBool,
}

impl<'a> Timed<'a> {
    pub(super) fn new(potential: &'a dyn Potential, deadline: &'a Deadline) -> Self {
        Self { potential, deadline, longest: Mutex::default(), refused: AtomicBool::new(false) }
    }

    /// Whether work was refused.
    pub(super) fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn within<T>(&self, work: impl FnOnce() -> Result<T, PotentialError>) -> Result<T, PotentialError> {
        let lock = || self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = *lock();
        if self.deadline.is_over_in(longest) {
            self.refused.store(true, Ordering::Relaxed);
            return Err(PotentialError::Device { reason: "the time of the run is over".to_owned() });
        }
        let start = Instant::now();
        let result = work();
        // The first call compiles kernels and must not count for ever.
        let mut longest = lock();
        *longest = start.elapsed().max(longest.mul_f64(0.8));
        result
    }
}

impl Potential for Timed<'_> {
    fn identity(&self) -> &Identity {
        self.potential.identity()
    }

    fn elements(&self) -> &[Species] {
        self.potential.elements()
    }

    fn full_call(&self) -> usize {
        self.potential.full_call()
    }

    fn energies(&self, structures: &[Structure]) -> Result<Vec<Result<f64, PotentialError>>, PotentialError> {
        self.within(|| self.potential.energies(structures))
    }

    fn evaluate(&self, structures: &[Structure]) -> Evaluations {
        self.within(|| self.potential.evaluate(structures))
    }

    fn evaluate_symmetric(&self, units: &[AsymmetricUnit]) -> Evaluations {
        self.within(|| self.potential.evaluate_symmetric(units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_for_writing() {
        let now = Instant::now();
        assert!(!Deadline::after(now, None).is_over());
        assert!(Deadline::after(now, Some(0.01)).is_over(), "less than the reserve");
        let hour = Deadline::after(now, Some(60.0));
        assert!(
            !hour.is_over()
                && hour.is_over_in(Duration::from_secs(3590))
                && !hour.is_over_in(Duration::from_secs(3500))
        );
    }
}
