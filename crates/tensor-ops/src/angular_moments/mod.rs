//! Sums over the neighbours of a site for each degree on its own, without a list of triplets.
//!
//! For the edges e and k out of one site `M_e[l, c] = Σ_k x_k[c]·P_l(cos∠(e, k))`, the sum over all of them, e itself
//! included. [`angular_message`](crate::angular_message()) filters what comes in along k and adds the degrees up; a
//! network whose filter belongs to e needs them apart. Both are halves of one map and its transpose: what one reads
//! forward the other reads backward, so the same loops and kernels serve both.

mod backend;
mod backward;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;

use crate::RowIndex;
pub use backend::MomentOps;

/// The moments of each edge (module docs for the equation).
///
/// # Shapes
/// - x: `[E, C]`, the value that each edge brings to its source site
/// - harmonics: `[E, L²]`, `Y_lm` of the edge's direction in the frame of its source, entry `l² + l + m`
/// - source: edges → sites, edges sorted by source
/// - output: `[L, E, C]`
pub fn angular_moments(x: Tensor<2>, harmonics: Tensor<2>, source: &RowIndex) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as MomentOps>::angular_moments(
        x.into_dispatch(),
        harmonics.into_dispatch(),
        source.index.clone().into_dispatch(),
        source.offsets.clone().into_dispatch(),
    ))
}
