//! What a latent vector says of a crystal as a whole.

use burn::Tensor;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use tensor_ops::{ParameterSource, linear};

/// Two dense layers.
#[derive(Module, Debug)]
pub(crate) struct Head {
    hidden: Linear,
    out: Linear,
}

impl Head {
    pub(crate) fn new(sizes: [usize; 3], source: &mut ParameterSource) -> Self {
        let [n_input, width, n_output] = sizes;
        Self { hidden: source.dense(n_input, width), out: source.dense(width, n_output) }
    }

    /// `[S, n_input]` → `[S, n_output]`.
    pub(crate) fn forward(&self, z: Tensor<2>) -> Tensor<2> {
        linear(&self.out, relu(linear(&self.hidden, z)))
    }
}
