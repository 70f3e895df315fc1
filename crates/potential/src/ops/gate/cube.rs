//! Kernels: one cube per site, one unit per scalar channel; a unit beyond the scalars that stay also serves the channel
//! that its factor gates.
#![allow(
    unsafe_code,
    reason = "the launcher's bounds checks would double the work; every index is below a size that the launcher knows"
)]
#![allow(
    clippy::collapsible_if,
    reason = "kernels: a condition known at compile time must stand alone, and slices of the device have no iterators"
)]

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use tensor_ops::cube::cubes;

use super::super::backend::GateOptions;
use super::super::cube::outputs;
use super::{input_channels, norm_factors, output_channels, starts};
use crate::nequix::{LayerKind, N_DEGREES};

/// The sum of a value over all units, the same in each of them.
#[cube]
fn total(shares: &mut Shared<[f32]>, value: f32, #[comptime] units: usize) -> f32 {
    let unit = UNIT_POS as usize;
    shares[unit] = value;
    sync_cube();
    let mut width = comptime!(units / 2).runtime();
    while width > 0 {
        if unit < width {
            let other = shares[unit + width];
            shares[unit] += other;
        }
        sync_cube();
        width /= 2;
    }
    let sum = shares[0];
    sync_cube();
    sum
}

#[allow(clippy::cast_possible_truncation, reason = "rounding to single precision is what is meant")]
fn factor(kind: LayerKind, degree: usize) -> f32 {
    norm_factors(kind)[degree] as f32
}

/// Sum of the weighted squares of the channel of a degree that a unit serves.
#[cube]
fn squares(inputs: &[f32], site: usize, channel: usize, #[comptime] kind: LayerKind, #[comptime] degree: usize) -> f32 {
    let channels = comptime!(input_channels(kind)[degree]);
    let width = comptime!(2 * degree + 1);
    let mut sum = 0.0f32;
    #[unroll]
    for m in 0..width {
        let value = inputs[(site * width + m) * channels + channel];
        sum += value * value;
    }
    sum * comptime!(factor(kind, degree)).runtime()
}

/// Weighted squares of all that a unit serves.
#[cube]
fn own_squares(
    inputs_0: &[f32],
    inputs_1: &[f32],
    inputs_2: &[f32],
    inputs_3: &[f32],
    site: usize,
    unit: usize,
    #[comptime] kind: LayerKind,
) -> f32 {
    let mut sum = squares(inputs_0, site, unit, kind, 0usize);
    if comptime!(output_channels(kind)[1] > 0) {
        let first = comptime!(starts(kind).1[1]);
        let second = comptime!(starts(kind).1[2]);
        let third = comptime!(starts(kind).1[3]);
        if unit >= third {
            sum += squares(inputs_3, site, unit - third, kind, 3usize);
        } else if unit >= second {
            sum += squares(inputs_2, site, unit - second, kind, 2usize);
        } else if unit >= first {
            sum += squares(inputs_1, site, unit - first, kind, 1usize);
        }
    }
    sum
}

/// Writes a gated channel.
#[cube]
fn write_gated(
    inputs: &[f32],
    weights: &[f32],
    out: &mut [f32],
    inverse: f32,
    gate: f32,
    site: usize,
    channel: usize,
    #[comptime] kind: LayerKind,
    #[comptime] degree: usize,
) {
    let channels = comptime!(input_channels(kind)[degree]);
    let width = comptime!(2 * degree + 1);
    let scale = weights[comptime!(starts(kind).0[degree]) + channel] * inverse * gate;
    #[unroll]
    for m in 0..width {
        let at = (site * width + m) * channels + channel;
        out[at] = inputs[at] * scale;
    }
}

#[cube(launch_unchecked)]
fn forward_kernel(
    inputs_0: &[f32],
    inputs_1: &[f32],
    inputs_2: &[f32],
    inputs_3: &[f32],
    weights: &[f32],
    out_0: &mut [f32],
    out_1: &mut [f32],
    out_2: &mut [f32],
    out_3: &mut [f32],
    n_sites: usize,
    epsilon: f32,
    kappa: f32,
    #[comptime] kind: LayerKind,
) {
    let site = CUBE_POS;
    if site >= n_sites {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let units = comptime!(input_channels(kind)[0]);
    let kept = comptime!(output_channels(kind)[0]);
    let mut shares = Shared::<[f32]>::new_slice(units);
    let own = own_squares(inputs_0, inputs_1, inputs_2, inputs_3, site, unit, kind);
    let inverse = 1.0 / (total(&mut shares, own, units) + epsilon).sqrt();
    let scalar = inputs_0[site * units + unit] * weights[unit] * inverse;
    let gate = scalar / (1.0 + (-scalar).exp()) * kappa;
    if unit < kept {
        out_0[site * kept + unit] = gate;
    }
    if comptime!(output_channels(kind)[1] > 0) {
        let first = comptime!(starts(kind).1[1]);
        let second = comptime!(starts(kind).1[2]);
        let third = comptime!(starts(kind).1[3]);
        if unit >= third {
            write_gated(inputs_3, weights, out_3, inverse, gate, site, unit - third, kind, 3usize);
        } else if unit >= second {
            write_gated(inputs_2, weights, out_2, inverse, gate, site, unit - second, kind, 2usize);
        } else if unit >= first {
            write_gated(inputs_1, weights, out_1, inverse, gate, site, unit - first, kind, 1usize);
        }
    }
}

/// The gradient by the factor of a channel, and its share of `Σ by_normed·w·s`; both without the factor's own part.
#[cube]
fn through_gate(
    grad: &[f32],
    inputs: &[f32],
    weights: &[f32],
    inverse: f32,
    gate: f32,
    site: usize,
    channel: usize,
    #[comptime] kind: LayerKind,
    #[comptime] degree: usize,
) -> (f32, f32) {
    let channels = comptime!(input_channels(kind)[degree]);
    let width = comptime!(2 * degree + 1);
    let weight = weights[comptime!(starts(kind).0[degree]) + channel];
    let mut product = 0.0f32;
    #[unroll]
    for m in 0..width {
        let at = (site * width + m) * channels + channel;
        product += grad[at] * inputs[at];
    }
    (product * weight * inverse, product * weight * gate)
}

/// Writes the gradient by a gated channel.
#[cube]
fn write_gradient(
    grad: &[f32],
    inputs: &[f32],
    weights: &[f32],
    out: &mut [f32],
    inverse: f32,
    gate: f32,
    pull: f32,
    site: usize,
    channel: usize,
    #[comptime] kind: LayerKind,
    #[comptime] degree: usize,
) {
    let channels = comptime!(input_channels(kind)[degree]);
    let width = comptime!(2 * degree + 1);
    let scale = weights[comptime!(starts(kind).0[degree]) + channel] * inverse * gate;
    let share = pull * comptime!(factor(kind, degree)).runtime();
    #[unroll]
    for m in 0..width {
        let at = (site * width + m) * channels + channel;
        out[at] = grad[at] * scale - inputs[at] * share;
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(
    grad_0: &[f32],
    grad_1: &[f32],
    grad_2: &[f32],
    grad_3: &[f32],
    inputs_0: &[f32],
    inputs_1: &[f32],
    inputs_2: &[f32],
    inputs_3: &[f32],
    weights: &[f32],
    out_0: &mut [f32],
    out_1: &mut [f32],
    out_2: &mut [f32],
    out_3: &mut [f32],
    n_sites: usize,
    epsilon: f32,
    kappa: f32,
    #[comptime] kind: LayerKind,
) {
    let site = CUBE_POS;
    if site >= n_sites {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let units = comptime!(input_channels(kind)[0]);
    let kept = comptime!(output_channels(kind)[0]);
    let mut shares = Shared::<[f32]>::new_slice(units);
    let own = own_squares(inputs_0, inputs_1, inputs_2, inputs_3, site, unit, kind);
    let inverse = 1.0 / (total(&mut shares, own, units) + epsilon).sqrt();
    let input = inputs_0[site * units + unit];
    let weight = weights[unit];
    let scalar = input * weight * inverse;
    let sigmoid = 1.0 / (1.0 + (-scalar).exp());
    let gate = scalar * sigmoid * kappa;
    let mut by_gate = 0.0f32;
    let mut overlap = 0.0f32;
    if unit < kept {
        by_gate = grad_0[site * kept + unit];
    }
    let first = comptime!(starts(kind).1[1]);
    let second = comptime!(starts(kind).1[2]);
    let third = comptime!(starts(kind).1[3]);
    if comptime!(output_channels(kind)[1] > 0) {
        if unit >= third {
            let (of_gate, of_norm) =
                through_gate(grad_3, inputs_3, weights, inverse, gate, site, unit - third, kind, 3usize);
            by_gate = of_gate;
            overlap = of_norm;
        } else if unit >= second {
            let (of_gate, of_norm) =
                through_gate(grad_2, inputs_2, weights, inverse, gate, site, unit - second, kind, 2usize);
            by_gate = of_gate;
            overlap = of_norm;
        } else if unit >= first {
            let (of_gate, of_norm) =
                through_gate(grad_1, inputs_1, weights, inverse, gate, site, unit - first, kind, 1usize);
            by_gate = of_gate;
            overlap = of_norm;
        }
    }
    let by_scalar = by_gate * kappa * sigmoid * (1.0 + scalar * (1.0 - sigmoid)) * weight;
    let pull = total(&mut shares, overlap + by_scalar * input, units) * inverse * inverse * inverse;
    out_0[site * units + unit] = by_scalar * inverse - input * pull * comptime!(factor(kind, 0)).runtime();
    if comptime!(output_channels(kind)[1] > 0) {
        if unit >= third {
            write_gradient(grad_3, inputs_3, weights, out_3, inverse, gate, pull, site, unit - third, kind, 3usize);
        } else if unit >= second {
            write_gradient(grad_2, inputs_2, weights, out_2, inverse, gate, pull, site, unit - second, kind, 2usize);
        } else if unit >= first {
            write_gradient(grad_1, inputs_1, weights, out_1, inverse, gate, pull, site, unit - first, kind, 1usize);
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "rounding to single precision is what is meant")]
fn constants(options: GateOptions) -> (f32, f32) {
    (options.epsilon as f32, (1.0 / options.silu_norm) as f32)
}

fn cube_dim(options: GateOptions) -> CubeDim {
    CubeDim::new_1d(u32::try_from(input_channels(options.kind)[0]).expect("some hundred units"))
}

/// The outputs of all sites.
pub(crate) fn forward(
    inputs: [CubeTensor; N_DEGREES],
    weights: CubeTensor,
    options: GateOptions,
) -> [CubeTensor; N_DEGREES] {
    let n_sites = inputs[0].shape()[0];
    let out = outputs(&weights, n_sites, &output_channels(options.kind));
    let client = weights.client.clone();
    let (count, (epsilon, kappa)) = (cubes(&weights, n_sites), constants(options));
    let [i0, i1, i2, i3] = inputs.map(CubeTensor::into_buffer_arg);
    let [o0, o1, o2, o3] = out.clone().map(CubeTensor::into_buffer_arg);
    // SAFETY: all buffers have n_sites rows of the channels that the kernel counts with.
    unsafe {
        forward_kernel::launch_unchecked(
            &client,
            count,
            cube_dim(options),
            i0,
            i1,
            i2,
            i3,
            weights.into_buffer_arg(),
            o0,
            o1,
            o2,
            o3,
            n_sites,
            epsilon,
            kappa,
            options.kind,
        );
    }
    out
}

/// Gradients by the inputs.
pub(crate) fn backward(
    grad: [CubeTensor; N_DEGREES],
    inputs: [CubeTensor; N_DEGREES],
    weights: CubeTensor,
    options: GateOptions,
) -> [CubeTensor; N_DEGREES] {
    let n_sites = inputs[0].shape()[0];
    let out = outputs(&weights, n_sites, &input_channels(options.kind));
    let client = weights.client.clone();
    let (count, (epsilon, kappa)) = (cubes(&weights, n_sites), constants(options));
    let [g0, g1, g2, g3] = grad.map(CubeTensor::into_buffer_arg);
    let [i0, i1, i2, i3] = inputs.map(CubeTensor::into_buffer_arg);
    let [o0, o1, o2, o3] = out.clone().map(CubeTensor::into_buffer_arg);
    // SAFETY: as above.
    unsafe {
        backward_kernel::launch_unchecked(
            &client,
            count,
            cube_dim(options),
            g0,
            g1,
            g2,
            g3,
            i0,
            i1,
            i2,
            i3,
            weights.into_buffer_arg(),
            o0,
            o1,
            o2,
            o3,
            n_sites,
            epsilon,
            kappa,
            options.kind,
        );
    }
    out
}
