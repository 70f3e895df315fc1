//! The loss, `Σ w·(estimate − target)²`, as one pass forward and one backward.

mod backend;
mod backward;
#[cfg(feature = "cube")]
mod cube;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;

pub use backend::SquaredErrorOps;

/// `Σ w·(estimate − target)²`, `[1]`. Target and weights carry no gradient.
///
/// # Shapes
/// - estimate, target, weights: `[M, C]`
pub fn squared_error(estimate: Tensor<2>, target: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    Tensor::from_dispatch(<Dispatch as SquaredErrorOps>::squared_error(
        estimate.into_dispatch(),
        target.into_dispatch(),
        weights.into_dispatch(),
    ))
}
