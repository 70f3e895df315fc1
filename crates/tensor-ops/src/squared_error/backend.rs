//! The squared error as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::{CubeBackend, kernel::into_contiguous};

#[cfg(feature = "cube")]
use super::cube;
use super::{backward, reference};
#[cfg(feature = "cube")]
use crate::cube::floats;

/// The squared error, as every backend offers it. Each method has a body of plain backend operations, so that a backend
/// without own kernels needs an empty `impl` only. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait SquaredErrorOps: Backend {
    /// `Σ w·(estimate − target)²`, `[1]`; all `[M, C]`.
    fn squared_error(
        estimate: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        reference::forward::<Self>(estimate, target, weights)
    }

    /// Gradient of [`SquaredErrorOps::squared_error`] by the estimate; grad `[1]`.
    fn squared_error_backward(
        grad: FloatTensor<Self>,
        estimate: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        reference::backward::<Self>(grad, estimate, target, weights)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: SquaredErrorOps, C: CheckpointStrategy> SquaredErrorOps for Autodiff<B, C> {
    fn squared_error(
        estimate: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        backward::squared_error::<B, C>(estimate, target, weights)
    }
}

#[cfg(feature = "cube")]
impl SquaredErrorOps for CubeBackend {
    fn squared_error(
        estimate: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        if !floats(&[&estimate, &target, &weights]) {
            return reference::forward::<Self>(estimate, target, weights);
        }
        cube::forward(into_contiguous(estimate), into_contiguous(target), into_contiguous(weights))
    }

    fn squared_error_backward(
        grad: FloatTensor<Self>,
        estimate: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        if !floats(&[&grad, &estimate, &target, &weights]) {
            return reference::backward::<Self>(grad, estimate, target, weights);
        }
        let [estimate, target, weights] = [estimate, target, weights].map(into_contiguous);
        cube::backward(grad, estimate, target, weights)
    }
}

#[cfg(feature = "cpu")]
impl SquaredErrorOps for burn::backend::Flex {}
