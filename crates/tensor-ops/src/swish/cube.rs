//! Kernels: one unit for four neighbouring values, or for one where they are not a multiple of four.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::{one_unit_each, output, vector_width};

#[cube(launch_unchecked)]
fn forward_kernel<W: Size>(x: &[Vector<f32, W>], out: &mut [Vector<f32, W>], n: usize, #[comptime] width: usize) {
    if ABSOLUTE_POS < n {
        let values = x[ABSOLUTE_POS];
        let mut activated = Vector::<f32, W>::empty();
        #[unroll]
        for k in 0..width {
            let x = values.extract(k);
            activated.insert(k, x / (1.0 + (-x).exp()));
        }
        out[ABSOLUTE_POS] = activated;
    }
}

#[cube(launch_unchecked)]
fn backward_kernel<W: Size>(
    grad: &[Vector<f32, W>],
    x: &[Vector<f32, W>],
    out: &mut [Vector<f32, W>],
    n: usize,
    #[comptime] width: usize,
) {
    if ABSOLUTE_POS < n {
        let slopes = grad[ABSOLUTE_POS];
        let values = x[ABSOLUTE_POS];
        let mut products = Vector::<f32, W>::empty();
        #[unroll]
        for k in 0..width {
            let x = values.extract(k);
            let sigma = 1.0 / (1.0 + (-x).exp());
            products.insert(k, slopes.extract(k) * sigma * (1.0 + x * (1.0 - sigma)));
        }
        out[ABSOLUTE_POS] = products;
    }
}

/// `x·σ(x)`.
pub(crate) fn forward(x: CubeTensor) -> CubeTensor {
    let width = vector_width(x.shape().num_elements());
    let n = x.shape().num_elements() / width;
    let out = output(&x, x.shape());
    let (count, dim) = one_unit_each(&x, n);
    // SAFETY: the kernel stays below the lengths of its buffers, whatever their content. Tensors begin at multiples of
    // the device's alignment, views of them too, and are whole vectors long.
    unsafe {
        forward_kernel::launch_unchecked(
            &out.client,
            count,
            dim,
            width,
            x.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            n,
            width,
        );
    }
    out
}

/// `grad·σ(x)·(1 + x·(1 − σ(x)))`.
pub(crate) fn backward(grad: CubeTensor, x: CubeTensor) -> CubeTensor {
    assert_eq!(grad.shape(), x.shape(), "a gradient has the shape of its value");
    let width = vector_width(x.shape().num_elements());
    let n = x.shape().num_elements() / width;
    let out = output(&x, x.shape());
    let (count, dim) = one_unit_each(&x, n);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    // Tensors begin at multiples of the device's alignment, views of them too, and are whole vectors long.
    unsafe {
        backward_kernel::launch_unchecked(
            &out.client,
            count,
            dim,
            width,
            grad.into_buffer_arg(),
            x.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            n,
            width,
        );
    }
    out
}
