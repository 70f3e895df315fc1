//! Plain backend operations.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, Shape, TensorMetadata};

use super::EPSILON;

/// `(x − mean)/√(variance + ε)` and `1/√(variance + ε)`.
fn normalised<B: Backend>(x: FloatTensor<B>) -> (FloatTensor<B>, FloatTensor<B>) {
    let centred = B::float_sub(x.clone(), B::float_mean_dim(x, 1));
    let variance = B::float_mean_dim(B::float_mul(centred.clone(), centred.clone()), 1);
    let scale = B::float_recip(B::float_sqrt(B::float_add_scalar(variance, Scalar::from(EPSILON))));
    (B::float_mul(centred, scale.clone()), scale)
}

fn row<B: Backend>(values: FloatTensor<B>) -> FloatTensor<B> {
    let columns = values.shape()[0];
    B::float_reshape(values, Shape::new([1, columns]))
}

/// The layer norm.
pub fn forward<B: Backend>(x: FloatTensor<B>, gamma: FloatTensor<B>, beta: FloatTensor<B>) -> FloatTensor<B> {
    B::float_add(B::float_mul(normalised::<B>(x).0, row::<B>(gamma)), row::<B>(beta))
}

/// Gradients by x, γ and β.
pub fn backward<B: Backend>(
    grad: FloatTensor<B>,
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let columns = Shape::new([gamma.shape()[0]]);
    let (normal, scale) = normalised::<B>(x);
    let grad_gamma = B::float_reshape(B::float_sum_dim(B::float_mul(grad.clone(), normal.clone()), 0), columns.clone());
    let grad_beta = B::float_reshape(B::float_sum_dim(grad.clone(), 0), columns);
    let inner = B::float_mul(grad, row::<B>(gamma));
    let mean = B::float_mean_dim(inner.clone(), 1);
    let along = B::float_mean_dim(B::float_mul(inner.clone(), normal.clone()), 1);
    let grad_x = B::float_mul(B::float_sub(B::float_sub(inner, mean), B::float_mul(normal, along)), scale);
    (grad_x, grad_gamma, grad_beta)
}
