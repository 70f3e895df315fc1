//! DimeNet's sum over neighbours and angles without a list of triplets.
//!
//! For an edge e = (i→j) and the edges k = (i→·) out of the same site
//! `m_e[c] = Σ_k x_k[c]·Σ_l h_{l,k}[c]·P_l(cos∠(e, k))`. By the addition theorem (Whittaker and Watson, §18.4)
//! `P_l(cos) = 4π/(2l+1)·Σ_m Y_lm(e)·Y_lm(k)`, hence
//! `A_i[c, l, m] = Σ_k x_k[c]·h_{l,k}[c]·Y_lm(k)` (one sum per site) and
//! `m_e[c] = Σ_{l,m} 4π/(2l+1)·Y_lm(e)·A_i[c, l, m]` (one read per edge): the same number at `O(edges·L²)`.
//! The matrix `Σ_m Y_lm(e)·Y_lm(k)` is symmetric in e and k, so the gradient has the same form.
//! The harmonics carry no gradient: the network's score is an output, not a derivative of one.

mod backend;
mod backward;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cube")]
mod filtered;
#[cfg(feature = "cpu")]
mod flex;
pub mod reference;
#[cfg(feature = "cpu")]
mod sums;

use burn::Tensor;
use burn::backend::Dispatch;

use crate::RowIndex;
pub use backend::AngularOps;
#[cfg(feature = "cube")]
pub use filtered::{filtered, fits};
#[cfg(feature = "cpu")]
pub use sums::AngularSums;

/// The angular message of each edge (module docs for the equation).
///
/// # Shapes
/// - x: `[E, C]`, the value that each edge brings to its source site
/// - filters: `[L, E, C]`, `h_{l,k}[c]`
/// - harmonics: `[E, L²]`, `Y_lm` of the edge's direction in the frame of its source, entry `l² + l + m`
/// - source: edges → sites, edges sorted by source
/// - output: `[E, C]`
pub fn angular_message(x: Tensor<2>, filters: Tensor<3>, harmonics: Tensor<2>, source: &RowIndex) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as AngularOps>::angular_message(
        x.into_dispatch(),
        filters.into_dispatch(),
        harmonics.into_dispatch(),
        source.index.clone().into_dispatch(),
        source.offsets.clone().into_dispatch(),
    ))
}

/// `4π/(2l+1)`, the factor of the addition theorem for orthonormal harmonics.
#[expect(clippy::cast_possible_truncation, reason = "a factor in the precision of the tensors")]
pub(super) fn addition_factor(l: usize) -> f32 {
    (4.0 * std::f64::consts::PI / (2 * l + 1) as f64) as f32
}
