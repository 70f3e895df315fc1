//! Other operations of the backend, one after the other.

use burn::backend::tensor::FloatTensor;

use super::DenseSwishOps;
use super::SwishParts;

/// `swish(x·weight + bias) + residual`, and what the activation is applied to; x `[1, M, K]`, weight `[1, K, N]`, bias
/// `[N]`, residual `[1, M, N]` → `[1, M, N]` both.
pub fn forward<B: DenseSwishOps>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    residual: FloatTensor<B>,
    parts: SwishParts,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let inner = if parts.bias { B::dense_with_bias(x, weight, bias) } else { B::dense(x, weight) };
    let output = B::swish(inner.clone());
    let output = if parts.residual { B::float_add(residual, output) } else { output };
    (output, inner)
}

/// Gradients by x, the weight and the bias, of a gradient `[1, M, N]` and of what the activation was applied to.
pub fn gradients<B: DenseSwishOps>(
    grad: FloatTensor<B>,
    inner: FloatTensor<B>,
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    parts: SwishParts,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let grad = B::swish_backward(grad, inner);
    let grad_x = B::dense_input_gradient(grad.clone(), weight);
    if parts.bias {
        let (grad_weight, grad_bias) = B::dense_parameter_gradients(grad, x);
        return (grad_x, grad_weight, grad_bias);
    }
    let grad_weight = B::dense_weight_gradient(grad, x);
    (grad_x, grad_weight.clone(), grad_weight)
}
