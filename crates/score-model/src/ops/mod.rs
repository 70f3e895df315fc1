//! Own tensor operations of the graph network.
//!
//! Burn's `select` differentiates into `select_assign`, which walks all rows serially on a GPU, and the plain angular sum needs one
//! tensor pass per spherical harmonic. The operations here have a transposed index at hand and are therefore free of atomics:
//! the same input gives the same bits, whatever the number of threads.
//!
//! | operation | forward | backward |
//! | --- | --- | --- |
//! | [`gather_rows`] | row `index[m]` of x | [`segment_sum`] by the same index |
//! | [`segment_sum`] | sum of the rows with `index[m] = s` | [`gather_rows`] by the same index |
//! | [`angular_message()`] | one sum per site, one read per edge | the same form with the harmonics' roles exchanged |
//! | [`swish()`] | `x·σ(x)` | recomputes σ instead of storing it |
//!
//! Each folder holds the plain-tensor `reference` (what a backend without its own kernel runs, and what the parity tests compare
//! with), the CPU loops (`flex`) and the registration of the `backward`.

pub mod angular_message;
mod backend;
#[cfg(feature = "cpu")]
mod flex;
pub mod rows;
pub mod swish;

pub use angular_message::angular_message;
pub use backend::GraphOps;
pub use rows::{RowIndex, gather_rows, segment_sum};
pub use swish::swish;
