//! Layer norm as an extension of burn's backends.

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

/// Layer norm, as every backend offers it. Each method has a body of plain backend operations, so that a backend
/// without own kernels needs an empty `impl` only. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait LayerNormOps: Backend {
    /// Layer norm along the rows; x `[M, C]`, gamma and beta `[C]`.
    fn normalise_rows(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::forward::<Self>(x, gamma, beta)
    }

    /// Gradients of [`LayerNormOps::normalise_rows`] by x, gamma and beta.
    fn normalise_rows_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        reference::backward::<Self>(grad, x, gamma)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: LayerNormOps, C: CheckpointStrategy> LayerNormOps for Autodiff<B, C> {
    fn normalise_rows(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        backward::layer_norm::<B, C>(x, gamma, beta)
    }
}

#[cfg(feature = "cube")]
impl LayerNormOps for CubeBackend {
    fn normalise_rows(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&x, &gamma, &beta]) {
            return reference::forward::<Self>(x, gamma, beta);
        }
        cube::forward(into_contiguous(x), into_contiguous(gamma), into_contiguous(beta))
    }

    fn normalise_rows_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !floats(&[&grad, &x, &gamma]) {
            return reference::backward::<Self>(grad, x, gamma);
        }
        cube::backward(into_contiguous(grad), into_contiguous(x), into_contiguous(gamma))
    }
}

#[cfg(feature = "cpu")]
impl LayerNormOps for burn::backend::Flex {
    fn normalise_rows(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return reference::forward::<Self>(x, gamma, beta);
        }
        flex::forward(&x.to_contiguous(), &gamma.to_contiguous(), &beta.to_contiguous())
    }

    fn normalise_rows_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !single(&x) {
            return reference::backward::<Self>(grad, x, gamma);
        }
        flex::backward(&grad.to_contiguous(), &x.to_contiguous(), &gamma.to_contiguous())
    }
}
