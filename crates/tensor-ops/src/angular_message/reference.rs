//! Plain backend operations, one degree l at a time so that the largest intermediate is `[E, (2l+1)·C]`.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Scalar, Shape, Slice, TensorMetadata};

use super::addition_factor;
use crate::rows::reference::{gather_rows, segment_sum};

/// `Σ_k value_k[c]·4π/(2l+1)·Σ_m Y_lm(e)·Y_lm(k)` for one degree; value `[E, C]` → `[E, C]`.
fn project<B: Backend>(
    value: FloatTensor<B>,
    harmonics: FloatTensor<B>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
    l: usize,
) -> FloatTensor<B> {
    let (n_edges, columns, orders) = (value.shape()[0], value.shape()[1], 2 * l + 1);
    let slices = [Slice::from(0..n_edges), Slice::from(l * l..(l + 1) * (l + 1))];
    let y = B::float_reshape(B::float_slice(harmonics, &slices), Shape::new([n_edges, orders, 1]));
    let weighted = B::float_mul(B::float_reshape(value, Shape::new([n_edges, 1, columns])), y.clone());
    let weighted = B::float_reshape(weighted, Shape::new([n_edges, orders * columns]));
    let sums = segment_sum::<B>(weighted, source.clone(), offsets);
    let at_edges = B::float_reshape(gather_rows::<B>(sums, source), Shape::new([n_edges, orders, columns]));
    let total = B::float_reshape(B::float_sum_dim(B::float_mul(at_edges, y), 1), Shape::new([n_edges, columns]));
    B::float_mul_scalar(total, Scalar::from(addition_factor(l)))
}

/// The filter of degree l as `[E, C]`.
fn filter<B: Backend>(filters: &FloatTensor<B>, l: usize) -> FloatTensor<B> {
    let (n_edges, columns) = (filters.shape()[1], filters.shape()[2]);
    let slices = [Slice::from(l..l + 1), Slice::from(0..n_edges), Slice::from(0..columns)];
    B::float_reshape(B::float_slice(filters.clone(), &slices), Shape::new([n_edges, columns]))
}

/// The angular message.
pub fn forward<B: Backend>(
    x: FloatTensor<B>,
    filters: FloatTensor<B>,
    harmonics: FloatTensor<B>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
) -> FloatTensor<B> {
    let degree = |l| {
        let value = B::float_mul(x.clone(), filter::<B>(&filters, l));
        project::<B>(value, harmonics.clone(), source.clone(), offsets.clone(), l)
    };
    (1..filters.shape()[0]).fold(degree(0), |sum, l| B::float_add(sum, degree(l)))
}

/// Gradients by x and by the filters.
pub fn backward<B: Backend>(
    grad: FloatTensor<B>,
    x: FloatTensor<B>,
    filters: FloatTensor<B>,
    harmonics: FloatTensor<B>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let (n_edges, columns) = (x.shape()[0], x.shape()[1]);
    let mut grad_x = None;
    let mut grad_filters = Vec::new();
    for l in 0..filters.shape()[0] {
        let projected = project::<B>(grad.clone(), harmonics.clone(), source.clone(), offsets.clone(), l);
        let term = B::float_mul(projected.clone(), filter::<B>(&filters, l));
        grad_x = Some(match grad_x {
            Some(sum) => B::float_add(sum, term),
            None => term,
        });
        grad_filters.push(B::float_reshape(B::float_mul(projected, x.clone()), Shape::new([1, n_edges, columns])));
    }
    (grad_x.expect("there is at least degree 0"), B::float_cat(grad_filters, 0))
}
