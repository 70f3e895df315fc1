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
