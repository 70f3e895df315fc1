//! Failures of a device while it works.
//!
//! The tensor library reports them by panics, partly from its own threads, when a result is read. Here they become
//! errors.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex};

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

/// Runs `work`; a panic in it becomes a [`DeviceFailure`]. Panics of all threads are silent meanwhile.
///
/// # Errors
/// [`DeviceFailure`] with the first message heard.
pub fn catch_device_failure<T>(work: impl FnOnce() -> T) -> Result<T, DeviceFailure> {
    let messages = Arc::new(Mutex::new(Vec::new()));
    let before = take_hook();
    let heard = Arc::clone(&messages);
    set_hook(Box::new(move |panic| {
        if let Ok(mut heard) = heard.lock() {
            heard.push(panic.payload_as_str().unwrap_or("it gave no reason").to_owned());
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    set_hook(before);
    outcome.map_err(|_| {
        DeviceFailure::from_messages(&messages.lock().map(|messages| messages.clone()).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_told_from_a_lost_device() {
        let lost = catch_device_failure(|| panic!("The device is poisoned\nBacktrace:\nnone"));
        assert_eq!(lost, Err::<(), _>(DeviceFailure::Lost("The device is poisoned none".to_owned())));
        let full = catch_device_failure(|| panic!("An IO error happened\n  out of device memory allocating 8 bytes"));
        assert!(matches!(full, Err::<(), _>(DeviceFailure::OutOfMemory(_))));
        assert_eq!(catch_device_failure(|| 3), Ok(3));
    }
}
