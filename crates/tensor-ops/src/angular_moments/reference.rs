//! By way of the angular message: its gradient by the filters, at x = 1, is the moments of what flows back.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Shape, TensorMetadata};

use crate::angular_message::reference as message;

/// Number of degrees of `[E, L²]` harmonics.
pub(super) fn degrees(n_harmonics: usize) -> usize {
    n_harmonics.isqrt()
}

/// Ones of the shape `[E, C]` of the values, and zeros as filters, `[L, E, C]`.
pub(super) fn neutral<B: Backend>(
    like: &FloatTensor<B>,
    [n_edges, columns]: [usize; 2],
    degrees: usize,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let (device, dtype) = (like.device(), like.dtype().into());
    let ones = B::float_ones(Shape::new([n_edges, columns]), &device, dtype);
    (ones, B::float_zeros(Shape::new([degrees, n_edges, columns]), &device, dtype))
}

/// The moments.
pub fn forward<B: Backend>(
    x: FloatTensor<B>,
    harmonics: FloatTensor<B>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
) -> FloatTensor<B> {
    let (shape, degrees) = (x.shape(), degrees(harmonics.shape()[1]));
    let (ones, filters) = neutral::<B>(&x, [shape[0], shape[1]], degrees);
    message::backward::<B>(x, ones, filters, harmonics, source, offsets).1
}

/// Gradient by x; grad `[L, E, C]`.
pub fn backward<B: Backend>(
    grad: FloatTensor<B>,
    harmonics: FloatTensor<B>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
) -> FloatTensor<B> {
    let shape = grad.shape();
    let ones = B::float_ones(Shape::new([shape[1], shape[2]]), &grad.device(), grad.dtype().into());
    message::forward::<B>(ones, grad, harmonics, source, offsets)
}
