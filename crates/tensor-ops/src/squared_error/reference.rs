//! Plain backend operations.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, Shape};

/// `Σ w·(estimate − target)²`.
pub fn forward<B: Backend>(
    estimate: FloatTensor<B>,
    target: FloatTensor<B>,
    weights: FloatTensor<B>,
) -> FloatTensor<B> {
    let error = B::float_sub(estimate, target);
    B::float_sum(B::float_mul(B::float_mul(error.clone(), error), weights))
}

/// Gradient by the estimate; grad `[1]`.
pub fn backward<B: Backend>(
    grad: FloatTensor<B>,
    estimate: FloatTensor<B>,
    target: FloatTensor<B>,
    weights: FloatTensor<B>,
) -> FloatTensor<B> {
    let slope = B::float_mul_scalar(B::float_mul(B::float_sub(estimate, target), weights), Scalar::from(2.0_f32));
    B::float_mul(slope, B::float_reshape(grad, Shape::new([1, 1])))
}
