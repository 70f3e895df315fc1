//! The equations of the module, written out in double precision.

use super::super::backend::GateOptions;
use super::{input_channels, norm_factors, output_channels, starts};
use crate::nequix::{N_DEGREES, widths};

/// Outputs of one site; `inputs` are its rows.
pub(crate) fn forward(inputs: &[Vec<f64>; N_DEGREES], weights: &[f64], options: GateOptions) -> [Vec<f64>; N_DEGREES] {
    let (channels, out) = (input_channels(options.kind), output_channels(options.kind));
    let factors = norm_factors(options.kind);
    let (weight_starts, gate_starts) = starts(options.kind);
    let q: f64 = (0..N_DEGREES).map(|l| factors[l] * inputs[l].iter().map(|s| s * s).sum::<f64>()).sum::<f64>()
        + options.epsilon;
    let normed =
        |l: usize, m: usize, w: usize| inputs[l][m * channels[l] + w] * weights[weight_starts[l] + w] / q.sqrt();
    let z = |w: usize| {
        let n = normed(0, 0, w);
        n / (1.0 + (-n).exp()) / options.silu_norm
    };
    let row = widths(&out);
    std::array::from_fn(|l| {
        let value = |entry: usize| {
            let (m, w) = (entry / out[l], entry % out[l]);
            if l == 0 { z(w) } else { normed(l, m, w) * z(gate_starts[l] + w) }
        };
        (0..row[l]).map(value).collect()
    })
}
