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
//! | [`dense()`] | `x·W + b` | the sum over rows in fixed pieces |
//! | [`dense_swish()`] | `swish(x·W + b)`, one pass over memory | that of its parts, from the stored `x·W + b` |
//! | [`layer_norm()`] | along rows | by x, γ and β |
//! | [`squared_error()`] | the loss | by the estimate |
//! | [`edge_features`] | the network's input from the graph | none: no gradient passes through it |
//! | [`adam`] | a whole optimiser step on all parameters | – |
//!
//! Each folder holds the plain-tensor `reference` (what a backend without its own kernel runs, and what the parity tests compare
//! with), the CPU loops (`flex`), the GPU kernels (`cube`) and the registration of the `backward`.

pub mod adam;
pub mod angular_message;
mod backend;
#[cfg(feature = "cube")]
pub mod cube;
pub mod dense;
pub mod dense_swish;
pub mod edge_features;
#[cfg(feature = "cpu")]
mod flex;
pub mod layer_norm;
mod precision;
pub mod rows;
pub mod squared_error;
pub mod swish;

pub use angular_message::angular_message;
pub use backend::GraphOps;
pub use dense::{dense, linear, matrix_product};
pub use dense_swish::{add_dense_swish, dense_swish};
pub use layer_norm::layer_norm;
pub use precision::{Precision, precision, set_precision, set_tensor_cores, tensor_cores};
pub use rows::{RowIndex, gather_rows, segment_sum};
pub use squared_error::squared_error;
pub use swish::swish;
