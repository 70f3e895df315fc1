//! Plain backend operations. `gather` and `scatter` with an expanded index, because `select` differentiates into
//! `select_assign`, which uses one GPU unit per column.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Shape, TensorMetadata};
use burn::tensor::IndexingUpdateOp;

fn expanded<B: Backend>(index: IntTensor<B>, columns: usize) -> IntTensor<B> {
    let rows = index.shape()[0];
    B::int_expand(B::int_reshape(index, Shape::new([rows, 1])), Shape::new([rows, columns]))
}

/// `out[m, c] = x[index[m], c]`.
pub fn gather_rows<B: Backend>(x: FloatTensor<B>, index: IntTensor<B>) -> FloatTensor<B> {
    let columns = x.shape()[1];
    B::float_gather(0, x, expanded::<B>(index, columns))
}

/// `out[s, c] = Σ_{m: index[m] = s} x[m, c]`.
pub fn segment_sum<B: Backend>(x: FloatTensor<B>, index: IntTensor<B>, offsets: IntTensor<B>) -> FloatTensor<B> {
    let columns = x.shape()[1];
    let zeros = B::float_zeros(Shape::new([offsets.shape()[0] - 1, columns]), &x.device(), x.dtype().into());
    B::float_scatter(0, zeros, expanded::<B>(index, columns), x, IndexingUpdateOp::Add)
}
