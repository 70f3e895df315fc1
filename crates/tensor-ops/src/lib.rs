//! The tensor operations that burn lacks, for networks on graphs: kernels with their references, radial and angular
//! functions, batch normalisation, initial parameters, precision, and the failures of a device.
//!
//! Burn's `select` differentiates into `select_assign`, which walks all rows serially on a GPU, and the plain angular
//! sum needs one tensor pass per spherical harmonic. The operations here have a transposed index at hand and are
//! therefore free of atomics: the same input gives the same bits, whatever the number of threads.
//!
//! | operation | forward | backward |
//! | --- | --- | --- |
//! | [`gather_rows`] | row `index[m]` of x | [`segment_sum`] by the same index |
//! | [`segment_sum`] | sum of the rows with `index[m] = s` | [`gather_rows`] by the same index |
//! | [`angular_message()`] | one sum per site, one read per edge | the same form with the harmonics' roles exchanged |
//! | [`angular_moments()`] | the same, each degree on its own | [`angular_message()`] of the gradients |
//! | [`degree_products()`] | radial times angular functions, summed over degrees | by both |
//! | [`swish()`] | `x·σ(x)` | recomputes σ instead of storing it |
//! | [`tanh()`] | `tanh(x)`, the same bits on every processor | burn's |
//! | [`dense()`] | `x·W + b` | the sum over rows in fixed pieces |
//! | [`dense_swish()`] | `swish(x·W + b)`, one pass over memory | that of its parts, from the stored `x·W + b` |
//! | [`layer_norm()`] | along rows | by x, γ and β |
//! | [`squared_error()`] | the loss | by the estimate |
//! | [`adam`] | a whole optimiser step on all parameters | – |
//!
//! Each folder holds the extension of burn's backends (`backend`), the plain-tensor `reference` (what a backend without
//! its own kernel runs, and what the parity tests compare with), the CPU loops (`flex`), the GPU kernels (`cube`) and
//! the registration of the `backward`. Other crates add their own operations in the same way, with the helpers of
//! `cube` and `flex`.
//!
//! ```
//! use burn::Tensor;
//! # use tensor_ops::device::available_devices;
//! use tensor_ops::{RowIndex, segment_sum};
//!
//! # for device in available_devices().into_iter().take(1) {
//! let rows = RowIndex::new(&[1, 0, 1], 2, &device);
//! let sums = segment_sum(Tensor::from_data([[1.0], [2.0], [4.0]], &device), &rows);
//! assert_eq!(sums.into_data().iter::<f32>().collect::<Vec<_>>(), [2.0, 5.0]);
//! # }
//! ```
//!
//! # Architecture Invariant
//! This crate knows no crystal.

pub mod adam;
pub mod angular_message;
pub mod angular_moments;
pub mod basis;
mod batch_norm;
#[cfg(feature = "cube")]
pub mod cube;
pub mod degree_products;
pub mod dense;
pub mod dense_swish;
pub mod device;
mod failure;
#[cfg(feature = "cpu")]
pub mod flex;
mod init;
pub mod layer_norm;
mod precision;
pub mod rows;
pub mod squared_error;
pub mod swish;
pub mod tanh;

pub use adam::AdamOps;
pub use angular_message::{AngularOps, angular_message};
pub use angular_moments::{MomentOps, angular_moments};
pub use batch_norm::{BatchNorm, Moments, mean_moments};
pub use degree_products::{ProductOps, degree_products};
pub use dense::{DenseOps, dense, linear, matrix_product};
pub use dense_swish::{DenseSwishOps, SwishParts, add_dense_swish, dense_swish};
pub use device::has_kernels;
pub use failure::{DeviceFailure, catch_device_failure};
pub use init::ParameterSource;
pub use layer_norm::{LayerNormOps, layer_norm};
pub use precision::{Precision, in_precision, precision, set_precision, set_tensor_cores, tensor_cores};
pub use rows::{HostRowIndex, RowIndex, RowOps, gather_rows, segment_sum};
pub use squared_error::{SquaredErrorOps, squared_error};
pub use swish::{SwishOps, swish};
pub use tanh::{TanhOps, tanh};
