//! `xᵀ·grad` on tensor cores: the sum over the rows, in pieces.
//!
//! A plane computes 32 rows (inputs) by 32 or 64 columns (outputs) of the gradient over its share of a piece; planes of
//! a cube share the piece and, where there are more than 32 inputs, the inputs. Both factors go from global memory
//! straight into fragments. Pieces have a fixed length, and everything is summed in a fixed order, so that rows of
//! zeros at the end change nothing.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::tiles::{PLANE, accumulate, leading_part, load_four, remaining_part};
use crate::cube::{cube_of, cubes, output, sum_parts, vector_width};

/// Planes of a cube.
const PLANES: usize = 8;
const UNITS: usize = PLANES * PLANE;
/// Rows of a piece.
const PIECE: usize = 512;
/// Inputs of a plane.
const PLANE_INPUTS: usize = 32;
/// Rows that a plane multiplies at once.
const STEP: usize = 8;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    n_input: usize,
    n_output: usize,
    with_bias: bool,
    passes: usize,
    input_width: usize,
    output_width: usize,
}

impl Form {
    /// Planes side by side along the inputs.
    fn input_planes(self) -> usize {
        self.n_input.div_ceil(PLANE_INPUTS).next_power_of_two().min(4)
    }

    /// Planes that share the rows.
    fn row_planes(self) -> usize {
        PLANES / self.input_planes()
    }

    fn tile_inputs(self) -> usize {
        PLANE_INPUTS * self.input_planes()
    }

    fn tile_columns(self) -> usize {
        self.n_output.next_multiple_of(32).min(64)
    }

    fn input_tiles(self) -> usize {
        self.n_input.div_ceil(self.tile_inputs())
    }

    fn column_tiles(self) -> usize {
        self.n_output.div_ceil(self.tile_columns())
    }
}

/// The part of `Σ_m x[b, m, k]·grad[b, m, n]`, and of `Σ_m grad[b, m, n]`, that one piece of the rows brings.
#[cube(launch_unchecked)]
fn parts_kernel<W: Size, V: Size>(
    x: &[Vector<f32, W>],
    grad: &[Vector<f32, V>],
    weight_parts: &mut [f32],
    bias_parts: &mut [f32],
    n_batches: usize,
    n_rows: usize,
    n_pieces: usize,
    #[comptime] form: Form,
) {
    let n_input = comptime!(form.n_input);
    let n_output = comptime!(form.n_output);
    let input_planes = comptime!(form.input_planes());
    let row_planes = comptime!(form.row_planes());
    let tile_inputs = comptime!(form.tile_inputs());
    let tile_columns = comptime!(form.tile_columns());
    let input_tiles = comptime!(form.input_tiles());
    let column_tiles = comptime!(form.column_tiles());
    let fragments = comptime!(form.tile_columns() / 8);
    let quarters = comptime!(form.tile_columns() / 32);
    let n_sums = comptime!(form.tile_columns());

    let part = CUBE_POS / (input_tiles * column_tiles);
    let batch = part / n_pieces;
    if batch >= n_batches {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let plane = unit / PLANE;
    let lane = unit % PLANE;
    let group = lane / 4;
    let member = lane % 4;
    let input_plane = plane % input_planes;
    let row_plane = plane / input_planes;
    let input_0 = CUBE_POS / column_tiles % input_tiles * tile_inputs;
    let input = input_0 + input_plane * PLANE_INPUTS + 4 * group;
    let column_0 = CUBE_POS % column_tiles * tile_columns;
    let piece_0 = part % n_pieces * PIECE;
    let mut piece_end = piece_0 + PIECE;
    if piece_end > n_rows {
        piece_end = n_rows;
    }

    let mut sums = Array::<f32>::new(n_sums);
    let mut bias_sums = Array::<f32>::new(fragments);
    #[unroll]
    for k in 0..n_sums {
        sums[k] = 0.0f32;
    }
    #[unroll]
    for k in 0..fragments {
        bias_sums[k] = 0.0f32;
    }
    let mut inputs = Array::<f32>::new(8usize);
    let mut columns = Array::<f32>::new(comptime!(8 * (form.tile_columns() / 32)));
    // Of the left factor: for each of a plane's four rows of a unit, two values along the summed rows.
    let mut left = Array::<u32>::new(8usize);
    let mut left_rest = Array::<u32>::new(8usize);
    let mut right = Array::<u32>::new(2usize);
    let mut right_rest = Array::<u32>::new(2usize);

    let mut step_0 = piece_0 + row_plane * STEP;
    while step_0 < piece_end {
        #[unroll]
        for half in 0..2usize {
            let row = step_0 + member + 4 * half;
            if row < piece_end {
                let x_row = (batch * n_rows + row) * n_input;
                load_four(x, x_row, input, &mut inputs, 4 * half, n_input, form.input_width, true);
                let grad_row = (batch * n_rows + row) * n_output;
                #[unroll]
                for quarter in 0..quarters {
                    load_four(
                        grad,
                        grad_row,
                        column_0 + 32 * quarter + 4 * group,
                        &mut columns,
                        8 * quarter + 4 * half,
                        n_output,
                        form.output_width,
                        true,
                    );
                }
            } else {
                #[unroll]
                for j in 0..4usize {
                    inputs[4 * half + j] = 0.0f32;
                    #[unroll]
                    for quarter in 0..quarters {
                        columns[8 * quarter + 4 * half + j] = 0.0f32;
                    }
                }
            }
        }
        #[unroll]
        for j in 0..4usize {
            #[unroll]
            for half in 0..2usize {
                let value = inputs[4 * half + j];
                left[2 * j + half] = leading_part(value);
                if comptime!(form.passes == 3) {
                    left_rest[2 * j + half] = remaining_part(value, left[2 * j + half]);
                }
            }
        }
        #[unroll]
        for fragment in 0..fragments {
            #[unroll]
            for half in 0..2usize {
                let value = columns[fragment / 4 * 8 + 4 * half + fragment % 4];
                right[half] = leading_part(value);
                if comptime!(form.passes == 3) {
                    right_rest[half] = remaining_part(value, right[half]);
                }
                if comptime!(form.with_bias) {
                    bias_sums[fragment] += value;
                }
            }
            #[unroll]
            for tile in 0..2usize {
                accumulate(
                    &left,
                    &left_rest,
                    &right,
                    &right_rest,
                    &mut sums,
                    4 * tile,
                    2usize,
                    (tile * fragments + fragment) * 4,
                    1usize,
                    form.passes,
                );
            }
        }
        step_0 += row_planes * STEP;
    }

    // The planes that share the rows add their sums one after the other; the last one writes.
    let mut shared_sums = Shared::<[f32]>::new_slice(comptime!(form.input_planes() * form.tile_columns() * PLANE));
    let shared_0 = input_plane * (n_sums * PLANE) + lane;
    #[unroll]
    for turn in 0..row_planes {
        if row_plane == turn {
            #[unroll]
            for k in 0..n_sums {
                if comptime!(turn > 0) {
                    sums[k] += shared_sums[shared_0 + k * PLANE];
                }
                if comptime!(turn + 1 < row_planes) {
                    shared_sums[shared_0 + k * PLANE] = sums[k];
                }
            }
        }
        sync_cube();
    }
    if row_plane == comptime!(form.row_planes() - 1) {
        #[unroll]
        for k in 0..n_sums {
            let fragment = comptime!(k / 4 % (form.tile_columns() / 8));
            let tile = comptime!(k / 4 / (form.tile_columns() / 8));
            let row = input + comptime!(2 * tile + k % 4 / 2);
            let column = column_0 + comptime!(fragment / 4 * 32 + fragment % 4) + 4 * (2 * member + comptime!(k % 2));
            if row < n_input && column < n_output {
                weight_parts[(part * n_input + row) * n_output + column] = sums[k];
            }
        }
    }
    if comptime!(form.with_bias) {
        let mut shares = Shared::<[f32]>::new_slice(comptime!(form.row_planes() * 4 * form.tile_columns()));
        if input_plane == 0 {
            #[unroll]
            for fragment in 0..fragments {
                let column = comptime!(fragment / 4 * 32 + fragment % 4) + 4 * group;
                shares[(row_plane * 4 + member) * tile_columns + column] = bias_sums[fragment];
            }
        }
        sync_cube();
        if input_0 == 0 && unit < tile_columns && column_0 + unit < n_output {
            let mut total = 0.0f32;
            for share in 0..4 * row_planes {
                total += shares[share * tile_columns + unit];
            }
            bias_parts[part * n_output + column_0 + unit] = total;
        }
    }
}

/// The gradient by the weight `[B, K, N]`, and, with `with_bias`, the pieces `[B, pieces, N]` of that by the bias.
pub(super) fn gradients(grad: CubeTensor, x: CubeTensor, with_bias: bool, passes: usize) -> (CubeTensor, CubeTensor) {
    let (n_batches, n_rows, n_input, n_output) = (x.shape()[0], x.shape()[1], x.shape()[2], grad.shape()[2]);
    assert_eq!(grad.shape(), Shape::new([n_batches, n_rows, n_output]), "the gradient fits the input");
    let form = Form {
        n_input,
        n_output,
        with_bias,
        passes,
        input_width: vector_width(n_input),
        output_width: vector_width(n_output),
    };
    let n_pieces = n_rows.div_ceil(PIECE);
    let weight_parts = output(&x, [n_batches, n_pieces, n_input, n_output]);
    let bias_parts = output(&x, if with_bias { [n_batches, n_pieces, n_output] } else { [1, 1, 1] });
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    // Tensors begin at multiples of the device's alignment, views of them too, and rows that are read as vectors are
    // whole vectors long.
    unsafe {
        parts_kernel::launch_unchecked(
            &weight_parts.client,
            cubes(&x, n_batches * n_pieces * form.input_tiles() * form.column_tiles()),
            cube_of(UNITS),
            form.input_width,
            form.output_width,
            x.into_buffer_arg(),
            grad.into_buffer_arg(),
            weight_parts.clone().into_buffer_arg(),
            bias_parts.clone().into_buffer_arg(),
            n_batches,
            n_rows,
            n_pieces,
            form,
        );
    }
    (sum_parts(weight_parts, Shape::new([n_batches, n_input, n_output])), bias_parts)
}
