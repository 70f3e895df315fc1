//! How exact the products on tensor cores are.

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
    /// theirs. The default.
    #[default]
    Single,
    /// Factors rounded to TF32 (10 bits of fraction), about 1e-3 relative: a third of the work.
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

/// The precision of the process's matrix products.
pub fn precision() -> Precision {
    if PRECISION.load(Ordering::Relaxed) == Precision::Tf32 as u8 { Precision::Tf32 } else { Precision::Single }
}

/// Sets the precision of all matrix products that this process starts from now on, whatever the thread or device.
pub fn set_precision(precision: Precision) {
    PRECISION.store(precision as u8, Ordering::Relaxed);
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
