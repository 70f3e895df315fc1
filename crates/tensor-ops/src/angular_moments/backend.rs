//! The moments as an extension of burn's backends.

#[cfg(any(feature = "cube", feature = "cpu"))]
use burn::backend::TensorMetadata;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::CubeBackend;

use super::{backward, reference};
#[cfg(any(feature = "cube", feature = "cpu"))]
use crate::AngularOps;

/// The moments, as every backend offers them. Each method has a body of plain backend operations, so that a backend
/// without own kernels needs an empty `impl` only. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait MomentOps: Backend {
    /// The moments; x `[E, C]`, harmonics `[E, L²]`, source `[E]`, offsets `[S + 1]` → `[L, E, C]`.
    fn angular_moments(
        x: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        reference::forward::<Self>(x, harmonics, source, offsets)
    }

    /// Gradient of [`MomentOps::angular_moments`] by x `[E, C]`; grad `[L, E, C]`.
    fn angular_moments_backward(
        grad: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        reference::backward::<Self>(grad, harmonics, source, offsets)
    }
}

/// The backward method keeps its plain body here, which makes it differentiable in turn.
impl<B: MomentOps, C: CheckpointStrategy> MomentOps for Autodiff<B, C> {
    fn angular_moments(
        x: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        backward::angular_moments::<B, C>(x, harmonics, source, offsets)
    }
}

/// Through the kernels or loops of the angular message.
#[cfg(any(feature = "cube", feature = "cpu"))]
fn by_message<B: AngularOps>(
    x: FloatTensor<B>,
    harmonics: FloatTensor<B>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
) -> FloatTensor<B> {
    let (shape, degrees) = (x.shape(), reference::degrees(harmonics.shape()[1]));
    let (ones, filters) = reference::neutral::<B>(&x, [shape[0], shape[1]], degrees);
    B::angular_message_backward(x, ones, filters, harmonics, source, offsets).1
}

/// The same for the gradient.
#[cfg(any(feature = "cube", feature = "cpu"))]
fn by_message_backward<B: AngularOps>(
    grad: FloatTensor<B>,
    harmonics: FloatTensor<B>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
) -> FloatTensor<B> {
    let shape = burn::backend::Shape::new([grad.shape()[1], grad.shape()[2]]);
    let ones = B::float_ones(shape, &grad.device(), grad.dtype().into());
    B::angular_message(ones, grad, harmonics, source, offsets)
}

#[cfg(feature = "cube")]
impl MomentOps for CubeBackend {
    fn angular_moments(
        x: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        by_message::<Self>(x, harmonics, source, offsets)
    }

    fn angular_moments_backward(
        grad: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        by_message_backward::<Self>(grad, harmonics, source, offsets)
    }
}

#[cfg(feature = "cpu")]
impl MomentOps for burn::backend::Flex {
    fn angular_moments(
        x: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        by_message::<Self>(x, harmonics, source, offsets)
    }

    fn angular_moments_backward(
        grad: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        by_message_backward::<Self>(grad, harmonics, source, offsets)
    }
}
