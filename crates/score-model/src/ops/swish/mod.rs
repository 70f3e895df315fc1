//! Swish, `x·σ(x)` (Ramachandran, Zoph, Le 2017), with a backward that recomputes σ: one tensor less to keep per activation, and one pass
//! over memory instead of five.

pub(super) mod backward;
#[cfg(feature = "cube")]
pub(super) mod cube;
#[cfg(feature = "cpu")]
pub(super) mod flex;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;

use super::GraphOps;

/// `x·σ(x)`, any shape.
pub fn swish<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as GraphOps>::swish(x.into_dispatch()))
}
