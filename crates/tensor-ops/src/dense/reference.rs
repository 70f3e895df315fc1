//! Plain backend operations.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Shape, TensorMetadata};

/// `x·weight`; x `[B, M, K]`, weight `[B, K, N]` → `[B, M, N]`.
pub fn product<B: Backend>(x: FloatTensor<B>, weight: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(x, weight)
}

/// `x·weight + bias`; x `[1, M, K]`, weight `[1, K, N]`, bias `[N]` → `[1, M, N]`.
pub fn product_with_bias<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
) -> FloatTensor<B> {
    add_bias::<B>(product::<B>(x, weight), bias)
}

/// `product + bias`; product `[1, M, N]`, bias `[N]` → `[1, M, N]`.
pub fn add_bias<B: Backend>(product: FloatTensor<B>, bias: FloatTensor<B>) -> FloatTensor<B> {
    let n_output = bias.shape()[0];
    B::float_add(product, B::float_reshape(bias, Shape::new([1, 1, n_output])))
}

/// `grad·weightᵀ`; grad `[B, M, N]`, weight `[B, K, N]` → `[B, M, K]`.
pub fn input_gradient<B: Backend>(grad: FloatTensor<B>, weight: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(grad, B::float_swap_dims(weight, 1, 2))
}

/// `xᵀ·grad`; grad `[B, M, N]`, x `[B, M, K]` → `[B, K, N]`.
pub fn weight_gradient<B: Backend>(grad: FloatTensor<B>, x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(B::float_swap_dims(x, 1, 2), grad)
}

/// Gradients by the weight `[1, K, N]` and by the bias `[N]`; grad `[1, M, N]`, x `[1, M, K]`.
pub fn parameter_gradients<B: Backend>(grad: FloatTensor<B>, x: FloatTensor<B>) -> (FloatTensor<B>, FloatTensor<B>) {
    let n_output = grad.shape()[2];
    let bias = B::float_reshape(B::float_sum_dim(grad.clone(), 1), Shape::new([n_output]));
    (weight_gradient::<B>(grad, x), bias)
}
