//! Progress bars on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` units of work.
pub fn bar(name: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:<24} {bar:32} {pos}/{len} {elapsed} left {eta} {msg}")
        .expect("the template is well formed");
    let bar = ProgressBar::new(length).with_style(style).with_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
