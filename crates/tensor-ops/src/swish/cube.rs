//! Kernels: one unit per value.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::{one_unit_each, output};

#[cube(launch_unchecked)]
fn forward_kernel(x: &[f32], out: &mut [f32]) {
    if ABSOLUTE_POS < out.len() {
        let x = x[ABSOLUTE_POS];
        out[ABSOLUTE_POS] = x / (1.0 + (-x).exp());
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(grad: &[f32], x: &[f32], out: &mut [f32]) {
    if ABSOLUTE_POS < out.len() {
        let x = x[ABSOLUTE_POS];
        let sigma = 1.0 / (1.0 + (-x).exp());
        out[ABSOLUTE_POS] = grad[ABSOLUTE_POS] * sigma * (1.0 + x * (1.0 - sigma));
    }
}

/// `x·σ(x)`.
pub(crate) fn forward(x: CubeTensor) -> CubeTensor {
    let n = x.shape().num_elements();
    let out = output(&x, x.shape());
    let (count, dim) = one_unit_each(&x, n);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        forward_kernel::launch_unchecked(&out.client, count, dim, x.into_buffer_arg(), out.clone().into_buffer_arg());
    }
    out
}

/// `grad·σ(x)·(1 + x·(1 − σ(x)))`.
pub(crate) fn backward(grad: CubeTensor, x: CubeTensor) -> CubeTensor {
    assert_eq!(grad.shape(), x.shape(), "a gradient has the shape of its value");
    let n = x.shape().num_elements();
    let out = output(&x, x.shape());
    let (count, dim) = one_unit_each(&x, n);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        backward_kernel::launch_unchecked(
            &out.client,
            count,
            dim,
            grad.into_buffer_arg(),
            x.into_buffer_arg(),
            out.clone().into_buffer_arg(),
        );
    }
    out
}
