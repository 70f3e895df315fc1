//! Norm and gate: what ends a layer.
//!
//! Per site `q = Σ_l 1/(L(2l+1)²)·Σ s_l² + ε` with L the number of degrees, `n_l = s_l·w_l/√q`, `z = silu(n_0)/κ`; then
//! `h_0` is the first channels of z, and the others are the factors of the other degrees, `h_l = n_l·z_(l)`.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "cpu")]
pub(crate) mod flex;
#[cfg(test)]
pub(crate) mod reference;

use crate::nequix::{CHANNELS, LayerKind, N_DEGREES, gate_channels};

/// Channels of the inputs.
pub(crate) fn input_channels(kind: LayerKind) -> [usize; N_DEGREES] {
    gate_channels(kind)
}

/// Channels of the outputs.
pub(crate) fn output_channels(kind: LayerKind) -> [usize; N_DEGREES] {
    match kind {
        LayerKind::Last => [CHANNELS[0], 0, 0, 0],
        _ => CHANNELS,
    }
}

/// Weight of the squares of each degree in the squared norm.
pub(crate) fn norm_factors(kind: LayerKind) -> [f64; N_DEGREES] {
    let n_degrees = input_channels(kind).iter().filter(|&&channels| channels > 0).count();
    std::array::from_fn(|l| 1.0 / (n_degrees * (2 * l + 1) * (2 * l + 1)) as f64)
}

/// Where the weights of each degree begin, and its factors among the scalars.
pub(crate) fn starts(kind: LayerKind) -> ([usize; N_DEGREES], [usize; N_DEGREES]) {
    let inputs = input_channels(kind);
    let weight = std::array::from_fn(|l| inputs[..l].iter().sum());
    let gate = std::array::from_fn(|l| CHANNELS[..l].iter().sum());
    (weight, gate)
}
