//! Matrix products tiled through shared memory, for devices without tensor cores and sizes that do not suit them.
//!
//! A cube of 16 × 16 units computes a tile of the output; a unit owns `unit_rows × unit_columns` values of it in
//! registers. Both factors pass through shared memory in slices of [`DEPTH`] of the summed dimension. The order of
//! every sum is fixed by the sizes alone.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::{cube_of, cubes, output, sum_parts};

/// Units along each side of a cube.
const SIDE: usize = 16;
/// Length of the slices of the summed dimension.
const DEPTH: usize = 16;
/// Most pieces into which the rows are split when they are what is summed.
const MAX_PIECES: usize = 256;
/// Fewest rows of a piece.
const MIN_PIECE: usize = 128;

/// One slice of the tile's product: `sums[i, j] += Σ_k left[k, row_i]·right[k, column_j]`.
///
/// Rows of a unit are adjacent, columns lie [`SIDE`] apart, so that neighbouring units read neighbouring addresses.
#[cube]
fn multiply_slices(
    left: &[f32],
    right: &[f32],
    sums: &mut Array<f32>,
    first_row: usize,
    first_column: usize,
    #[comptime] unit_rows: usize,
    #[comptime] unit_columns: usize,
) {
    let left_stride = comptime!(SIDE * unit_rows + 1);
    let right_stride = comptime!(SIDE * unit_columns);
    let mut rows = Array::<f32>::new(unit_rows);
    let mut columns = Array::<f32>::new(unit_columns);
    #[unroll]
    for k in 0..DEPTH {
        #[unroll]
        for i in 0..unit_rows {
            rows[i] = left[k * left_stride + first_row + i];
        }
        #[unroll]
        for j in 0..unit_columns {
            columns[j] = right[k * right_stride + first_column + SIDE * j];
        }
        #[unroll]
        for i in 0..unit_rows {
            #[unroll]
            for j in 0..unit_columns {
                sums[i * unit_columns + j] += rows[i] * columns[j];
            }
        }
    }
}

/// `out[b, m, n] = Σ_k x[b, m, k]·weight[b, k, n] (+ bias[n])`; with `transposed`, the weight is stored as `[b, n, k]`.
#[cube(launch_unchecked)]
fn product_kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    out: &mut [f32],
    n_batches: usize,
    n_rows: usize,
    #[comptime] n_input: usize,
    #[comptime] n_output: usize,
    #[comptime] transposed: bool,
    #[comptime] with_bias: bool,
    #[comptime] unit_rows: usize,
    #[comptime] unit_columns: usize,
) {
    let tile_rows = comptime!(SIDE * unit_rows);
    let tile_columns = comptime!(SIDE * unit_columns);
    let left_stride = comptime!(SIDE * unit_rows + 1);
    let column_tiles = comptime!(n_output.div_ceil(tile_columns));
    let row_tiles = n_rows.div_ceil(tile_rows);
    let batch = CUBE_POS / (column_tiles * row_tiles);
    if batch >= n_batches {
        terminate!();
    }
    let row_0 = (CUBE_POS / column_tiles) % row_tiles * tile_rows;
    let column_0 = CUBE_POS % column_tiles * tile_columns;
    let x_0 = batch * n_rows * n_input;
    let weight_0 = batch * (n_input * n_output);

    let unit = UNIT_POS as usize;
    let first_row = unit / SIDE * unit_rows;
    let first_column = unit % SIDE;
    let mut left = Shared::<[f32]>::new_slice(comptime!(DEPTH * (SIDE * unit_rows + 1)));
    let mut right = Shared::<[f32]>::new_slice(comptime!(DEPTH * SIDE * unit_columns));
    let mut sums = Array::<f32>::new(comptime!(unit_rows * unit_columns));
    #[unroll]
    for k in 0..unit_rows * unit_columns {
        sums[k] = 0.0;
    }

    for slice in 0..n_input.div_ceil(DEPTH) {
        #[unroll]
        for i in 0..unit_rows {
            let entry = unit + i * SIDE * SIDE;
            let row = row_0 + entry / DEPTH;
            let k = slice * DEPTH + entry % DEPTH;
            let mut value = 0.0f32;
            if row < n_rows && k < n_input {
                value = x[x_0 + row * n_input + k];
            }
            left[entry % DEPTH * left_stride + entry / DEPTH] = value;
        }
        #[unroll]
        for j in 0..unit_columns {
            let entry = unit + j * SIDE * SIDE;
            let mut value = 0.0f32;
            if transposed {
                let k = slice * DEPTH + entry % DEPTH;
                let column = column_0 + entry / DEPTH;
                if k < n_input && column < n_output {
                    value = weight[weight_0 + column * n_input + k];
                }
                right[entry % DEPTH * tile_columns + entry / DEPTH] = value;
            } else {
                let k = slice * DEPTH + entry / tile_columns;
                let column = column_0 + entry % tile_columns;
                if k < n_input && column < n_output {
                    value = weight[weight_0 + k * n_output + column];
                }
                right[entry] = value;
            }
        }
        sync_cube();
        multiply_slices(&left, &right, &mut sums, first_row, first_column, unit_rows, unit_columns);
        sync_cube();
    }

    let out_0 = batch * n_rows * n_output;
    #[unroll]
    for i in 0..unit_rows {
        #[unroll]
        for j in 0..unit_columns {
            let row = row_0 + first_row + i;
            let column = column_0 + first_column + SIDE * j;
            if row < n_rows && column < n_output {
                let mut value = sums[i * unit_columns + j];
                if with_bias {
                    value += bias[column];
                }
                out[out_0 + row * n_output + column] = value;
            }
        }
    }
}

/// The part of `Σ_m x[b, m, k]·grad[b, m, n]`, and of `Σ_m grad[m, n]`, that one piece of the rows brings.
#[cube(launch_unchecked)]
fn partial_gradients_kernel(
    grad: &[f32],
    x: &[f32],
    weight_parts: &mut [f32],
    bias_parts: &mut [f32],
    n_batches: usize,
    n_rows: usize,
    piece_rows: usize,
    n_pieces: usize,
    #[comptime] n_input: usize,
    #[comptime] n_output: usize,
    #[comptime] with_bias: bool,
    #[comptime] unit_rows: usize,
    #[comptime] unit_columns: usize,
) {
    let tile_inputs = comptime!(SIDE * unit_rows);
    let tile_columns = comptime!(SIDE * unit_columns);
    let left_stride = comptime!(SIDE * unit_rows + 1);
    let input_tiles = comptime!(n_input.div_ceil(tile_inputs));
    let column_tiles = comptime!(n_output.div_ceil(tile_columns));
    let part = CUBE_POS / (input_tiles * column_tiles);
    let batch = part / n_pieces;
    if batch >= n_batches {
        terminate!();
    }
    let piece = part % n_pieces;
    let input_0 = (CUBE_POS / column_tiles) % input_tiles * tile_inputs;
    let column_0 = CUBE_POS % column_tiles * tile_columns;
    let x_0 = batch * n_rows * n_input;
    let grad_0 = batch * n_rows * n_output;

    let unit = UNIT_POS as usize;
    let first_row = unit / SIDE * unit_rows;
    let first_column = unit % SIDE;
    let mut left = Shared::<[f32]>::new_slice(comptime!(DEPTH * (SIDE * unit_rows + 1)));
    let mut right = Shared::<[f32]>::new_slice(comptime!(DEPTH * SIDE * unit_columns));
    let mut sums = Array::<f32>::new(comptime!(unit_rows * unit_columns));
    let mut bias_sums = Array::<f32>::new(unit_columns);
    #[unroll]
    for k in 0..unit_rows * unit_columns {
        sums[k] = 0.0;
    }
    #[unroll]
    for j in 0..unit_columns {
        bias_sums[j] = 0.0;
    }

    for slice in 0..piece_rows / DEPTH {
        let slice_0 = piece * piece_rows + slice * DEPTH;
        #[unroll]
        for i in 0..unit_rows {
            let entry = unit + i * SIDE * SIDE;
            let row = slice_0 + entry / tile_inputs;
            let k = input_0 + entry % tile_inputs;
            let mut value = 0.0f32;
            if row < n_rows && k < n_input {
                value = x[x_0 + row * n_input + k];
            }
            left[entry / tile_inputs * left_stride + entry % tile_inputs] = value;
        }
        #[unroll]
        for j in 0..unit_columns {
            let entry = unit + j * SIDE * SIDE;
            let row = slice_0 + entry / tile_columns;
            let column = column_0 + entry % tile_columns;
            let mut value = 0.0f32;
            if row < n_rows && column < n_output {
                value = grad[grad_0 + row * n_output + column];
            }
            right[entry] = value;
        }
        sync_cube();
        multiply_slices(&left, &right, &mut sums, first_row, first_column, unit_rows, unit_columns);
        if with_bias {
            // Only the units that write the sums below.
            if input_0 + first_row == 0 {
                #[unroll]
                for k in 0..DEPTH {
                    #[unroll]
                    for j in 0..unit_columns {
                        bias_sums[j] += right[k * tile_columns + first_column + SIDE * j];
                    }
                }
            }
        }
        sync_cube();
    }

    #[unroll]
    for j in 0..unit_columns {
        let column = column_0 + first_column + SIDE * j;
        #[unroll]
        for i in 0..unit_rows {
            let k = input_0 + first_row + i;
            if k < n_input && column < n_output {
                weight_parts[(part * n_input + k) * n_output + column] = sums[i * unit_columns + j];
            }
        }
        if with_bias {
            if input_0 + first_row == 0 && column < n_output {
                bias_parts[part * n_output + column] = bias_sums[j];
            }
        }
    }
}

/// Columns of a unit: fewer where the output is narrow.
fn unit_columns(n_output: usize) -> usize {
    match n_output {
        0..=16 => 1,
        17..=32 => 2,
        _ => 4,
    }
}

fn square() -> CubeDim {
    cube_of(SIDE * SIDE)
}

/// `x·weight (+ bias)`; with `transposed`, the weight is stored as `[B, N, K]`.
pub(super) fn product(
    x: CubeTensor,
    weight: CubeTensor,
    bias: Option<CubeTensor>,
    n_output: usize,
    transposed: bool,
) -> CubeTensor {
    let shape = x.shape();
    let (n_batches, n_rows, n_input) = (shape[0], shape[1], shape[2]);
    let inner = if transposed { [n_batches, n_output, n_input] } else { [n_batches, n_input, n_output] };
    assert_eq!(weight.shape(), Shape::new(inner), "the weight fits the input");
    assert!(bias.as_ref().is_none_or(|bias| bias.shape()[0] == n_output), "the bias fits the weight");
    let out = output(&x, [n_batches, n_rows, n_output]);
    // Small tiles while large ones would leave processors without work.
    let unit_rows = if n_rows < 16_384 { 4 } else { 8 };
    let unit_columns = unit_columns(n_output);
    let tiles = n_rows.div_ceil(SIDE * unit_rows) * n_output.div_ceil(SIDE * unit_columns);
    let with_bias = bias.is_some();
    let bias = bias.unwrap_or_else(|| weight.clone());
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        product_kernel::launch_unchecked(
            &out.client,
            cubes(&x, n_batches * tiles),
            square(),
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
            bias.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            n_batches,
            n_rows,
            n_input,
            n_output,
            transposed,
            with_bias,
            unit_rows,
            unit_columns,
        );
    }
    out
}

/// The gradient by the weight `[B, K, N]`, and, with `with_bias`, the pieces `[B, pieces, N]` of that by the bias.
pub(super) fn gradients(grad: CubeTensor, x: CubeTensor, with_bias: bool) -> (CubeTensor, CubeTensor) {
    let (n_batches, n_rows, n_input, n_output) = (x.shape()[0], x.shape()[1], x.shape()[2], grad.shape()[2]);
    assert_eq!(grad.shape(), Shape::new([n_batches, n_rows, n_output]), "the gradient fits the input");
    let piece_rows = n_rows.div_ceil(MAX_PIECES).max(MIN_PIECE).next_multiple_of(DEPTH);
    let n_pieces = n_rows.div_ceil(piece_rows);
    let (unit_rows, unit_columns) = (unit_columns(n_input), unit_columns(n_output));
    let tiles = n_input.div_ceil(SIDE * unit_rows) * n_output.div_ceil(SIDE * unit_columns);
    let weight_parts = output(&x, [n_batches, n_pieces, n_input, n_output]);
    let bias_parts = output(&x, if with_bias { [n_batches, n_pieces, n_output] } else { [1, 1, 1] });
    let count = cubes(&x, n_batches * n_pieces * tiles);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        partial_gradients_kernel::launch_unchecked(
            &weight_parts.client,
            count,
            square(),
            grad.into_buffer_arg(),
            x.into_buffer_arg(),
            weight_parts.clone().into_buffer_arg(),
            bias_parts.clone().into_buffer_arg(),
            n_batches,
            n_rows,
            piece_rows,
            n_pieces,
            n_input,
            n_output,
            with_bias,
            unit_rows,
            unit_columns,
        );
    }
    let weight = sum_parts(weight_parts, Shape::new([n_batches, n_input, n_output]));
    (weight, bias_parts)
}
