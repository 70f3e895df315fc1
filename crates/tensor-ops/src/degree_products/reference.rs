//! Plain backend operations, one degree at a time.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Shape, Slice, TensorMetadata};

use super::dimensions;

/// `radial[:, l]` as `[I, E, 1]`.
fn radial_of<B: Backend>(radial: &FloatTensor<B>, l: usize, [n_edges, _, width, _]: [usize; 4]) -> FloatTensor<B> {
    let slices = [Slice::from(0..n_edges), Slice::from(l * width..(l + 1) * width)];
    let radial = B::float_transpose(B::float_slice(radial.clone(), &slices));
    B::float_reshape(radial, Shape::new([width, n_edges, 1]))
}

/// `angular[l]` as `[1, E, C]`.
fn angular_of<B: Backend>(angular: &FloatTensor<B>, l: usize, [n_edges, _, _, columns]: [usize; 4]) -> FloatTensor<B> {
    let slices = [Slice::from(l..l + 1), Slice::from(0..n_edges), Slice::from(0..columns)];
    B::float_slice(angular.clone(), &slices)
}

/// The products.
pub fn forward<B: Backend>(radial: FloatTensor<B>, angular: FloatTensor<B>) -> FloatTensor<B> {
    let sizes = dimensions(&radial.shape(), &angular.shape());
    let degrees = sizes[1];
    let degree = |l| B::float_mul(radial_of::<B>(&radial, l, sizes), angular_of::<B>(&angular, l, sizes));
    (1..degrees).fold(degree(0), |sum, l| B::float_add(sum, degree(l)))
}

/// Gradients by both; grad `[I, E, C]`.
pub fn backward<B: Backend>(
    grad: FloatTensor<B>,
    radial: FloatTensor<B>,
    angular: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let sizes = dimensions(&radial.shape(), &angular.shape());
    let [n_edges, degrees, width, columns] = sizes;
    let by_radial = |l| {
        let product = B::float_mul(grad.clone(), angular_of::<B>(&angular, l, sizes));
        B::float_transpose(B::float_reshape(B::float_sum_dim(product, 2), Shape::new([width, n_edges])))
    };
    let by_angular = |l| {
        let product = B::float_mul(grad.clone(), radial_of::<B>(&radial, l, sizes));
        B::float_reshape(B::float_sum_dim(product, 0), Shape::new([1, n_edges, columns]))
    };
    let (of_radial, of_angular) = (0..degrees).map(|l| (by_radial(l), by_angular(l))).unzip();
    (B::float_cat(of_radial, 1), B::float_cat(of_angular, 0))
}
