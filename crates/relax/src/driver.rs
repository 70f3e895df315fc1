//! Many crystals at once: a batch is evaluated together, finished crystals leave it, waiting ones take their place.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use potential::{Evaluation, Potential, PotentialError};
use rayon::prelude::*;

use crate::coordinates::Cell;
use crate::task::Task;
use crate::{Crystal, Options, RelaxError, Relaxation};

/// A result with the index of its input.
type Delivery = (usize, Result<Relaxation, RelaxError>);

/// Relaxes crystals and delivers each as soon as it is done, with its index, in any order.
///
/// What comes of a crystal depends on the crystal, its index (which seeds the rattle) and the options, not on the other
/// inputs, as far as `potential` evaluates structures of a batch independently. An interrupted run is therefore resumed
/// by leaving out the inputs whose results were stored. `deliver` runs on the calling thread; `ControlFlow::Break` ends
/// the run, and crystals in flight are dropped.
///
/// # Errors
/// [`RelaxError::Option`]; [`RelaxError::Device`] if the device failed. Errors of single crystals are delivered.
pub fn relax<P, I>(
    potential: &P,
    options: &Options,
    inputs: I,
    mut deliver: impl FnMut(usize, Result<Relaxation, RelaxError>) -> ControlFlow<()>,
) -> Result<(), RelaxError>
where
    P: Potential + ?Sized,
    I: IntoIterator<Item = (usize, Crystal)>,
    I::IntoIter: Send,
{
    options.check()?;
    let queue = Mutex::new(inputs.into_iter());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        let workers: Vec<_> = (0..options.batches.max(1))
            .map(|_| {
                let sender = sender.clone();
                let (queue, stop) = (&queue, &stop);
                scope.spawn(move || {
                    let result = Batch::new(options, sender).run(potential, queue, stop);
                    if result.is_err() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    result
                })
            })
            .collect();
        drop(sender);
        for (index, result) in receiver {
            if deliver(index, result).is_break() {
                stop.store(true, Ordering::Relaxed);
                break;
            }
        }
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Crystals that are evaluated together.
struct Batch<'a> {
    options: &'a Options,
    sender: Sender<Delivery>,
    tasks: Vec<Task>,
    /// Taken from the queue, but too large for the room that was left.
    waiting: Option<(usize, Crystal)>,
}

impl<'a> Batch<'a> {
    fn new(options: &'a Options, sender: Sender<Delivery>) -> Self {
        Self { options, sender, tasks: Vec::new(), waiting: None }
    }

    fn run<P: Potential + ?Sized>(
        mut self,
        potential: &P,
        queue: &Mutex<impl Iterator<Item = (usize, Crystal)>>,
        stop: &AtomicBool,
    ) -> Result<(), RelaxError> {
        let batch_sites = self.options.batch_sites.unwrap_or_else(|| potential.full_call());
        while !stop.load(Ordering::Relaxed) {
            self.fill(batch_sites, queue);
            if self.tasks.is_empty() {
                break;
            }
            let evaluations = evaluate(potential, &self.tasks).map_err(RelaxError::Device)?;
            if !self.advance(evaluations) {
                break;
            }
        }
        Ok(())
    }

    /// Takes inputs until the batch is full or nothing waits.
    fn fill(&mut self, batch_sites: usize, queue: &Mutex<impl Iterator<Item = (usize, Crystal)>>) {
        loop {
            let mut n_sites: usize = self.tasks.iter().map(Task::n_sites).sum();
            let mut taken = Vec::new();
            {
                // An input that panicked leaves an iterator that may still be asked.
                let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                while let Some((index, crystal)) = self.waiting.take().or_else(|| queue.next()) {
                    let n_more = crystal.n_sites();
                    if n_sites > 0 && n_sites + n_more > batch_sites {
                        self.waiting = Some((index, crystal));
                        break;
                    }
                    n_sites += n_more;
                    taken.push((index, crystal));
                }
            }
            if taken.is_empty() {
                return;
            }
            let start = |(index, crystal)| Task::new(index, crystal, self.options).map_err(|error| (index, error));
            let started: Vec<_> = taken.into_par_iter().map(start).collect();
            for task in started {
                match task {
                    Ok(task) => self.tasks.push(task),
                    Err((index, error)) => {
                        self.send((index, Err(error)));
                    }
                }
            }
        }
    }

    /// One step of every crystal; finished ones leave. `false` if nobody takes results any more.
    fn advance(&mut self, evaluations: Vec<Result<Evaluation, PotentialError>>) -> bool {
        let pairs = self.tasks.par_iter_mut().zip(evaluations);
        let ends: Vec<_> = pairs.map(|(task, evaluation)| task.advance(evaluation)).collect();
        let mut finished = Vec::new();
        let mut ends = ends.into_iter();
        self.tasks.retain(|task| match ends.next().flatten() {
            Some(result) => {
                finished.push((task.index, result));
                false
            }
            None => true,
        });
        finished.into_iter().all(|delivery| self.send(delivery))
    }

    fn send(&self, delivery: Delivery) -> bool {
        self.sender.send(delivery).is_ok()
    }
}

/// One evaluation of every crystal. All are of one mode.
fn evaluate<P: Potential + ?Sized>(
    potential: &P,
    tasks: &[Task],
) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
    let mut structures = Vec::new();
    let mut units = Vec::new();
    for task in tasks {
        match task.cell() {
            Cell::Free(structure) => structures.push(structure.clone()),
            Cell::Symmetric(unit) => units.push(unit.clone()),
        }
    }
    if units.is_empty() { potential.evaluate(&structures) } else { potential.evaluate_symmetric(&units) }
}
