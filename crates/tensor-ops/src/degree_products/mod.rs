//! Products of radial and angular functions, summed over degrees, edge by edge.
//!
//! `out_e[i, c] = Σ_l a_e[l, i]·b_e[l, c]`: the small matrix product inside GemNet's bilinear layer. Plain operations
//! take a pass over I·E·C numbers for each degree, a kernel one in all.

mod backend;
mod backward;
#[cfg(feature = "cube")]
mod cube;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;

pub use backend::ProductOps;

/// The sums over degrees (module docs for the equation).
///
/// # Shapes
/// - radial: `[E, L·I]`, entry `l·I + i`
/// - angular: `[L, E, C]`
/// - output: `[I, E, C]`
pub fn degree_products(radial: Tensor<2>, angular: Tensor<3>) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as ProductOps>::degree_products(radial.into_dispatch(), angular.into_dispatch()))
}

/// Edges, degrees, radial functions and columns.
fn dimensions(radial: &[usize], angular: &[usize]) -> [usize; 4] {
    assert_eq!(radial[0], angular[1], "both have the same edges");
    assert_eq!(radial[1] % angular[0], 0, "there are as many radial functions for each degree");
    [radial[0], angular[0], radial[1] / angular[0], angular[2]]
}
