//! The activation as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::{CubeBackend, kernel::into_contiguous};

#[cfg(feature = "cube")]
use super::cube;
#[cfg(feature = "cpu")]
use super::flex;
use super::{backward, reference};
#[cfg(feature = "cube")]
use crate::cube::floats;
#[cfg(feature = "cpu")]
use crate::flex::single;

/// The activation, as every backend offers it. Each method has a body of plain backend operations, so that a backend
/// without own kernels needs an empty `impl` only. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait SwishOps: Backend {
    /// `x·σ(x)`, any shape.
    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::forward::<Self>(x)
    }

    /// Gradient of [`SwishOps::swish`] by x.
    fn swish_backward(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::backward::<Self>(grad, x)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: SwishOps, C: CheckpointStrategy> SwishOps for Autodiff<B, C> {
    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        backward::swish::<B, C>(x)
    }
}

#[cfg(feature = "cube")]
impl SwishOps for CubeBackend {
    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&x]) {
            return reference::forward::<Self>(x);
        }
        cube::forward(into_contiguous(x))
    }

    fn swish_backward(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&grad, &x]) {
            return reference::backward::<Self>(grad, x);
        }
        cube::backward(into_contiguous(grad), into_contiguous(x))
    }
}

#[cfg(feature = "cpu")]
impl SwishOps for burn::backend::Flex {
    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return reference::forward::<Self>(x);
        }
        flex::forward(x.to_contiguous())
    }

    fn swish_backward(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return reference::backward::<Self>(grad, x);
        }
        flex::backward(&grad.to_contiguous(), &x.to_contiguous())
    }
}
