//! Loops of the tests of robustness: damaged files for readers, programs killed on their way.
//!
//! In an ordinary run of the tests they are short. `cargo xtask robustness` makes them long, through the variables
//! below, and collects the lines that [`tell`] and [`fuzz`] print.

use std::alloc::System;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Counts what is allocated; made by [`counted_memory`](crate::counted_memory).
pub type Memory = cap::Cap<System>;

/// Executions of one fuzz loop; without it the loop ends after `DRUSE_FUZZ_SECONDS`.
const EXECUTIONS: &str = "DRUSE_FUZZ_EXECUTIONS";
/// Which of several processes this one is, as `k/n` with k from 1: it does every n-th seed in one thread.
const SHARD: &str = "DRUSE_FUZZ_SHARD";
/// Seconds of one fuzz loop.
const SECONDS: &str = "DRUSE_FUZZ_SECONDS";
/// How often a program is killed.
const KILLS: &str = "DRUSE_KILLS";
/// Runs for each kill: enough where a few end before it.
const MOST_RUNS: u64 = 4;

/// The most that a reader may allocate, bytes.
const MOST_MEMORY: usize = 1 << 30;
/// An input of fewer bytes is read within [`LONGEST`].
const SMALL_INPUT: usize = 100_000;
/// A second in a release; a run that takes longer is tried again before it counts.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });
/// A run that has not come back by then will not: the process ends and names the seed.
const ENDLESS: Duration = Duration::from_secs(60);

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

/// Prints a figure for `cargo xtask robustness`: what was tried, the numbers that came of it, and the same in words.
pub fn tell(what: &str, figures: &serde_json::Value, text: &str) {
    println!("robustness: {}", serde_json::json!({"what": what, "figures": figures, "text": text}));
}

/// The shard of `DRUSE_FUZZ_SHARD`, from 0, and the number of shards.
///
/// # Panics
/// If the variable holds anything but `k/n` with k from 1 to n.
fn shard() -> Option<(u64, u64)> {
    let text = std::env::var(SHARD).ok()?;
    let parsed = text.split_once('/').and_then(|(k, n)| Some((k.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
    let found = parsed.filter(|(k, n)| (1..=*n).contains(k)).map(|(k, n)| (k - 1, n));
    Some(found.unwrap_or_else(|| panic!("{SHARD}={text}: expected k/n with k from 1 to n, such as 3/32")))
}

/// What a fuzz loop has found so far.
#[derive(Default)]
struct Found {
    done: AtomicU64,
    longest_us: AtomicU64,
    panics: AtomicU64,
    slow: AtomicU64,
}

/// Reads damaged copies of the files of `corpus`, again and again, and prints how often, how long and with how much
/// memory, as JSON that `cargo xtask robustness` adds up over shards. `words` are what the reader looks for: in the
/// wrong place they lead farther than noise does.
///
/// Every run is made by its seed alone, so that a failure can be repeated; its seed is told.
///
/// # Panics
/// After the loop, if `read` panicked or took more than a second (five where assertions are compiled in) on less than
/// 100 kB. The process ends at once if it comes to hold a gibibyte, and after a minute in one run.
pub fn fuzz(
    memory: &'static Memory,
    name: &str,
    corpus: &[(PathBuf, Vec<u8>)],
    words: &[&[u8]],
    read: impl Fn(&Path, &[u8]) + Sync,
) {
    memory.set_limit(MOST_MEMORY).expect("a test binary holds little before its tests");
    let executions = number(EXECUTIONS);
    let begin = Instant::now();
    let end = executions.is_none().then(|| begin + Duration::from_secs(number(SECONDS).unwrap_or(3)));
    let (first, stride) = shard().unwrap_or((0, 1));
    let next = AtomicU64::new(first);
    let found = Found::default();
    let loop_over_seeds = |watch: &Watch| {
        while end.is_none_or(|end| Instant::now() < end) {
            let seed = next.fetch_add(stride, Ordering::Relaxed);
            if executions.is_some_and(|executions| seed >= executions) {
                break;
            }
            let (path, bytes) = damaged(corpus, words, seed);
            watch.begin(seed, begin);
            if catch_unwind(AssertUnwindSafe(|| measure(&found, &bytes, || read(path, &bytes)))).is_err() {
                eprintln!("fuzz {name}: seed {seed} panics");
                found.panics.fetch_add(1, Ordering::Relaxed);
            }
            watch.end();
            found.done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let n_threads = match (executions, shard()) {
        (Some(_), None) => std::thread::available_parallelism().map_or(1, usize::from),
        _ => 1,
    };
    let watches: Vec<Watch> = (0..n_threads).map(|_| Watch::default()).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| watch_over(name, &watches, begin, &is_over));
        let workers: Vec<_> = watches.iter().map(|watch| scope.spawn(|| loop_over_seeds(watch))).collect();
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "a loop of fuzz {name} broke off");
    });
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (panics, slow) = (count(&found.panics), count(&found.slow));
    let told = serde_json::json!({
        "fuzz": name,
        "shard": format!("{}/{stride}", first + 1),
        "executions": count(&found.done),
        "seconds": begin.elapsed().as_secs_f64(),
        "longest_ms": count(&found.longest_us) as f64 / 1000.0,
        "mebibytes": memory.max_allocated() >> 20,
        "panics": panics,
        "slow": slow,
    });
    println!("robustness: {told}");
    assert!(panics + slow == 0, "fuzz {name}: {panics} panics, {slow} runs longer than {LONGEST:?}");
}

/// Runs once, and again where that took longer than any run before: by the processor's time, so that other work on the
/// machine does not count.
fn measure(found: &Found, bytes: &[u8], run: impl Fn()) {
    let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let start = Instant::now();
    run();
    let mut took = start.elapsed();
    if microseconds(took) <= found.longest_us.load(Ordering::Relaxed) {
        return;
    }
    took = took.min(timed(&run));
    if took > LONGEST && bytes.len() < SMALL_INPUT {
        took = took.min(timed(&run));
        if took > LONGEST {
            eprintln!("{} bytes took {took:?}", bytes.len());
            found.slow.fetch_add(1, Ordering::Relaxed);
        }
    }
    found.longest_us.fetch_max(microseconds(took), Ordering::Relaxed);
}

/// How long a run takes: the processor's time where the system tells it.
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

/// The run that a loop is in, for [`watch_over`].
#[derive(Default)]
struct Watch {
    seed: AtomicU64,
    /// Milliseconds after the begin of the loops, and one more; 0 between two runs.
    since: AtomicU64,
}

impl Watch {
    fn begin(&self, seed: u64, begin: Instant) {
        self.seed.store(seed, Ordering::Relaxed);
        self.since.store(elapsed(begin) + 1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }
}

fn elapsed(begin: Instant) -> u64 {
    begin.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}

/// Ends the process when a run does not.
fn watch_over(name: &str, watches: &[Watch], begin: Instant, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
        for watch in watches {
            let since = watch.since.load(Ordering::Relaxed);
            if since > 0 && u128::from(elapsed(begin).saturating_sub(since)) > ENDLESS.as_millis() {
                let seed = watch.seed.load(Ordering::Relaxed);
                eprintln!("fuzz {name}: seed {seed} does not end within {ENDLESS:?}");
                std::process::exit(101);
            }
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

/// Starts a program again and again, kills it (SIGKILL) at a random point of the time that a whole run takes, and looks
/// at what it left, until `DRUSE_KILLS` of them (3) were killed before their end. Runs that ended before they were
/// killed are looked at as well and shorten the time, because a first run is slower than later ones.
///
/// # Panics
/// If `program` cannot be started, if `look` does, and if no run at all could be killed.
pub fn kill_again_and_again(name: &str, whole: Duration, program: impl Fn(u64) -> Command, look: impl Fn(u64, bool)) {
    let kills = number(KILLS).unwrap_or(3);
    let mut random = ChaCha8Rng::seed_from_u64(kills);
    let (mut runs, mut killed, mut span) = (0, 0, whole);
    while killed < kills && runs < MOST_RUNS * kills {
        let mut child = program(runs).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(span.mul_f64(random.random_range(0.02..0.98)));
        let is_running = child.try_wait().expect("a child").is_none();
        child.kill().expect("a child");
        child.wait().expect("a child");
        if is_running {
            killed += 1;
        } else {
            span = span.mul_f64(0.9);
        }
        look(runs, is_running);
        runs += 1;
    }
    assert!(killed > 0, "{name}: all of {runs} runs ended before they were killed");
    tell(
        &format!("kill {name}"),
        &serde_json::json!({"runs": runs, "killed": killed}),
        &format!("{runs} runs, {killed} killed on their way, nothing torn"),
    );
}

/// A file system that is soon full, as `small` below a folder: its own mount where the machine lets its user make
/// one, else a limit on the size of files, which fails a write half way in the same manner.
#[cfg(target_os = "linux")]
pub struct SmallDisk {
    folder: PathBuf,
    kibibytes: u32,
    mounts: bool,
}

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// Makes the folder `small` and looks whether it can be mounted.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn new(folder: &Path, kibibytes: u32) -> Self {
        std::fs::create_dir_all(folder.join("small")).expect("a folder");
        let mut disk = Self { folder: folder.to_owned(), kibibytes, mounts: true };
        disk.mounts = disk.shell("true").output().is_ok_and(|output| output.status.success());
        disk
    }

    /// Whether it is a file system; else the size of each file is limited to 1 KiB.
    pub fn is_mounted(&self) -> bool {
        self.mounts
    }

    /// What it is, in words.
    pub fn described(&self) -> String {
        match self.mounts {
            true => format!("a file system of {} KiB", self.kibibytes),
            false => "files of 1 KiB at most".to_owned(),
        }
    }

    /// A command line of a shell in the folder, whose standard output ends with a list of what lies in `small`. The
    /// status is that of the line.
    pub fn command(&self, line: &str) -> Command {
        self.shell(&format!("{line}; status=$?; ls -A small/* small; exit $status"))
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = if self.mounts {
            let mount = format!("mount -t tmpfs -o size={}k tmpfs small", self.kibibytes);
            let mut command = Command::new("unshare");
            command.args(["--mount", "--map-root-user", "sh", "-c", &format!("{mount} && {{ {script}; }}")]);
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("trap '' XFSZ; ulimit -f 2; {script}")]);
            command
        };
        command.current_dir(&self.folder);
        command
    }
}
