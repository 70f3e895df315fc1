//! The operations as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, backend_extension};

use super::{angular_message, rows, swish};

/// What a backend must offer to run the network. Every method has a body of plain backend operations, so that a backend without own
/// kernels needs nothing more than an empty `impl`.
///
/// Shapes: E edges, S segments, C columns, L degrees of spherical harmonics. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
pub trait GraphOps: Backend {
    /// `out[m, c] = x[index[m], c]`; x `[S, C]`, index `[M]`, offsets `[S + 1]`, order `[M]` → `[M, C]`.
    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let _ = (offsets, order);
        rows::reference::gather_rows::<Self>(x, index)
    }

    /// `out[s, c] = Σ_{m: index[m] = s} x[m, c]`; x `[M, C]`, index `[M]`, offsets `[S + 1]`, order `[M]` → `[S, C]`.
    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let _ = order;
        rows::reference::segment_sum::<Self>(x, index, offsets)
    }

    /// The angular message; x `[E, C]`, filters `[L, E, C]`, harmonics `[E, L²]`, source `[E]`, offsets `[S + 1]` → `[E, C]`.
    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        angular_message::reference::forward::<Self>(x, filters, harmonics, source, offsets)
    }

    /// Gradients of [`GraphOps::angular_message`] by x `[E, C]` and by the filters `[L, E, C]`; grad `[E, C]`.
    fn angular_message_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        angular_message::reference::backward::<Self>(grad, x, filters, harmonics, source, offsets)
    }

    /// `x·σ(x)`, any shape.
    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        swish::reference::forward::<Self>(x)
    }

    /// Gradient of [`GraphOps::swish`] by x.
    fn swish_backward(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        swish::reference::backward::<Self>(grad, x)
    }
}

#[cfg(feature = "cube")]
impl GraphOps for burn_cubecl::CubeBackend {}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: GraphOps, C: CheckpointStrategy> GraphOps for Autodiff<B, C> {
    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        rows::backward::gather_rows::<B, C>(x, index, offsets, order)
    }

    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        rows::backward::segment_sum::<B, C>(x, index, offsets, order)
    }

    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        angular_message::backward::angular_message::<B, C>(x, filters, harmonics, source, offsets)
    }

    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        swish::backward::swish::<B, C>(x)
    }
}
