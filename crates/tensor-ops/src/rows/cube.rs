//! Kernels: one unit per value of the output, neighbouring units on neighbouring columns. No atomics: a sum has one
//! unit and one order.

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::{one_unit_each, output};

#[cube(launch)]
fn gather_rows_kernel(x: &[f32], index: &[i32], out: &mut [f32], #[comptime] columns: usize) {
    if ABSOLUTE_POS < out.len() {
        let row = index[ABSOLUTE_POS / columns] as usize;
        out[ABSOLUTE_POS] = x[row * columns + ABSOLUTE_POS % columns];
    }
}

#[cube(launch)]
fn segment_sum_kernel(x: &[f32], offsets: &[i32], order: &[i32], out: &mut [f32], #[comptime] columns: usize) {
    if ABSOLUTE_POS < out.len() {
        let segment = ABSOLUTE_POS / columns;
        let column = ABSOLUTE_POS % columns;
        let first = offsets[segment] as usize;
        let end = offsets[segment + 1] as usize;
        let mut total = 0.0f32;
        for k in first..end {
            total += x[order[k] as usize * columns + column];
        }
        out[ABSOLUTE_POS] = total;
    }
}

/// `out[m, c] = x[index[m], c]`.
pub(crate) fn gather_rows(x: CubeTensor, index: CubeTensor) -> CubeTensor {
    let (rows, columns) = (index.shape()[0], x.shape()[1]);
    let out = output(&x, [rows, columns]);
    let (count, dim) = one_unit_each(&x, rows * columns);
    gather_rows_kernel::launch(
        &out.client,
        count,
        dim,
        x.into_buffer_arg(),
        index.into_buffer_arg(),
        out.clone().into_buffer_arg(),
        columns,
    );
    out
}

/// `out[s, c] = Σ x[order[k], c]`, k over `offsets[s]..offsets[s + 1]`, in ascending order.
pub(crate) fn segment_sum(x: CubeTensor, offsets: CubeTensor, order: CubeTensor) -> CubeTensor {
    let (segments, columns) = (offsets.shape()[0] - 1, x.shape()[1]);
    let out = output(&x, [segments, columns]);
    let (count, dim) = one_unit_each(&x, segments * columns);
    segment_sum_kernel::launch(
        &out.client,
        count,
        dim,
        x.into_buffer_arg(),
        offsets.into_buffer_arg(),
        order.into_buffer_arg(),
        out.clone().into_buffer_arg(),
        columns,
    );
    out
}
