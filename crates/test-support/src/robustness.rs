//! Loops of the tests of robustness: damaged files for readers, programs killed on their way.
//!
//! In an ordinary run of the tests they are short. `cargo xtask robustness` makes them long, through the variables
//! below, and collects the lines that [`tell`] prints.

use std::alloc::System;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Counts what is allocated; made by [`counted_memory`](crate::counted_memory).
pub type Memory = cap::Cap<System>;

/// Executions of one fuzz loop; without it the loop ends after `DRUSE_FUZZ_SECONDS`.
const EXECUTIONS: &str = "DRUSE_FUZZ_EXECUTIONS";
/// Seconds of one fuzz loop.
const SECONDS: &str = "DRUSE_FUZZ_SECONDS";
/// How often a program is killed.
const KILLS: &str = "DRUSE_KILLS";

/// The most that a reader may allocate, bytes.
const MOST_MEMORY: usize = 1 << 30;
/// An input of fewer bytes is read within [`LONGEST`].
const SMALL_INPUT: usize = 100_000;
/// A second in a release; a run that takes longer is tried again before it counts.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

/// Makes the test binary's allocator count, as `MEMORY`: a static that [`fuzz`] takes.
#[macro_export]
macro_rules! counted_memory {
    () => {
        #[global_allocator]
        static MEMORY: $crate::robustness::Memory = $crate::robustness::Memory::new(std::alloc::System, usize::MAX);
    };
}

/// A number that the environment sets.
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Prints a figure for `cargo xtask robustness`: what was tried, and what came of it.
pub fn tell(what: &str, figures: &str) {
    println!("robustness: {what} | {figures}");
}

/// Reads damaged copies of the files of `corpus`, again and again, and tells how often, how long and with how much
/// memory. `words` are what the reader looks for: in the wrong place they lead farther than noise does.
///
/// Every run is made by its seed alone, so that a failure can be repeated; its seed is told.
///
/// # Panics
/// If `read` panics, takes more than a second (five where assertions are compiled in) on less than 100 kB, or if the
/// process comes to hold a gibibyte.
pub fn fuzz(
    memory: &'static Memory,
    name: &str,
    corpus: &[(PathBuf, Vec<u8>)],
    words: &[&[u8]],
    read: impl Fn(&Path, &[u8]) + Sync,
) {
    memory.set_limit(MOST_MEMORY).expect("a test binary holds little before its tests");
    let executions = number(EXECUTIONS);
    let end = executions.is_none().then(|| Instant::now() + Duration::from_secs(number(SECONDS).unwrap_or(3)));
    let next = AtomicU64::new(0);
    let longest = AtomicU64::new(0);
    let loop_over_seeds = || {
        while end.is_none_or(|end| Instant::now() < end) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if executions.is_some_and(|executions| seed >= executions) {
                break;
            }
            let (path, bytes) = damaged(corpus, words, seed);
            let _told = Told { name, seed };
            let mut took = timed(|| read(path, &bytes));
            for _ in 0..2 {
                if took > LONGEST && bytes.len() < SMALL_INPUT {
                    took = took.min(timed(|| read(path, &bytes)));
                }
            }
            assert!(took < LONGEST || bytes.len() >= SMALL_INPUT, "{} bytes took {took:?}", bytes.len());
            longest.fetch_max(took.as_micros().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    };
    let n_threads = match executions {
        Some(_) => std::thread::available_parallelism().map_or(1, usize::from),
        None => 1,
    };
    std::thread::scope(|scope| {
        (0..n_threads).for_each(|_| {
            scope.spawn(loop_over_seeds);
        });
    });
    let done = executions.unwrap_or_else(|| next.load(Ordering::Relaxed));
    let milliseconds = longest.load(Ordering::Relaxed) as f64 / 1000.0;
    let mebibytes = memory.max_allocated() >> 20;
    let figures = format!("{done} executions, longest {milliseconds:.1} ms, at most {mebibytes} MiB allocated");
    tell(&format!("fuzz {name}"), &figures);
}

/// How long a run takes: the processor's time where the system tells it, so that other work on the machine does not
/// count.
fn timed(run: impl FnOnce()) -> Duration {
    let (start, on_processor) = (Instant::now(), processor_time());
    run();
    match (on_processor, processor_time()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => start.elapsed(),
    }
}

/// The time that this thread was on a processor, on Linux.
fn processor_time() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(told.split(' ').next()?.parse().ok()?))
}

/// Tells the seed of a run that panics.
struct Told<'a> {
    name: &'a str,
    seed: u64,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("fuzz {}: seed {}", self.name, self.seed);
        }
    }
}

/// The damaged file of a seed.
pub fn damaged<'a>(corpus: &'a [(PathBuf, Vec<u8>)], words: &[&[u8]], seed: u64) -> (&'a Path, Vec<u8>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (path, whole) = &corpus[random.random_range(0..corpus.len())];
    let mut bytes = whole.clone();
    for _ in 0..random.random_range(1..6) {
        damage(&mut bytes, corpus, words, &mut random);
    }
    (path, bytes)
}

fn damage(bytes: &mut Vec<u8>, corpus: &[(PathBuf, Vec<u8>)], words: &[&[u8]], random: &mut ChaCha8Rng) {
    let at = random.random_range(0..=bytes.len());
    match random.random_range(0..9) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, random.random()),
        2 if at < bytes.len() => bytes[at] = random.random(),
        3 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
        4 | 5 if !words.is_empty() => {
            let word = words[random.random_range(0..words.len())];
            bytes.splice(at..at, word.iter().copied());
        }
        6 => {
            let end = (at + random.random_range(0..200)).min(bytes.len());
            bytes.drain(at..end);
        }
        7 => {
            let end = (at + random.random_range(0..200)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let target = random.random_range(0..=bytes.len());
            // Now and then many times over: lists that are longer than anybody expects.
            let times = if random.random_range(0..16) == 0 { 200 } else { 1 };
            bytes.splice(target..target, piece.repeat(times));
        }
        _ => {
            let other = &corpus[random.random_range(0..corpus.len())].1;
            if !other.is_empty() {
                let start = random.random_range(0..other.len());
                let end = (start + random.random_range(0..300)).min(other.len());
                bytes.splice(at..at, other[start..end].iter().copied());
            }
        }
    }
}

/// Starts a program again and again, kills each (SIGKILL) at a random point of the time that a whole run takes, and
/// looks at what it left. Tells how many of them were still running then. `DRUSE_KILLS` says how often (3 times).
///
/// # Panics
/// If `program` cannot be started, and if `look` does.
pub fn kill_again_and_again(name: &str, whole: Duration, program: impl Fn(u64) -> Command, look: impl Fn(u64, bool)) {
    let kills = number(KILLS).unwrap_or(3);
    let mut random = ChaCha8Rng::seed_from_u64(kills);
    let mut killed = 0;
    for index in 0..kills {
        let mut child = program(index).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(whole.mul_f64(random.random_range(0.02..0.98)));
        let is_running = child.try_wait().expect("a child").is_none();
        child.kill().expect("a child");
        child.wait().expect("a child");
        killed += u64::from(is_running);
        look(index, is_running);
    }
    tell(&format!("kill {name}"), &format!("{kills} runs, {killed} killed on their way, nothing torn"));
}
