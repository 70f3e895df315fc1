//! Dense layers, `x·W + b`, over many rows and few columns.
//!
//! The network multiplies `[E, K]` by `[K, N]` with K, N ≤ a few hundred and E in the thousands to millions. A general
//! matrix product picks and compiles a kernel for each combination of sizes; here the widths are compile-time constants
//! and the number of rows is not, so that a batch of another size needs no new kernel, the bias is added on the way
//! out, and the gradient by W sums over E in a fixed order.

mod backend;
mod backward;
#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "cpu")]
pub(crate) mod flex;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;
use burn::nn::Linear;

pub use backend::DenseOps;

/// `x[b]·weight[b]` for each b.
///
/// # Shapes
/// - x: `[B, M, K]`
/// - weight: `[B, K, N]`
/// - output: `[B, M, N]`
pub fn dense(x: Tensor<3>, weight: Tensor<3>) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as DenseOps>::dense(x.into_dispatch(), weight.into_dispatch()))
}

/// The layer applied to every row; burn's [`Linear`] holds the parameters.
///
/// # Shapes
/// - x: `[M, K]`
/// - output: `[M, N]`
pub fn linear(layer: &Linear, x: Tensor<2>) -> Tensor<2> {
    let weight = layer.weight.val();
    let Some(bias) = &layer.bias else { return matrix_product(x, weight) };
    let output = <Dispatch as DenseOps>::dense_with_bias(
        x.unsqueeze::<3>().into_dispatch(),
        weight.unsqueeze::<3>().into_dispatch(),
        bias.val().into_dispatch(),
    );
    Tensor::<3>::from_dispatch(output).squeeze_dim(0)
}

/// `x·weight`.
///
/// # Shapes
/// - x: `[M, K]`
/// - weight: `[K, N]`
/// - output: `[M, N]`
pub fn matrix_product(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    dense(x.unsqueeze(), weight.unsqueeze()).squeeze_dim(0)
}
