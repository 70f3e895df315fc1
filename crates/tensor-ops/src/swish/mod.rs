//! Swish, `x·σ(x)` (Ramachandran, Zoph, Le 2017), with a backward that recomputes σ: one tensor less to keep per
//! activation, and one pass over memory instead of five.

mod backend;
mod backward;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;

pub use backend::SwishOps;

/// `x·σ(x)`, any shape.
pub fn swish<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as SwishOps>::swish(x.into_dispatch()))
}
