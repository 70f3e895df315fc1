//! Layers of GemNet. Its activation is φ(x) = swish(x)/0.6, which keeps the variance; its dense layers have no bias.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::TensorData;
use crystal_states::GraphBatch;
use score_model::{at_sources, at_targets};
use tensor_ops::{ParameterSource, add_dense_swish, dense_swish, linear, swish};

/// Divisor of the activation.
const ACTIVATION: f64 = 0.6;

/// Weights `[n_input, n_output]`, those of each output with mean 0 and this variance. Activations have a mean that is
/// not 0; with a mean in the weights it would grow from layer to layer. (GemNet takes orthogonal ones, standardised
/// alike.)
pub(super) fn standardised(
    n_input: usize,
    n_output: usize,
    variance: f32,
    source: &mut ParameterSource,
) -> Param<Tensor<2>> {
    let drawn = source.uniform([n_input, n_output], 1.0);
    let mut values: Vec<f32> = drawn.val().into_data().iter::<f32>().collect();
    for output in 0..n_output {
        let column = |values: &[f32]| (0..n_input).map(|input| values[input * n_output + output]).collect::<Vec<_>>();
        let column = column(&values);
        let mean = column.iter().sum::<f32>() / n_input as f32;
        let spread = column.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n_input as f32;
        for input in 0..n_input {
            let value = &mut values[input * n_output + output];
            // Of a single input there is nothing to subtract.
            *value = if spread > 0.0 { (*value - mean) * (variance / spread).sqrt() } else { *value };
        }
    }
    Param::from_data(TensorData::new(values, [n_input, n_output]), source.device())
}

/// A dense layer without bias whose weights have variance 1/n_input.
pub(super) fn weights(n_input: usize, n_output: usize, source: &mut ParameterSource) -> Linear {
    Linear { weight: standardised(n_input, n_output, (n_input as f32).recip(), source), bias: None }
}

/// φ(x·W).
pub(super) fn activated(layer: &Linear, x: Tensor<2>) -> Tensor<2> {
    dense_swish(layer, x).div_scalar(ACTIVATION)
}

/// (a + b)/√2.
pub(super) fn joined(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    (a + b).mul_scalar(FRAC_1_SQRT_2)
}

/// (x + φ(φ(x·W₁)·W₂))/√2.
#[derive(Module, Debug)]
pub(super) struct Residual {
    first: Linear,
    second: Linear,
}

impl Residual {
    pub(super) fn new(width: usize, source: &mut ParameterSource) -> Self {
        Self { first: weights(width, width, source), second: weights(width, width, source) }
    }

    /// Several of them.
    pub(super) fn several(n: usize, width: usize, source: &mut ParameterSource) -> Vec<Self> {
        (0..n).map(|_| Self::new(width, source)).collect()
    }

    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let inner = activated(&self.first, x.clone());
        // One pass for product, activation and sum: x + φ(y) = (0.6·x + swish(y))/0.6.
        add_dense_swish(x.mul_scalar(ACTIVATION), &self.second, inner).mul_scalar(FRAC_1_SQRT_2 / ACTIVATION)
    }
}

/// One residual layer after the other.
pub(super) fn through(layers: &[Residual], x: Tensor<2>) -> Tensor<2> {
    layers.iter().fold(x, |x, layer| layer.forward(x))
}

/// φ(W·[both ends; what the edge has]), as a sum of products, so that atoms are multiplied once each.
#[derive(Module, Debug)]
pub(super) struct EdgeInput {
    source: Linear,
    target: Linear,
    own: Linear,
}

impl EdgeInput {
    pub(super) fn new(width: usize, n_own: usize, source: &mut ParameterSource) -> Self {
        // The variance of the whole row of the concatenation.
        let variance = ((2 * width + n_own) as f32).recip();
        let mut part = |n_input: usize| Linear { weight: standardised(n_input, width, variance, source), bias: None };
        Self { source: part(width), target: part(width), own: part(n_own) }
    }

    /// Atoms `[N, width]`, own `[E, n_own]` → `[E, width]`.
    pub(super) fn forward(&self, atoms: &Tensor<2>, own: Tensor<2>, batch: &GraphBatch) -> Tensor<2> {
        let sources = at_sources(linear(&self.source, atoms.clone()), batch);
        let targets = at_targets(linear(&self.target, atoms.clone()), batch);
        swish(sources + targets + linear(&self.own, own)).div_scalar(ACTIVATION)
    }
}
