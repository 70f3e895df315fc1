//! Progress where there is no terminal to draw a bar on: a line in the log every now and then.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

const INTERVAL: Duration = Duration::from_secs(10);

/// Logs what a hidden bar would show.
pub struct ProgressLog {
    started: Instant,
    first_position: u64,
    next: Instant,
}

impl ProgressLog {
    /// For a bar that is about to move.
    pub fn new(bar: &ProgressBar) -> Self {
        let now = Instant::now();
        Self { started: now, first_position: bar.position(), next: now + INTERVAL }
    }

    /// Logs a line if the bar is hidden and the last line is long enough ago.
    pub fn tick(&mut self, bar: &ProgressBar) {
        let now = Instant::now();
        if now < self.next || !bar.is_hidden() {
            return;
        }
        self.next = now + INTERVAL;
        let seconds = (now - self.started).as_secs_f64();
        let rate = (bar.position() - self.first_position.min(bar.position())) as f64 / seconds;
        let (position, length) = (bar.position(), bar.length().unwrap_or(0));
        tracing::info!("{} {position}/{length} {} {rate:.1}/s {seconds:.0} s", bar.prefix(), bar.message());
    }
}
