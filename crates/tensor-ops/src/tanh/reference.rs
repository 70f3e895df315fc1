//! Plain backend operations.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

/// `tanh(x)`.
pub fn forward<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_tanh(x)
}
