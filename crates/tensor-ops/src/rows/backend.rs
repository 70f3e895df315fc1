//! Rows by index and sums of rows by index as an extension of burn's backends.

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

/// Rows by index and sums of rows by index, as every backend offers it. Each method has a body of plain backend
/// operations, so that a backend without own kernels needs an empty `impl` only. Integer tensors may be of either
/// width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait RowOps: Backend {
    /// `out[m, c] = x[index[m], c]`; x `[S, C]`, index `[M]`, offsets `[S + 1]`, order `[M]` → `[M, C]`.
    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let _ = (offsets, order);
        reference::gather_rows::<Self>(x, index)
    }

    /// `out[s, c] = Σ_{m: index[m] = s} x[m, c]`; x `[M, C]`, index `[M]`, offsets `[S + 1]`, order `[M]` → `[S, C]`.
    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let _ = order;
        reference::segment_sum::<Self>(x, index, offsets)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: RowOps, C: CheckpointStrategy> RowOps for Autodiff<B, C> {
    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        backward::gather_rows::<B, C>(x, index, offsets, order)
    }

    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        backward::segment_sum::<B, C>(x, index, offsets, order)
    }
}

#[cfg(feature = "cube")]
impl RowOps for CubeBackend {
    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        _offsets: IntTensor<Self>,
        _order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !(floats(&[&x]) && indices(&[&index])) {
            return reference::gather_rows::<Self>(x, index);
        }
        cube::gather_rows(into_contiguous(x), into_contiguous(index))
    }

    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !(floats(&[&x]) && indices(&[&offsets, &order])) {
            return reference::segment_sum::<Self>(x, index, offsets);
        }
        cube::segment_sum(into_contiguous(x), into_contiguous(offsets), into_contiguous(order))
    }
}

#[cfg(feature = "cpu")]
impl RowOps for burn::backend::Flex {
    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        _offsets: IntTensor<Self>,
        _order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !single(&x) {
            return reference::gather_rows::<Self>(x, index);
        }
        flex::gather_rows(&x.to_contiguous(), &index.to_contiguous())
    }

    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !single(&x) {
            return reference::segment_sum::<Self>(x, index, offsets);
        }
        flex::segment_sum(&x.to_contiguous(), &offsets.to_contiguous(), &order.to_contiguous())
    }
}
