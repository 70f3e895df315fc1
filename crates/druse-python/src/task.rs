//! Work beside the interpreter: its lock is released, signals are heard, progress is told.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use pyo3::prelude::*;

use crate::failure::Failure;

/// How often signals are asked for and progress is told.
const INTERVAL: Duration = Duration::from_millis(50);
/// What a main thread usually has; other threads get less, and unoptimised code needs more.
const STACK: usize = 16 << 20;

/// What the work and the thread that waits for it tell each other.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    told: Mutex<Option<(f64, f64)>>,
}

impl Watch {
    /// Whether the work should end: nobody waits for its result any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The flag behind [`Self::is_stopped`].
    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.stop
    }

    /// How much is done, of how much.
    pub(crate) fn tell(&self, done: f64, total: f64) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some((done, total));
    }

    fn news(&self) -> Option<(f64, f64)> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Does some work on its own thread. `progress` is called on this one with what is done and how much there is. An
/// exception of it, or of a signal handler (`KeyboardInterrupt`), tells the work to stop and is raised when it has.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Watch) -> Result<T, Failure> + Send,
) -> PyResult<T> {
    refuse_fork()?;
    let watch = Watch::default();
    let (sender, mut receiver) = channel();
    std::thread::scope(|scope| {
        let watch = &watch;
        let worker = Builder::new().name("druse".to_owned()).stack_size(STACK).spawn_scoped(scope, move || {
            let result = work(watch);
            // The other end is there until this thread has ended.
            let _ = sender.send(());
            result
        })?;
        let mut interruption = None;
        loop {
            let ended = &mut receiver;
            let waited = py.detach(move || ended.recv_timeout(INTERVAL));
            if interruption.is_none() {
                let heard = py.check_signals().and_then(|()| match (progress, watch.news()) {
                    (Some(progress), Some((done, total))) => progress.call1((done, total)).map(drop),
                    _ => Ok(()),
                });
                if let Err(exception) = heard {
                    watch.stop.store(true, Ordering::Relaxed);
                    interruption = Some(exception);
                }
            }
            if !matches!(waited, Err(RecvTimeoutError::Timeout)) {
                break;
            }
        }
        let result = py.detach(|| worker.join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match interruption {
            Some(exception) => Err(exception),
            None => Ok(result?),
        }
    })
}

/// A fork has none of the threads of its parent: work that waits for them would wait for ever.
fn refuse_fork() -> Result<(), Failure> {
    static FIRST: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id();
    match FIRST.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed) {
        Err(first) if first != own => Err(Failure::request(
            "this process was forked from one that had used druse, whose threads it does not have; \
             start it with multiprocessing's 'spawn' or 'forkserver'",
        )),
        _ => Ok(()),
    }
}
