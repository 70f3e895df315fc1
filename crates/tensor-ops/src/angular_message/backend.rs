//! The angular message as an extension of burn's backends.

#[cfg(feature = "cube")]
use burn::backend::TensorMetadata;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::{CubeBackend, kernel::into_contiguous};

#[cfg(feature = "cube")]
use super::cube;
#[cfg(feature = "cpu")]
use super::flex;
use super::{backward, reference};
#[cfg(feature = "cube")]
use crate::cube::{floats, indices};
#[cfg(feature = "cpu")]
use crate::flex::single;

/// The angular message, as every backend offers it. Each method has a body of plain backend operations, so that a
/// backend without own kernels needs an empty `impl` only. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait AngularOps: Backend {
    /// The angular message; x `[E, C]`, filters `[L, E, C]`, harmonics `[E, L²]`, source `[E]`, offsets `[S + 1]` →
    /// `[E, C]`.
    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        reference::forward::<Self>(x, filters, harmonics, source, offsets)
    }

    /// Gradients of [`AngularOps::angular_message`] by x `[E, C]` and by the filters `[L, E, C]`; grad `[E, C]`.
    fn angular_message_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        reference::backward::<Self>(grad, x, filters, harmonics, source, offsets)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: AngularOps, C: CheckpointStrategy> AngularOps for Autodiff<B, C> {
    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        backward::angular_message::<B, C>(x, filters, harmonics, source, offsets)
    }
}

#[cfg(feature = "cube")]
impl AngularOps for CubeBackend {
    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !(floats(&[&x, &filters, &harmonics]) && indices(&[&offsets]) && cube::fits(x.shape()[1])) {
            return reference::forward::<Self>(x, filters, harmonics, source, offsets);
        }
        let [x, filters, harmonics] = [x, filters, harmonics].map(into_contiguous);
        cube::forward(x, filters, harmonics, into_contiguous(offsets))
    }

    fn angular_message_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !(floats(&[&grad, &x, &filters, &harmonics]) && indices(&[&offsets]) && cube::fits(x.shape()[1])) {
            return reference::backward::<Self>(grad, x, filters, harmonics, source, offsets);
        }
        let [grad, x, filters, harmonics] = [grad, x, filters, harmonics].map(into_contiguous);
        cube::backward(grad, x, filters, harmonics, into_contiguous(offsets))
    }
}

#[cfg(feature = "cpu")]
impl AngularOps for burn::backend::Flex {
    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !single(&x) {
            return reference::forward::<Self>(x, filters, harmonics, source, offsets);
        }
        flex::forward(
            &x.to_contiguous(),
            &filters.to_contiguous(),
            &harmonics.to_contiguous(),
            &offsets.to_contiguous(),
        )
    }

    fn angular_message_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !single(&x) {
            return reference::backward::<Self>(grad, x, filters, harmonics, source, offsets);
        }
        flex::backward(
            &grad.to_contiguous(),
            &x.to_contiguous(),
            &filters.to_contiguous(),
            &harmonics.to_contiguous(),
            &offsets.to_contiguous(),
        )
    }
}
