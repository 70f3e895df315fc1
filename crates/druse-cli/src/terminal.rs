//! Standard output for results, standard error for everything else.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::{ContentArrangement, Table, TableComponent, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

/// All bars of the process, so that a message can be printed between them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Standard error, with the bars out of the way while something is written.
struct BesideBars;

impl Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Sends the log to standard error; `RUST_LOG` chooses what is logged, warnings by default.
pub(super) fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,druse::progress=info"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(|| BesideBars)
        .try_init();
    if let Err(error) = started {
        warning(&format!("no log: {error}"));
    }
}

/// Prints why nothing was done.
pub(super) fn error(text: &str) {
    line("error", text);
}

/// Prints what went wrong although the command goes on.
pub(super) fn warning(text: &str) {
    line("warning", text);
}

fn line(kind: &str, text: &str) {
    // Nobody is left to be told when standard error itself is gone.
    let _ = BesideBars.write_all(format!("{kind}: {text}\n").as_bytes());
}

/// A bar for `length` pieces of work; not drawn when standard error is not a terminal.
pub(super) fn bar(length: u64, work: &'static str) -> ProgressBar {
    styled(length, work, "{prefix:12} [{bar:40}] {pos}/{len} {elapsed} (left: {eta})")
}

/// A bar for work that is measured in percent.
pub(super) fn share_bar(work: &'static str) -> ProgressBar {
    styled(0, work, "{prefix:12} [{bar:40}] {percent} % {elapsed} (left: {eta})")
}

/// A sign of life while it is not known how much there is to do.
pub(super) fn spinner(work: &'static str) -> ProgressBar {
    styled(0, work, "{prefix:12} {spinner} {elapsed}")
}

/// A sign of life with text below it that changes, such as a table of what was found so far.
pub(super) fn live(work: &'static str) -> ProgressBar {
    styled(0, work, "{prefix:12} {spinner} {elapsed} {msg}")
}

/// A bar for training steps, with the losses as its message.
pub(super) fn training_bar(steps: u64) -> ProgressBar {
    styled(steps, "training", "{prefix:12} [{bar:40}] {pos}/{len} {elapsed} (left: {eta}) {msg}")
}

fn styled(length: u64, work: &'static str, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the templates above are well formed");
    let bar = BARS.add(ProgressBar::new(length)).with_style(style).with_prefix(work);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Takes a bar off the screen.
pub(super) fn finish(bar: &ProgressBar) {
    bar.finish_and_clear();
    BARS.remove(bar);
}

/// Prints a document as one line of JSON.
///
/// # Errors
/// If standard output cannot be written, unless its reader has simply gone.
pub(super) fn print_json(document: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string(document).context("the result cannot be written as JSON")?;
    text.push('\n');
    print(&text)
}

/// Prints text.
///
/// # Errors
/// As [`print_json`].
pub(super) fn print(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        // `druse … | head`: the reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output: cannot be written"),
    }
}

/// A table with this header, as wide as its content whatever the terminal.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    for line in [TableComponent::HeaderLines, TableComponent::MiddleHeaderIntersections] {
        table.set_style(line, '─');
    }
    table
}

/// A cell for what is true or not.
pub(super) fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// Prints a table.
///
/// # Errors
/// As [`print_json`].
pub(super) fn print_table(table: &Table) -> Result<()> {
    print(&format!("{}\n", table.trim_fmt()))
}
