//! How exact the products on tensor cores are.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

/// Rounding of the factors of matrix products on devices with tensor cores. Sums are in single precision either way;
/// devices without tensor cores, the processor among them, multiply in single precision whatever is chosen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision, about 1e-6 relative: every factor is the sum of two TF32 numbers, a product is three of
    /// theirs. What a library takes that was told nothing.
    #[default]
    Single,
    /// Factors rounded to TF32 (10 bits of fraction), about 1e-3 relative: a third of the work. What programs take for
    /// sampling and training.
    Tf32,
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "single" => Ok(Self::Single),
            "tf32" => Ok(Self::Tf32),
            other => Err(format!("'{other}' is not a precision; give single or tf32")),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "single",
            Self::Tf32 => "tf32",
        })
    }
}

static PRECISION: AtomicU8 = AtomicU8::new(Precision::Single as u8);
static TENSOR_CORES: AtomicBool = AtomicBool::new(true);

thread_local! {
    /// What this thread has chosen for a while.
    static OWN: Cell<Option<Precision>> = const { Cell::new(None) };
}

/// The precision of matrix products that this thread starts.
pub fn precision() -> Precision {
    if let Some(own) = OWN.get() {
        return own;
    }
    if PRECISION.load(Ordering::Relaxed) == Precision::Tf32 as u8 { Precision::Tf32 } else { Precision::Single }
}

/// Sets the precision of all matrix products that this process starts from now on, whatever the thread or device.
pub fn set_precision(precision: Precision) {
    PRECISION.store(precision as u8, Ordering::Relaxed);
}

/// Starts the products of `work` in another precision, whatever the process has chosen: energies and forces are
/// no matter of choice. Threads that `work` starts are not meant.
pub fn in_precision<T>(precision: Precision, work: impl FnOnce() -> T) -> T {
    struct Before(Option<Precision>);
    impl Drop for Before {
        fn drop(&mut self) {
            OWN.set(self.0);
        }
    }
    let _before = Before(OWN.replace(Some(precision)));
    work()
}

/// Whether tensor cores are used where there are any.
pub fn tensor_cores() -> bool {
    TENSOR_CORES.load(Ordering::Relaxed)
}

/// Switches the process's use of tensor cores: without them, products run as on devices that have none. Meant for
/// comparisons; they are on at the start.
pub fn set_tensor_cores(enabled: bool) {
    TENSOR_CORES.store(enabled, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_of_its_own_ends_with_the_work() {
        let outside = precision();
        let found =
            in_precision(Precision::Tf32, || (precision(), in_precision(Precision::Single, precision), precision()));
        assert_eq!(found, (Precision::Tf32, Precision::Single, Precision::Tf32));
        assert_eq!(precision(), outside);
        let panicked = std::panic::catch_unwind(|| in_precision(Precision::Tf32, || panic!("as asked for")));
        assert!(panicked.is_err());
        assert_eq!(precision(), outside);
    }
}
