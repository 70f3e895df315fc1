//! Kernels: one unit per value of the output, the degree a constant.

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use tensor_ops::cube::one_unit_each;

use super::super::cube::outputs;
use super::STARTS;
use crate::nequix::{N_DEGREES, N_ROTATION};

#[cube(launch)]
fn forward_kernel(
    features: &[f32],
    rotations: &[f32],
    site: &[i32],
    out: &mut [f32],
    n_values: usize,
    #[comptime] degree: usize,
    #[comptime] channels: usize,
    #[comptime] start: usize,
) {
    let width = comptime!(2 * degree + 1);
    if ABSOLUTE_POS < n_values {
        let channel = ABSOLUTE_POS % channels;
        let row = ABSOLUTE_POS / channels;
        let image = row / width;
        let component = row % width;
        let from = site[image] as usize * width;
        if comptime!(degree == 0) {
            out[ABSOLUTE_POS] = features[from * channels + channel];
        } else {
            let mut total = 0.0f32;
            let matrix = image * N_ROTATION + start + component * width;
            #[unroll]
            for j in 0..width {
                total += rotations[matrix + j] * features[(from + j) * channels + channel];
            }
            out[ABSOLUTE_POS] = total;
        }
    }
}

#[cube(launch)]
fn backward_kernel(
    grad: &[f32],
    rotations: &[f32],
    offsets: &[i32],
    out: &mut [f32],
    n_values: usize,
    #[comptime] degree: usize,
    #[comptime] channels: usize,
    #[comptime] start: usize,
) {
    let width = comptime!(2 * degree + 1);
    if ABSOLUTE_POS < n_values {
        let channel = ABSOLUTE_POS % channels;
        let row = ABSOLUTE_POS / channels;
        let site = row / width;
        let component = row % width;
        let first = offsets[site] as usize;
        let end = offsets[site + 1] as usize;
        let mut total = 0.0f32;
        for image in first..end {
            #[unroll]
            for j in 0..width {
                let value = grad[(image * width + j) * channels + channel];
                if comptime!(degree == 0) {
                    total += value;
                } else {
                    total += rotations[image * N_ROTATION + start + j * width + component] * value;
                }
            }
        }
        out[ABSOLUTE_POS] = total;
    }
}

/// Features of the images.
pub(crate) fn forward(
    features: [CubeTensor; N_DEGREES],
    rotations: CubeTensor,
    site: CubeTensor,
) -> [CubeTensor; N_DEGREES] {
    let channels = features.each_ref().map(|features| features.shape()[1]);
    let out = outputs(&rotations, site.shape()[0], &channels);
    for (l, features) in features.into_iter().enumerate() {
        let n_values = out[l].shape().num_elements();
        let (count, dim) = one_unit_each(&rotations, n_values);
        forward_kernel::launch(
            &rotations.client,
            count,
            dim,
            features.into_buffer_arg(),
            rotations.clone().into_buffer_arg(),
            site.clone().into_buffer_arg(),
            out[l].clone().into_buffer_arg(),
            n_values,
            l,
            channels[l],
            STARTS[l],
        );
    }
    out
}

/// Gradients by the sites' features.
pub(crate) fn backward(
    grad: [CubeTensor; N_DEGREES],
    rotations: CubeTensor,
    offsets: CubeTensor,
) -> [CubeTensor; N_DEGREES] {
    let channels = grad.each_ref().map(|grad| grad.shape()[1]);
    let out = outputs(&rotations, offsets.shape()[0] - 1, &channels);
    for (l, grad) in grad.into_iter().enumerate() {
        let n_values = out[l].shape().num_elements();
        let (count, dim) = one_unit_each(&rotations, n_values);
        backward_kernel::launch(
            &rotations.client,
            count,
            dim,
            grad.into_buffer_arg(),
            rotations.clone().into_buffer_arg(),
            offsets.clone().into_buffer_arg(),
            out[l].clone().into_buffer_arg(),
            n_values,
            l,
            channels[l],
            STARTS[l],
        );
    }
    out
}
