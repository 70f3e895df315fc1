//! All gradients of `swish(x·W + b)` on tensor cores, in one pass over memory.
//!
//! A cube takes a piece of the rows, 32 or 64 at a time. It multiplies the gradient by the activation's slope on its
//! way into shared memory, where W stays; from there all planes together compute the rows of the gradient by x, and
//! each plane adds what the rows bring to its part of the gradient by W, which stands in registers until the piece is
//! through. Meanwhile the next rows come from global memory into registers. Pieces have a fixed length, and everything
//! is summed in a fixed order, so that rows of zeros at the end change nothing.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::tiles::{PLANE, accumulate, leading_part, remaining_part, sigmoid};
use crate::cube::{cube_of, cubes, output, sum_parts};

/// Planes of a cube.
const PLANES: usize = 16;
const UNITS: usize = PLANES * PLANE;
/// Rows of a piece.
const PIECE: usize = 512;
/// Inputs, and outputs, of a plane's part of the gradient by the weight.
const PART: usize = 32;
/// Columns of a plane's part of the gradient by x.
const PART_COLUMNS: usize = 16;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    n_input: usize,
    n_output: usize,
    with_bias: bool,
    passes: usize,
}

impl Form {
    /// Rows that are in shared memory at once: tiles of 16 for all planes that the inputs do not need.
    fn rows(self) -> usize {
        16 * PLANES / (self.n_input / PART_COLUMNS)
    }

    fn column_parts(self) -> usize {
        self.n_output / PART
    }

    fn parts(self) -> usize {
        self.n_input / PART * self.column_parts()
    }

    /// Planes that share the rows of a part.
    fn row_planes(self) -> usize {
        PLANES / self.parts()
    }

    fn shared_bytes(self) -> usize {
        (self.n_input * self.n_output + self.rows() * (self.n_input + self.n_output)) * size_of::<f32>()
    }
}

/// Where a vector of four columns stands in its row of shared memory. Of eight units that read at once, in one row or
/// in four neighbouring ones, no two then meet in a bank.
#[cube]
fn place(row: usize, vector: usize) -> usize {
    vector ^ (row % 2 * 4 + row / 2 % 2 * 2)
}

/// A factor as the tensor cores take it: with one pass, what is in shared memory is rounded already.
#[cube]
fn factor(value: f32, #[comptime] passes: usize) -> u32 {
    let mut bits = u32::reinterpret(value);
    if comptime!(passes == 3) {
        bits = leading_part(value);
    }
    bits
}

/// A value on its way into shared memory.
#[cube]
fn rounded(value: f32, #[comptime] passes: usize) -> f32 {
    let mut kept = value;
    if comptime!(passes == 1) {
        kept = f32::reinterpret(leading_part(value));
    }
    kept
}

/// A unit's share of the rows of a tile; rows beyond the last repeat it.
#[cube]
fn load<W: Size>(
    from: &[Vector<f32, W>],
    tile_0: usize,
    end: usize,
    unit: usize,
    into: &mut Array<f32>,
    #[comptime] vectors: usize,
    #[comptime] loads: usize,
) {
    #[unroll]
    for k in 0..loads {
        let entry = unit + k * UNITS;
        let mut row = tile_0 + entry / vectors;
        if row >= end {
            row = end - 1;
        }
        let values = from[row * vectors + entry % vectors];
        #[unroll]
        for j in 0..4usize {
            into[4 * k + j] = values.extract(j);
        }
    }
}

/// The gradient by x of a piece's rows, and what the piece brings to `Σ_m x[m, k]·g[m, n]` and `Σ_m g[m, n]`, where g
/// is the gradient times the activation's slope at `inner`.
#[cube(launch_unchecked)]
fn gradients_kernel<W: Size>(
    grad: &[Vector<f32, W>],
    inner: &[Vector<f32, W>],
    x: &[Vector<f32, W>],
    weight: &[Vector<f32, W>],
    grad_x: &mut [Vector<f32, W>],
    weight_parts: &mut [Vector<f32, W>],
    bias_parts: &mut [Vector<f32, W>],
    n_rows: usize,
    n_pieces: usize,
    #[comptime] form: Form,
) {
    let passes = comptime!(form.passes);
    let inputs = comptime!(form.n_input / 4);
    let outputs = comptime!(form.n_output / 4);
    let piece = CUBE_POS;
    if piece >= n_pieces {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let plane = unit / PLANE;
    let lane = unit % PLANE;
    let group = lane / 4;
    let member = lane % 4;
    let piece_0 = piece * PIECE;
    let mut piece_end = piece_0 + PIECE;
    if piece_end > n_rows {
        piece_end = n_rows;
    }

    let mut weights = Shared::<[Vector<f32, W>]>::new_slice(comptime!(form.n_input * form.n_output / 4));
    let mut slopes = Shared::<[Vector<f32, W>]>::new_slice(comptime!(form.rows() * form.n_output / 4));
    let mut rows = Shared::<[Vector<f32, W>]>::new_slice(comptime!(form.rows() * form.n_input / 4));
    #[unroll]
    for k in 0..comptime!(form.n_input * form.n_output / 4 / UNITS) {
        let entry = unit + k * UNITS;
        let row = entry / outputs;
        let values = weight[entry];
        let mut kept = Vector::<f32, W>::empty();
        #[unroll]
        for j in 0..4usize {
            kept.insert(j, rounded(values.extract(j), passes));
        }
        weights[row * outputs + place(row, entry % outputs)] = kept;
    }

    let fragments = comptime!(PART / 8);
    let part = plane % comptime!(form.parts());
    let row_plane = plane / comptime!(form.parts());
    let input_0 = part / comptime!(form.column_parts()) * comptime!(PART / 4);
    let output_0 = part % comptime!(form.column_parts()) * comptime!(PART / 4);
    let mut sums = Array::<f32>::new(PART);
    #[unroll]
    for k in 0..PART {
        sums[k] = 0.0f32;
    }
    let mut bias_sums = Array::<f32>::new(4usize);
    #[unroll]
    for j in 0..4usize {
        bias_sums[j] = 0.0f32;
    }
    let row_tile_0 = plane % comptime!(form.rows() / 16) * 16;
    let column_0 = plane / comptime!(form.rows() / 16) * PART_COLUMNS;
    let mut input_sums = Array::<f32>::new(8usize);

    let output_loads = comptime!(form.rows() * form.n_output / 4 / UNITS);
    let input_loads = comptime!(form.rows() * form.n_input / 4 / UNITS);
    let mut loaded_grad = Array::<f32>::new(comptime!(form.rows() * form.n_output / UNITS));
    let mut loaded_inner = Array::<f32>::new(comptime!(form.rows() * form.n_output / UNITS));
    let mut loaded_x = Array::<f32>::new(comptime!(form.rows() * form.n_input / UNITS));
    let mut left = Array::<u32>::new(8usize);
    let mut left_rest = Array::<u32>::new(8usize);
    let mut right = Array::<u32>::new(4usize);
    let mut right_rest = Array::<u32>::new(4usize);
    let mut columns = Array::<f32>::new(comptime!(PART / 4));

    load(grad, piece_0, piece_end, unit, &mut loaded_grad, outputs, output_loads);
    load(inner, piece_0, piece_end, unit, &mut loaded_inner, outputs, output_loads);
    load(x, piece_0, piece_end, unit, &mut loaded_x, inputs, input_loads);
    let mut tile_0 = piece_0;
    while tile_0 < piece_end {
        // What was there has been read.
        sync_cube();
        #[unroll]
        for k in 0..output_loads {
            let entry = unit + k * UNITS;
            let row = entry / outputs;
            let mut kept = Vector::<f32, W>::empty();
            #[unroll]
            for j in 0..4usize {
                let value = loaded_inner[4 * k + j];
                let sigma = sigmoid(value);
                let mut slope = loaded_grad[4 * k + j] * sigma * (1.0f32 + value * (1.0f32 - sigma));
                if tile_0 + row >= piece_end {
                    slope = 0.0f32;
                }
                bias_sums[j] += slope;
                kept.insert(j, rounded(slope, passes));
            }
            slopes[row * outputs + place(row, entry % outputs)] = kept;
        }
        #[unroll]
        for k in 0..input_loads {
            let entry = unit + k * UNITS;
            let row = entry / inputs;
            let mut kept = Vector::<f32, W>::empty();
            #[unroll]
            for j in 0..4usize {
                kept.insert(j, rounded(loaded_x[4 * k + j], passes));
            }
            rows[row * inputs + place(row, entry % inputs)] = kept;
        }
        sync_cube();
        let next = tile_0 + comptime!(form.rows());
        if next < piece_end {
            load(grad, next, piece_end, unit, &mut loaded_grad, outputs, output_loads);
            load(inner, next, piece_end, unit, &mut loaded_inner, outputs, output_loads);
            load(x, next, piece_end, unit, &mut loaded_x, inputs, input_loads);
        }

        // g·Wᵀ: the summed columns of a step are four neighbours of each member.
        #[unroll]
        for k in 0..8usize {
            input_sums[k] = 0.0f32;
        }
        for step in 0..comptime!(form.n_output / 16) {
            let vector = step * 4 + member;
            #[unroll]
            for i in 0..2usize {
                let row = row_tile_0 + group + 8 * i;
                let values = slopes[row * outputs + place(row, vector)];
                #[unroll]
                for j in 0..4usize {
                    left[4 * i + j] = factor(values.extract(j), passes);
                    if comptime!(passes == 3) {
                        left_rest[4 * i + j] = remaining_part(values.extract(j), left[4 * i + j]);
                    }
                }
            }
            #[unroll]
            for fragment in 0..2usize {
                // Such that a unit's sums of two fragments are four neighbours.
                let row = column_0 + group / 2 * 4 + fragment * 2 + group % 2;
                let values = weights[row * outputs + place(row, vector)];
                #[unroll]
                for j in 0..4usize {
                    right[j] = factor(values.extract(j), passes);
                    if comptime!(passes == 3) {
                        right_rest[j] = remaining_part(values.extract(j), right[j]);
                    }
                }
                accumulate(
                    &left,
                    &left_rest,
                    &right,
                    &right_rest,
                    &mut input_sums,
                    0usize,
                    4usize,
                    4 * fragment,
                    2usize,
                    passes,
                );
            }
        }
        #[unroll]
        for i in 0..2usize {
            let row = tile_0 + row_tile_0 + group + 8 * i;
            if row < piece_end {
                let mut four = Vector::<f32, W>::empty();
                four.insert(0usize, input_sums[2 * i]);
                four.insert(1usize, input_sums[2 * i + 1]);
                four.insert(2usize, input_sums[4 + 2 * i]);
                four.insert(3usize, input_sums[4 + 2 * i + 1]);
                grad_x[row * inputs + column_0 / 4 + member] = four;
            }
        }

        // xᵀ·g: eight rows a step, two of each member.
        let mut step = row_plane;
        while step < comptime!(form.rows() / 8) {
            #[unroll]
            for side in 0..2usize {
                let row = 8 * step + member + 4 * side;
                let values = rows[row * inputs + place(row, input_0 + group)];
                #[unroll]
                for j in 0..4usize {
                    left[2 * j + side] = factor(values.extract(j), passes);
                    if comptime!(passes == 3) {
                        left_rest[2 * j + side] = remaining_part(values.extract(j), left[2 * j + side]);
                    }
                }
                let values = slopes[row * outputs + place(row, output_0 + group)];
                #[unroll]
                for j in 0..4usize {
                    columns[j * 2 + side] = values.extract(j);
                }
            }
            #[unroll]
            for fragment in 0..fragments {
                #[unroll]
                for side in 0..2usize {
                    let value = columns[2 * fragment + side];
                    right[side] = factor(value, passes);
                    if comptime!(passes == 3) {
                        right_rest[side] = remaining_part(value, right[side]);
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
                        passes,
                    );
                }
            }
            step += comptime!(form.row_planes());
        }
        tile_0 = next;
    }

    // The planes that share the rows add their sums one after the other, where the weight was.
    let sum_0 = part * comptime!(PART / 4 * PLANE) + lane;
    #[unroll]
    for turn in 0..comptime!(form.row_planes()) {
        sync_cube();
        if row_plane == turn {
            #[unroll]
            for k in 0..comptime!(PART / 4) {
                if comptime!(turn > 0) {
                    let before = weights[sum_0 + k * PLANE];
                    #[unroll]
                    for j in 0..4usize {
                        sums[4 * k + j] += before.extract(j);
                    }
                }
                if comptime!(turn + 1 < form.row_planes()) {
                    let mut four = Vector::<f32, W>::empty();
                    #[unroll]
                    for j in 0..4usize {
                        four.insert(j, sums[4 * k + j]);
                    }
                    weights[sum_0 + k * PLANE] = four;
                }
            }
        }
    }
    if row_plane == comptime!(form.row_planes() - 1) {
        #[unroll]
        for k in 0..8usize {
            let tile = comptime!(k / 4);
            let below = comptime!(k / 2 % 2);
            let side = comptime!(k % 2);
            let row = input_0 * 4 + 4 * group + comptime!(2 * tile + below);
            let mut four = Vector::<f32, W>::empty();
            #[unroll]
            for j in 0..4usize {
                four.insert(j, sums[(tile * fragments + j) * 4 + 2 * below + side]);
            }
            weight_parts[(piece * comptime!(form.n_input) + row) * outputs + output_0 + 2 * member + side] = four;
        }
    }
    if comptime!(form.with_bias) {
        let mut four = Vector::<f32, W>::empty();
        #[unroll]
        for j in 0..4usize {
            four.insert(j, bias_sums[j]);
        }
        slopes[unit] = four;
        sync_cube();
        if unit < outputs {
            let mut total = slopes[unit];
            for share in 1..comptime!(UNITS / (form.n_output / 4)) {
                total += slopes[share * outputs + unit];
            }
            bias_parts[piece * outputs + unit] = total;
        }
    }
}

/// Whether the kernel takes a layer of this many inputs and outputs on a device with this many bytes of shared memory
/// for a cube.
pub(super) fn fits(n_input: usize, n_output: usize, shared_memory: usize) -> bool {
    let suits = |n: usize| n == 64 || n == 128;
    let form = Form { n_input, n_output, with_bias: true, passes: 1 };
    suits(n_input) && suits(n_output) && form.shared_bytes() <= shared_memory
}

/// Gradients by x `[1, M, K]`, by the weight `[1, K, N]` and by the bias `[N]`; the last is padding without
/// `with_bias`.
pub(super) fn gradients(
    grad: CubeTensor,
    inner: CubeTensor,
    x: CubeTensor,
    weight: CubeTensor,
    with_bias: bool,
    passes: usize,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (n_rows, n_input, n_output) = (x.shape()[1], x.shape()[2], grad.shape()[2]);
    assert_eq!(grad.shape(), Shape::new([1, n_rows, n_output]), "the gradient fits the input");
    assert_eq!(inner.shape(), grad.shape(), "the gradient fits the activation");
    assert_eq!(weight.shape(), Shape::new([1, n_input, n_output]), "the weight fits the input");
    let shared_memory = x.client.properties().hardware.max_shared_memory_size;
    assert!(n_rows > 0 && fits(n_input, n_output, shared_memory), "the kernel takes these sizes");
    let form = Form { n_input, n_output, with_bias, passes };
    let n_pieces = n_rows.div_ceil(PIECE);
    let grad_x = output(&x, x.shape());
    let weight_parts = output(&x, [1, n_pieces, n_input, n_output]);
    let bias_parts = output(&x, [1, if with_bias { n_pieces } else { 1 }, n_output]);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    // Tensors begin at multiples of the device's alignment, views of them too, and rows are whole vectors long.
    unsafe {
        gradients_kernel::launch_unchecked(
            &grad_x.client,
            cubes(&x, n_pieces),
            cube_of(UNITS),
            4,
            grad.into_buffer_arg(),
            inner.into_buffer_arg(),
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
            grad_x.clone().into_buffer_arg(),
            weight_parts.clone().into_buffer_arg(),
            bias_parts.clone().into_buffer_arg(),
            n_rows,
            n_pieces,
            form,
        );
    }
    let grad_weight = sum_parts(weight_parts, Shape::new([1, n_input, n_output]));
    let grad_bias = if with_bias { sum_parts(bias_parts, Shape::new([n_output])) } else { bias_parts };
    (grad_x, grad_weight, grad_bias)
}
