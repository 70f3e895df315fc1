//! Progress on a bar, or, where there is no terminal to draw one on, as a line in the log every now and then.

use std::time::{Duration, Instant};

use druse::Progress;
use indicatif::ProgressBar;

const INTERVAL: Duration = Duration::from_secs(10);
/// Units of a bar over fractions: a batch moves it step by step.
const BAR_UNITS: f64 = 100.0;

/// Shows what a callback is told.
#[derive(Debug)]
pub struct Display<'a> {
    bar: &'a ProgressBar,
    units: f64,
    started: Instant,
    first_position: u64,
    next: Instant,
}

impl<'a> Display<'a> {
    /// On a bar that counts whole things.
    pub fn whole(bar: &'a ProgressBar) -> Self {
        Self::new(bar, 1.0)
    }

    /// On a bar that counts hundredths.
    pub fn fractions(bar: &'a ProgressBar) -> Self {
        Self::new(bar, BAR_UNITS)
    }

    fn new(bar: &'a ProgressBar, units: f64) -> Self {
        let now = Instant::now();
        Self { bar, units, started: now, first_position: bar.position(), next: now + INTERVAL }
    }

    /// Moves the bar, and logs a line if it is hidden and the last line is long enough ago.
    pub fn show(&mut self, progress: &Progress) {
        let rounded = |value: f64| (value * self.units).round().max(0.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number, not negative")]
        let (length, position) = (rounded(progress.total) as u64, rounded(progress.done) as u64);
        self.bar.set_length(length);
        self.bar.set_position(position);
        if !progress.message.is_empty() {
            self.bar.set_message(progress.message.clone());
        }
        let now = Instant::now();
        if now < self.next || !self.bar.is_hidden() {
            return;
        }
        self.next = now + INTERVAL;
        let seconds = (now - self.started).as_secs_f64();
        let rate = (position - self.first_position.min(position)) as f64 / seconds;
        let prefix = self.bar.prefix();
        tracing::info!(target: "druse::progress", "{prefix} {position}/{length} {} {rate:.1}/s {seconds:.0} s", progress.message);
    }
}
