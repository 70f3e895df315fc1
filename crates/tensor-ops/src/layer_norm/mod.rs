//! Layer norm (Ba, Kiros, Hinton, arXiv 1607.06450): `y = γ·(x − mean)/√(variance + ε) + β` along each row.
//!
//! As separate tensor operations, forward and backward take some twenty passes, and the gradients by γ and β sum all
//! rows for a few columns, which a general reduction gives to a few units of the GPU.

mod backend;
mod backward;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;
use burn::nn::LayerNorm;

pub use backend::LayerNormOps;

/// Added to the variance.
pub const EPSILON: f32 = 1e-5;

/// The layer applied to every row; burn's [`LayerNorm`] holds γ and β. A layer without β is taken to have β = 0; ε is
/// burn's default of 1e-5, since a layer does not tell its own.
///
/// # Shapes
/// - x: `[M, C]`
/// - output: `[M, C]`
pub fn layer_norm(layer: &LayerNorm, x: Tensor<2>) -> Tensor<2> {
    let gamma = layer.gamma.val();
    let beta = layer.beta.as_ref().map_or_else(|| gamma.zeros_like(), |beta| beta.val());
    Tensor::from_dispatch(<Dispatch as LayerNormOps>::normalise_rows(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
    ))
}
