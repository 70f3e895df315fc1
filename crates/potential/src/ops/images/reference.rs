//! The equation of the module, written out in double precision.

use super::STARTS;
use crate::nequix::N_DEGREES;

/// Features of one image; `features` are the rows of its site.
pub(crate) fn forward(
    features: &[Vec<f64>; N_DEGREES],
    rotation: &[f64],
    channels: &[usize; N_DEGREES],
) -> [Vec<f64>; N_DEGREES] {
    std::array::from_fn(|l| {
        let (n, width) = (channels[l], 2 * l + 1);
        let matrix = |i: usize, j: usize| if l == 0 { 1.0 } else { rotation[STARTS[l] + i * width + j] };
        (0..width * n)
            .map(|entry| (0..width).map(|j| matrix(entry / n, j) * features[l][j * n + entry % n]).sum())
            .collect()
    })
}
