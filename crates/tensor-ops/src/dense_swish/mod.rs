//! A dense layer with its activation, `swish(x·W + b)`, optionally added to something: one pass over memory where the
//! backend has a kernel for it.
//!
//! With autodiff, `x·W + b` is kept beside the output, so that the gradient needs no product again.

mod backend;
mod backward;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;
use burn::nn::Linear;

pub use backend::DenseSwishOps;

/// Which of the tensors of a [`DenseSwishOps::dense_swish`] take part. A backend method takes no optional tensors: what
/// does not take part is passed as any other tensor and never looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwishParts {
    /// Whether the bias is added before the activation.
    pub bias: bool,
    /// Whether the residual is added after it.
    pub residual: bool,
}

/// `swish(x·W + b)` for every row; burn's [`Linear`] holds the parameters, the bias is optional.
///
/// # Shapes
/// - x: `[M, K]`
/// - output: `[M, N]`
pub fn dense_swish(layer: &Linear, x: Tensor<2>) -> Tensor<2> {
    apply(layer, x, None)
}

/// `residual + swish(x·W + b)`.
///
/// # Shapes
/// - x: `[M, K]`
/// - residual: `[M, N]`
/// - output: `[M, N]`
pub fn add_dense_swish(residual: Tensor<2>, layer: &Linear, x: Tensor<2>) -> Tensor<2> {
    apply(layer, x, Some(residual))
}

fn apply(layer: &Linear, x: Tensor<2>, residual: Option<Tensor<2>>) -> Tensor<2> {
    let parts = SwishParts { bias: layer.bias.is_some(), residual: residual.is_some() };
    let x = x.unsqueeze::<3>().into_dispatch();
    let weight = layer.weight.val().unsqueeze::<3>().into_dispatch();
    let bias = layer.bias.as_ref().map_or_else(|| weight.clone(), |bias| bias.val().into_dispatch());
    let residual = residual.map_or_else(|| x.clone(), |residual| residual.unsqueeze::<3>().into_dispatch());
    let output = <Dispatch as DenseSwishOps>::dense_swish(x, weight, bias, residual, parts);
    Tensor::<3>::from_dispatch(output).squeeze_dim(0)
}
