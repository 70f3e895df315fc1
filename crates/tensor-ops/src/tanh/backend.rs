//! The hyperbolic tangent as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::CubeBackend;

#[cfg(feature = "cpu")]
use super::flex;
use super::reference;
#[cfg(feature = "cpu")]
use crate::flex::single;

/// The hyperbolic tangent, as every backend offers it.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
pub trait TanhOps: Backend {
    /// `tanh(x)`, any shape.
    fn tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::forward::<Self>(x)
    }
}

/// The plain body is differentiable.
impl<B: TanhOps, C: CheckpointStrategy> TanhOps for Autodiff<B, C> {}

#[cfg(feature = "cube")]
impl TanhOps for CubeBackend {}

#[cfg(feature = "cpu")]
impl TanhOps for burn::backend::Flex {
    fn tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return reference::forward::<Self>(x);
        }
        flex::forward(&x.to_contiguous())
    }
}
