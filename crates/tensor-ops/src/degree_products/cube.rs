//! Kernels: one unit per value that is written.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::dimensions;
use crate::cube::{one_unit_each, output};

#[cube(launch_unchecked)]
fn forward_kernel(
    radial: &[f32],
    angular: &[f32],
    out: &mut [f32],
    n_edges: usize,
    n: usize,
    #[comptime] degrees: usize,
    #[comptime] width: usize,
    #[comptime] columns: usize,
) {
    let place = ABSOLUTE_POS;
    if place < n {
        let function = place / (n_edges * columns);
        let edge = place / columns % n_edges;
        let column = place % columns;
        let mut total = 0.0f32;
        #[unroll]
        for l in 0..degrees {
            total += radial[(edge * degrees + l) * width + function] * angular[(l * n_edges + edge) * columns + column];
        }
        out[place] = total;
    }
}

#[cube(launch_unchecked)]
fn radial_gradient_kernel(
    grad: &[f32],
    angular: &[f32],
    out: &mut [f32],
    n_edges: usize,
    n: usize,
    columns: usize,
    #[comptime] degrees: usize,
    #[comptime] width: usize,
) {
    let place = ABSOLUTE_POS;
    if place < n {
        let edge = place / (degrees * width);
        let l = place / width % degrees;
        let function = place % width;
        let mut total = 0.0f32;
        for column in 0..columns {
            total +=
                grad[(function * n_edges + edge) * columns + column] * angular[(l * n_edges + edge) * columns + column];
        }
        out[place] = total;
    }
}

#[cube(launch_unchecked)]
fn angular_gradient_kernel(
    grad: &[f32],
    radial: &[f32],
    out: &mut [f32],
    n_edges: usize,
    n: usize,
    #[comptime] degrees: usize,
    #[comptime] width: usize,
    #[comptime] columns: usize,
) {
    let place = ABSOLUTE_POS;
    if place < n {
        let l = place / (n_edges * columns);
        let edge = place / columns % n_edges;
        let column = place % columns;
        let mut total = 0.0f32;
        #[unroll]
        for function in 0..width {
            total +=
                grad[(function * n_edges + edge) * columns + column] * radial[(edge * degrees + l) * width + function];
        }
        out[place] = total;
    }
}

/// The products.
pub(crate) fn forward(radial: CubeTensor, angular: CubeTensor) -> CubeTensor {
    let [n_edges, degrees, width, columns] = dimensions(&radial.shape(), &angular.shape());
    let n = n_edges * width * columns;
    let out = output(&radial, [width, n_edges, columns]);
    let (count, dim) = one_unit_each(&radial, n);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        forward_kernel::launch_unchecked(
            &out.client,
            count,
            dim,
            radial.into_buffer_arg(),
            angular.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            n_edges,
            n,
            degrees,
            width,
            columns,
        );
    }
    out
}

/// Gradients by both.
pub(crate) fn backward(grad: CubeTensor, radial: CubeTensor, angular: CubeTensor) -> (CubeTensor, CubeTensor) {
    let [n_edges, degrees, width, columns] = dimensions(&radial.shape(), &angular.shape());
    assert!(grad.shape() == Shape::new([width, n_edges, columns]), "a gradient has the shape of its value");
    let (of_radial, of_angular) = (output(&radial, radial.shape()), output(&angular, angular.shape()));
    let n = n_edges * degrees * width;
    let (count, dim) = one_unit_each(&radial, n);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        radial_gradient_kernel::launch_unchecked(
            &of_radial.client,
            count,
            dim,
            grad.clone().into_buffer_arg(),
            angular.into_buffer_arg(),
            of_radial.clone().into_buffer_arg(),
            n_edges,
            n,
            columns,
            degrees,
            width,
        );
    }
    let n = degrees * n_edges * columns;
    let (count, dim) = one_unit_each(&radial, n);
    // SAFETY: as above.
    unsafe {
        angular_gradient_kernel::launch_unchecked(
            &of_angular.client,
            count,
            dim,
            grad.into_buffer_arg(),
            radial.into_buffer_arg(),
            of_angular.clone().into_buffer_arg(),
            n_edges,
            n,
            degrees,
            width,
            columns,
        );
    }
    (of_radial, of_angular)
}
