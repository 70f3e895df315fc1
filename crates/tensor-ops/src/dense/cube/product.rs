//! `x·W` on tensor cores, with bias, swish and a summand on the way out.
//!
//! A plane computes 16 or 32 rows of the output in up to [`MAX_COLUMNS`] columns. Its rows of x go from global memory
//! straight into fragments; the weight stands in shared memory, staged once per cube, and cubes go through several
//! tiles of rows. A row's value depends on nothing but the row.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::tiles::{PLANE, accumulate, activate, leading_part, load_four, remaining_part};
use crate::cube::{cube_of, cubes, output, vector_width};

/// Planes of a cube.
const PLANES: usize = 4;
const UNITS: usize = PLANES * PLANE;
/// Most columns of a cube's tile.
const MAX_COLUMNS: usize = 64;
/// Length of the pieces of the summed dimension: two tiles.
const CHUNK: usize = 16;
/// Most inputs for which the staged weight fits a cube's shared memory.
pub(super) const MAX_INPUTS: usize = 128;
/// Most cubes along the rows: a few for each processor of the largest devices.
const MAX_ROW_CUBES: usize = 512;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Form {
    n_input: usize,
    n_output: usize,
    transposed: bool,
    with_bias: bool,
    activated: bool,
    with_residual: bool,
    keep_inner: bool,
    row_tiles: usize,
    passes: usize,
    input_width: usize,
    output_width: usize,
}

impl Form {
    fn tile_columns(self) -> usize {
        self.n_output.next_multiple_of(16).min(MAX_COLUMNS)
    }

    fn column_tiles(self) -> usize {
        self.n_output.div_ceil(self.tile_columns())
    }

    fn cube_rows(self) -> usize {
        PLANES * 16 * self.row_tiles
    }
}

/// What a product does besides multiplying.
#[derive(Default)]
pub(super) struct Epilogue {
    pub bias: Option<CubeTensor>,
    pub activated: bool,
    pub residual: Option<CubeTensor>,
    /// Whether the values before the activation are wanted too.
    pub keep_inner: bool,
}

/// Where a column of the tile stands in shared memory: such that the sums of a unit in two neighbouring tiles of 8
/// columns are four neighbouring columns.
#[cube]
fn staged(column: usize) -> usize {
    let inside = column % 16;
    column / 16 * 16 + inside % 4 / 2 * 8 + inside / 4 * 2 + inside % 2
}

/// `out[b, m, n] = Σ_k x[b, m, k]·weight[b, k, n]`, and what `form` adds; with `form.transposed`, the weight is stored
/// as `[b, n, k]`.
#[cube(launch_unchecked)]
fn product_kernel<W: Size, V: Size>(
    x: &[Vector<f32, W>],
    weight: &[f32],
    bias: &[f32],
    residual: &[Vector<f32, V>],
    out: &mut [Vector<f32, V>],
    inner: &mut [Vector<f32, V>],
    n_batches: usize,
    n_rows: usize,
    row_cubes: usize,
    #[comptime] form: Form,
) {
    let n_input = comptime!(form.n_input);
    let n_output = comptime!(form.n_output);
    let tile_columns = comptime!(form.tile_columns());
    let column_tiles = comptime!(form.column_tiles());
    let chunks = comptime!(form.n_input.div_ceil(CHUNK));
    let depth = comptime!(form.n_input.next_multiple_of(CHUNK));
    // Two more than a multiple of 8: the four rows of a chunk that a plane reads at once lie in different banks.
    let stride = comptime!(form.tile_columns() + 2);
    let row_tiles = comptime!(form.row_tiles);
    let fragments = comptime!(form.tile_columns() / 8);
    let ragged = comptime!(!form.n_input.is_multiple_of(CHUNK));

    let batch = CUBE_POS / (column_tiles * row_cubes);
    if batch >= n_batches {
        terminate!();
    }
    let column_0 = CUBE_POS % column_tiles * tile_columns;
    let x_0 = batch * n_rows * n_input;
    let weight_0 = batch * (n_input * n_output);
    let out_0 = batch * n_rows * n_output;
    let unit = UNIT_POS as usize;
    let plane = unit / PLANE;
    let group = unit % PLANE / 4;
    let member = unit % 4;

    let mut staged_weight =
        Shared::<[f32]>::new_slice(comptime!(form.n_input.next_multiple_of(CHUNK) * (form.tile_columns() + 2)));
    let mut entry = unit;
    while entry < depth * tile_columns {
        let mut k = entry / tile_columns;
        let mut column = entry % tile_columns;
        if comptime!(form.transposed) {
            k = entry % depth;
            column = entry / depth;
        }
        let mut value = 0.0f32;
        if k < n_input && column_0 + column < n_output {
            if comptime!(form.transposed) {
                value = weight[weight_0 + (column_0 + column) * n_input + k];
            } else {
                value = weight[weight_0 + k * n_output + column_0 + column];
            }
        }
        staged_weight[k * stride + staged(column)] = value;
        entry += UNITS;
    }
    sync_cube();

    let cube_rows = comptime!(form.cube_rows());
    let n_row_tiles = n_rows.div_ceil(cube_rows);
    let mut row_tile = CUBE_POS / column_tiles % row_cubes;
    let mut sums = Array::<f32>::new(comptime!(form.row_tiles * form.tile_columns() / 2));
    let mut values = Array::<f32>::new(comptime!(8 * form.row_tiles));
    let mut left = Array::<u32>::new(comptime!(8 * form.row_tiles));
    let mut left_rest = Array::<u32>::new(comptime!(8 * form.row_tiles));
    let mut right = Array::<u32>::new(4usize);
    let mut right_rest = Array::<u32>::new(4usize);
    while row_tile < n_row_tiles {
        let row_0 = row_tile * cube_rows + plane * (16 * row_tiles) + group;
        #[unroll]
        for k in 0..row_tiles * fragments * 4 {
            sums[k] = 0.0f32;
        }
        for chunk in 0..chunks {
            let column = chunk * CHUNK + member * 4;
            #[unroll]
            for i in 0..2 * row_tiles {
                // Rows beyond the last are padding: they repeat it, and are not written.
                let mut row = row_0 + 8 * i;
                if row >= n_rows {
                    row = n_rows - 1;
                }
                load_four(x, x_0 + row * n_input, column, &mut values, 4 * i, n_input, form.input_width, ragged);
            }
            #[unroll]
            for k in 0..8 * row_tiles {
                left[k] = leading_part(values[k]);
                if comptime!(form.passes == 3) {
                    left_rest[k] = remaining_part(values[k], left[k]);
                }
            }
            #[unroll]
            for fragment in 0..fragments {
                #[unroll]
                for j in 0..4usize {
                    let value = staged_weight[(column + j) * stride + fragment * 8 + group];
                    right[j] = leading_part(value);
                    if comptime!(form.passes == 3) {
                        right_rest[j] = remaining_part(value, right[j]);
                    }
                }
                #[unroll]
                for tile in 0..row_tiles {
                    accumulate(
                        &left,
                        &left_rest,
                        &right,
                        &right_rest,
                        &mut sums,
                        8 * tile,
                        4usize,
                        (tile * fragments + fragment) * 4,
                        2usize,
                        form.passes,
                    );
                }
            }
        }

        #[unroll]
        for pair in 0..fragments / 2 {
            let column = column_0 + pair * 16 + member * 4;
            let mut biases = Array::<f32>::new(4usize);
            #[unroll]
            for j in 0..4usize {
                biases[j] = 0.0f32;
                if comptime!(form.with_bias) {
                    if column + j < n_output {
                        biases[j] = bias[column + j];
                    }
                }
            }
            #[unroll]
            for i in 0..2 * row_tiles {
                let row = row_0 + 8 * i;
                let first = (i / 2 * fragments + 2 * pair) * 4 + i % 2 * 2;
                let mut four = Array::<f32>::new(4usize);
                four[0] = sums[first] + biases[0];
                four[1] = sums[first + 1] + biases[1];
                four[2] = sums[first + 4] + biases[2];
                four[3] = sums[first + 5] + biases[3];
                if row < n_rows {
                    let start = out_0 + row * n_output;
                    if comptime!(form.keep_inner) {
                        store_four(inner, &four, start, column, n_output, form.output_width);
                    }
                    if comptime!(form.activated) {
                        #[unroll]
                        for j in 0..4usize {
                            four[j] = activate(four[j]);
                        }
                    }
                    if comptime!(form.with_residual) {
                        let mut summands = Array::<f32>::new(4usize);
                        load_four(residual, start, column, &mut summands, 0usize, n_output, form.output_width, true);
                        #[unroll]
                        for j in 0..4usize {
                            four[j] += summands[j];
                        }
                    }
                    store_four(out, &four, start, column, n_output, form.output_width);
                }
            }
        }
        row_tile += row_cubes;
    }
}

/// Writes four values of a row of `columns` from `column` on, those that lie inside the row.
#[cube]
fn store_four<V: Size>(
    to: &mut [Vector<f32, V>],
    values: &Array<f32>,
    start: usize,
    column: usize,
    #[comptime] columns: usize,
    #[comptime] width: usize,
) {
    if comptime!(width == 4) {
        if column < columns {
            let mut vector = Vector::<f32, V>::empty();
            #[unroll]
            for j in 0..4usize {
                vector.insert(j, values[j]);
            }
            to[(start + column) / 4] = vector;
        }
    } else {
        #[unroll]
        for j in 0..4usize {
            if column + j < columns {
                to[start + column + j] = Vector::<f32, V>::new(values[j]);
            }
        }
    }
}

/// `x·weight` with what the epilogue adds, and the values before the activation; the latter are padding where
/// they are not wanted.
pub(super) fn product(
    x: CubeTensor,
    weight: CubeTensor,
    n_output: usize,
    transposed: bool,
    epilogue: Epilogue,
    passes: usize,
) -> (CubeTensor, CubeTensor) {
    let shape = x.shape();
    let (n_batches, n_rows, n_input) = (shape[0], shape[1], shape[2]);
    let stored = if transposed { [n_batches, n_output, n_input] } else { [n_batches, n_input, n_output] };
    assert_eq!(weight.shape(), Shape::new(stored), "the weight fits the input");
    assert!(n_rows > 0 && (1..=MAX_INPUTS).contains(&n_input), "the kernel takes these sizes");
    let Epilogue { bias, activated, residual, keep_inner } = epilogue;
    let out_shape = Shape::new([n_batches, n_rows, n_output]);
    assert!(bias.as_ref().is_none_or(|bias| bias.shape() == Shape::new([n_output])), "the bias fits the weight");
    assert!(residual.as_ref().is_none_or(|residual| residual.shape() == out_shape), "the summand fits the output");
    let form = Form {
        n_input,
        n_output,
        transposed,
        with_bias: bias.is_some(),
        activated,
        with_residual: residual.is_some(),
        keep_inner,
        // Small tiles while large ones would leave processors without work.
        row_tiles: if n_rows < 32_768 { 1 } else { 2 },
        passes,
        input_width: vector_width(n_input),
        output_width: vector_width(n_output),
    };
    let out = output(&x, out_shape.clone());
    let inner = if keep_inner { output(&x, out_shape) } else { out.clone() };
    let row_cubes = n_rows.div_ceil(form.cube_rows()).min(MAX_ROW_CUBES);
    let bias = bias.unwrap_or_else(|| weight.clone());
    let residual = residual.unwrap_or_else(|| out.clone());
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    // Tensors begin at multiples of the device's alignment, views of them too, and rows that are read as vectors are
    // whole vectors long.
    unsafe {
        product_kernel::launch_unchecked(
            &out.client,
            cubes(&x, n_batches * form.column_tiles() * row_cubes),
            cube_of(UNITS),
            form.input_width,
            form.output_width,
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
            bias.into_buffer_arg(),
            residual.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            inner.clone().into_buffer_arg(),
            n_batches,
            n_rows,
            row_cubes,
            form,
        );
    }
    (out, inner)
}
