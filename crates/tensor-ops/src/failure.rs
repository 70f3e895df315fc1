//! Failures of a device while it works.
//!
//! The tensor library reports them by panics, partly from its own threads, when a result is read. Here they become
//! errors. Panics of other code stay what they are, faults of the program, with their place.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex, Once, PoisonError};

/// What happened to a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceFailure {
    /// It has too little memory for what was asked.
    #[error("the device ran out of memory: {0}")]
    OutOfMemory(String),
    /// It is lost, or a kernel failed.
    #[error("the device failed: {0}")]
    Lost(String),
}

/// Words that tell a lack of memory in what runtimes say.
const OUT_OF_MEMORY: [&str; 7] = [
    "out of memory",
    "out of device memory",
    "outofmemory",
    "out_of_memory",
    "buffertoobig",
    "too big",
    "can't allocate",
];

impl DeviceFailure {
    fn from_messages(messages: &[String]) -> Self {
        let first = messages.first().map_or("it gave no reason", String::as_str);
        let reason = first.lines().filter(|line| !line.contains("acktrace")).take(4).collect::<Vec<_>>().join(" ");
        let lacks_memory = messages
            .iter()
            .map(|message| message.to_lowercase())
            .any(|message| OUT_OF_MEMORY.iter().any(|words| message.contains(words)));
        if lacks_memory { Self::OutOfMemory(reason) } else { Self::Lost(reason) }
    }
}

/// What has been heard of the device while one piece of work runs.
type Heard = Arc<Mutex<Vec<String>>>;

/// All pieces of work that run, on whatever thread: the backend's own threads do not say whom they work for.
static LISTENING: Mutex<Vec<Heard>> = Mutex::new(Vec::new());
static INSTALLED: Once = Once::new();

thread_local! {
    /// Whether a fault of the program was told on this thread since its work began.
    static FAULT: Cell<bool> = const { Cell::new(false) };
}

/// Crates whose panics are reports of the device, as they stand in the paths of their sources.
const BACKEND: [&str; 7] = ["cubecl", "burn-", "wgpu", "naga-", "cudarc", "libloading-", "ash-"];
/// How the tensor library begins where it names the place of its caller for its own.
const READING: &str = "Error while reading data";

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing is left half done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_of_the_backend(message: &str, file: &str) -> bool {
    message.starts_with(READING) || BACKEND.iter().any(|name| file.contains(name))
}

/// Notes a report of the device for all work that listens; whether it did.
fn noted(panic: &PanicHookInfo<'_>) -> bool {
    let message = panic.payload_as_str().unwrap_or("it gave no reason");
    let file = panic.location().map_or("", std::panic::Location::file);
    let listening = lock(&LISTENING);
    if listening.is_empty() || !is_of_the_backend(message, file) {
        return false;
    }
    for heard in listening.iter() {
        lock(heard).push(message.to_owned());
    }
    true
}

/// Ends listening, however the work ends.
struct Listener(Heard);

impl Listener {
    fn start() -> Self {
        INSTALLED.call_once(|| {
            let before = take_hook();
            set_hook(Box::new(move |panic| {
                if !noted(panic) {
                    FAULT.set(true);
                    before(panic);
                }
            }));
        });
        let heard = Heard::default();
        lock(&LISTENING).push(Arc::clone(&heard));
        Self(heard)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        lock(&LISTENING).retain(|heard| !Arc::ptr_eq(heard, &self.0));
    }
}

/// Runs `work`; a panic by which the backend reports a failure of the device becomes a [`DeviceFailure`], and is not
/// printed. The first call puts a hook in front of the process's panic hook, to which it hands on everything else.
///
/// # Errors
/// [`DeviceFailure`] with the first message heard.
///
/// # Panics
/// As `work` does where that is not the backend's report: a fault of the program, told with its place.
pub fn catch_device_failure<T>(work: impl FnOnce() -> T) -> Result<T, DeviceFailure> {
    let listener = Listener::start();
    FAULT.set(false);
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let messages = lock(&listener.0).clone();
        // Another device may have failed meanwhile.
        if messages.is_empty() || FAULT.get() {
            drop(listener);
            resume_unwind(panic);
        }
        DeviceFailure::from_messages(&messages)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_told_from_a_lost_device() {
        let told = |message: &str| catch_device_failure(|| panic!("{READING}: {message}"));
        let lost = told("the device is poisoned\nBacktrace:\nnone");
        assert_eq!(lost, Err::<(), _>(DeviceFailure::Lost(format!("{READING}: the device is poisoned none"))));
        let full = told("an IO error happened\n  out of device memory allocating 8 bytes");
        assert!(matches!(full, Err::<(), _>(DeviceFailure::OutOfMemory(_))));
        assert_eq!(catch_device_failure(|| 3), Ok(3));
    }

    #[test]
    fn reports_are_told_by_their_source() {
        for file in
            ["/x/src/cubecl-runtime-0.9.0/src/server.rs", "/x/burn-tensor-0.22.1/src/a.rs", "wgpu-core/src/b.rs"]
        {
            assert!(is_of_the_backend("it is gone", file), "{file}");
        }
        assert!(!is_of_the_backend("index out of bounds", "crates/potential/src/nequix/batch.rs"));
    }

    #[test]
    fn own_faults_stay_panics() {
        let fault = catch_unwind(|| catch_device_failure(|| -> u8 { panic!("a fault") }));
        let payload = fault.expect_err("a panic");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"a fault"));
    }

    #[test]
    fn work_on_several_threads_listens_side_by_side() {
        let barrier = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            let fails = scope.spawn(|| {
                catch_device_failure(|| {
                    barrier.wait();
                    panic!("{READING}: gone");
                })
            });
            let works = scope.spawn(|| {
                catch_device_failure(|| {
                    barrier.wait();
                    5
                })
            });
            assert!(
                fails
                    .join()
                    .expect("a thread")
                    .is_err_and(|failure: DeviceFailure| failure.to_string().contains("gone"))
            );
            assert_eq!(works.join().expect("a thread"), Ok(5));
        });
    }
}
