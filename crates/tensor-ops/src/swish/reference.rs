//! Plain backend operations.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

/// `x·σ(x)`.
pub fn forward<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_mul(x.clone(), B::sigmoid(x))
}

/// `grad·σ(x)·(1 + x·(1 − σ(x)))`.
pub fn backward<B: Backend>(grad: FloatTensor<B>, x: FloatTensor<B>) -> FloatTensor<B> {
    let sigma = B::sigmoid(x.clone());
    let product = B::float_mul(x.clone(), sigma.clone());
    let slope = B::float_sub(B::float_add(sigma.clone(), product.clone()), B::float_mul(product, sigma));
    B::float_mul(grad, slope)
}
