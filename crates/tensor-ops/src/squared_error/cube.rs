//! Kernels: one cube sums, since a batch has few sites beside its edges.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::{SUM_UNITS, cube_of, cube_sum, one_unit_each, output};

#[cube(launch_unchecked)]
fn forward_kernel(estimate: &[f32], target: &[f32], weights: &[f32], out: &mut [f32]) {
    let unit = UNIT_POS as usize;
    let mut share = 0.0f32;
    let mut k = unit;
    while k < estimate.len() {
        let error = estimate[k] - target[k];
        share += weights[k] * error * error;
        k += SUM_UNITS;
    }
    let sum = cube_sum(share);
    if unit == 0 {
        out[0] = sum;
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(grad: &[f32], estimate: &[f32], target: &[f32], weights: &[f32], out: &mut [f32]) {
    if ABSOLUTE_POS < out.len() {
        let error = estimate[ABSOLUTE_POS] - target[ABSOLUTE_POS];
        out[ABSOLUTE_POS] = 2.0 * grad[0] * weights[ABSOLUTE_POS] * error;
    }
}

/// `Σ w·(estimate − target)²`.
pub(crate) fn forward(estimate: CubeTensor, target: CubeTensor, weights: CubeTensor) -> CubeTensor {
    assert!(estimate.shape() == target.shape() && estimate.shape() == weights.shape(), "all of one shape");
    let out = output(&estimate, [1]);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        forward_kernel::launch_unchecked(
            &out.client,
            CubeCount::Static(1, 1, 1),
            cube_of(SUM_UNITS),
            estimate.into_buffer_arg(),
            target.into_buffer_arg(),
            weights.into_buffer_arg(),
            out.clone().into_buffer_arg(),
        );
    }
    out
}

/// Gradient by the estimate.
pub(crate) fn backward(grad: CubeTensor, estimate: CubeTensor, target: CubeTensor, weights: CubeTensor) -> CubeTensor {
    assert!(estimate.shape() == target.shape() && estimate.shape() == weights.shape(), "all of one shape");
    let out = output(&estimate, estimate.shape());
    let (count, dim) = one_unit_each(&out, estimate.shape().num_elements());
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        backward_kernel::launch_unchecked(
            &out.client,
            count,
            dim,
            grad.into_buffer_arg(),
            estimate.into_buffer_arg(),
            target.into_buffer_arg(),
            weights.into_buffer_arg(),
            out.clone().into_buffer_arg(),
        );
    }
    out
}
