//! Kernels: 32 units share a row; the sums over all rows are taken in pieces of rows, and the pieces summed in order.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::EPSILON;
use crate::cube::{cube_of, cubes, output, sum_parts};

/// Units that share a row.
const LANES: usize = 32;
/// Rows of a cube.
const ROWS: usize = 8;
/// Most pieces of rows.
const MAX_PIECES: usize = 2048;
/// Fewest rows of a piece.
const MIN_PIECE: usize = 32;
/// Most units that sum the columns of a piece.
const MAX_COLUMN_UNITS: usize = 256;

/// The sum over the units of a row, the same in each of them.
#[cube]
fn row_sum(shares: &mut Shared<[f32]>, value: f32) -> f32 {
    let unit = UNIT_POS as usize;
    shares[unit] = value;
    sync_cube();
    let first = unit / LANES * LANES;
    let mut total = 0.0f32;
    #[unroll]
    for lane in 0..LANES {
        total += shares[first + lane];
    }
    sync_cube();
    total
}

#[cube(launch_unchecked)]
fn forward_kernel(x: &[f32], gamma: &[f32], beta: &[f32], out: &mut [f32], n_rows: usize, #[comptime] columns: usize) {
    let row = CUBE_POS * ROWS + UNIT_POS as usize / LANES;
    let lane = UNIT_POS as usize % LANES;
    let per_lane = comptime!(columns.div_ceil(LANES));
    let mut shares = Shared::<[f32]>::new_slice(comptime!(LANES * ROWS));
    let mut values = Array::<f32>::new(per_lane);
    let mut sum = 0.0f32;
    #[unroll]
    for k in 0..per_lane {
        let column = lane + k * LANES;
        values[k] = 0.0;
        if row < n_rows && column < columns {
            values[k] = x[row * columns + column];
        }
        sum += values[k];
    }
    let mean = row_sum(&mut shares, sum) / columns as f32;
    let mut square = 0.0f32;
    #[unroll]
    for k in 0..per_lane {
        if lane + k * LANES < columns {
            square += (values[k] - mean) * (values[k] - mean);
        }
    }
    let variance = row_sum(&mut shares, square) / columns as f32;
    let scale = 1.0 / (variance + EPSILON).sqrt();
    #[unroll]
    for k in 0..per_lane {
        let column = lane + k * LANES;
        if row < n_rows && column < columns {
            out[row * columns + column] = gamma[column] * ((values[k] - mean) * scale) + beta[column];
        }
    }
}

/// The gradient by x, and mean and scale of every row.
#[cube(launch_unchecked)]
fn input_gradient_kernel(
    grad: &[f32],
    x: &[f32],
    gamma: &[f32],
    grad_x: &mut [f32],
    statistics: &mut [f32],
    n_rows: usize,
    #[comptime] columns: usize,
) {
    let row = CUBE_POS * ROWS + UNIT_POS as usize / LANES;
    let lane = UNIT_POS as usize % LANES;
    let per_lane = comptime!(columns.div_ceil(LANES));
    let mut shares = Shared::<[f32]>::new_slice(comptime!(LANES * ROWS));
    let mut values = Array::<f32>::new(per_lane);
    let mut inner = Array::<f32>::new(per_lane);
    let mut sum = 0.0f32;
    let mut inner_sum = 0.0f32;
    #[unroll]
    for k in 0..per_lane {
        let column = lane + k * LANES;
        values[k] = 0.0;
        inner[k] = 0.0;
        if row < n_rows && column < columns {
            values[k] = x[row * columns + column];
            inner[k] = grad[row * columns + column] * gamma[column];
        }
        sum += values[k];
        inner_sum += inner[k];
    }
    let mean = row_sum(&mut shares, sum) / columns as f32;
    let total = row_sum(&mut shares, inner_sum) / columns as f32;
    let mut square = 0.0f32;
    let mut product = 0.0f32;
    #[unroll]
    for k in 0..per_lane {
        if lane + k * LANES < columns {
            square += (values[k] - mean) * (values[k] - mean);
            product += inner[k] * (values[k] - mean);
        }
    }
    let variance = row_sum(&mut shares, square) / columns as f32;
    let scale = 1.0 / (variance + EPSILON).sqrt();
    let along = row_sum(&mut shares, product) * scale / columns as f32;
    #[unroll]
    for k in 0..per_lane {
        let column = lane + k * LANES;
        if row < n_rows && column < columns {
            grad_x[row * columns + column] = scale * (inner[k] - total - (values[k] - mean) * scale * along);
        }
    }
    if row < n_rows && lane == 0 {
        statistics[row * 2] = mean;
        statistics[row * 2 + 1] = scale;
    }
}

/// What one piece of the rows brings to the gradients by γ and β.
#[cube(launch_unchecked)]
fn parameter_gradients_kernel(
    grad: &[f32],
    x: &[f32],
    statistics: &[f32],
    gamma_parts: &mut [f32],
    beta_parts: &mut [f32],
    n_rows: usize,
    n_pieces: usize,
    piece_rows: usize,
    #[comptime] columns: usize,
    #[comptime] units: usize,
) {
    let piece = CUBE_POS;
    if piece < n_pieces {
        let first = piece * piece_rows;
        let mut end = first + piece_rows;
        if end > n_rows {
            end = n_rows;
        }
        let mut column = UNIT_POS as usize;
        while column < columns {
            let mut gamma_sum = 0.0f32;
            let mut beta_sum = 0.0f32;
            for row in first..end {
                let slope = grad[row * columns + column];
                gamma_sum += slope * (x[row * columns + column] - statistics[row * 2]) * statistics[row * 2 + 1];
                beta_sum += slope;
            }
            gamma_parts[piece * columns + column] = gamma_sum;
            beta_parts[piece * columns + column] = beta_sum;
            column += units;
        }
    }
}

/// The layer norm.
pub(crate) fn forward(x: CubeTensor, gamma: CubeTensor, beta: CubeTensor) -> CubeTensor {
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    assert!(gamma.shape()[0] == columns && beta.shape()[0] == columns, "γ and β fit the rows");
    let out = output(&x, [rows, columns]);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        forward_kernel::launch_unchecked(
            &out.client,
            cubes(&out, rows.div_ceil(ROWS)),
            cube_of(LANES * ROWS),
            x.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            rows,
            columns,
        );
    }
    out
}

/// Gradients by x, γ and β.
pub(crate) fn backward(grad: CubeTensor, x: CubeTensor, gamma: CubeTensor) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    assert!(grad.shape() == x.shape() && gamma.shape()[0] == columns, "gradient and γ fit the rows");
    let grad_x = output(&x, [rows, columns]);
    let statistics = output(&x, [rows, 2]);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        input_gradient_kernel::launch_unchecked(
            &grad_x.client,
            cubes(&grad_x, rows.div_ceil(ROWS)),
            cube_of(LANES * ROWS),
            grad.clone().into_buffer_arg(),
            x.clone().into_buffer_arg(),
            gamma.into_buffer_arg(),
            grad_x.clone().into_buffer_arg(),
            statistics.clone().into_buffer_arg(),
            rows,
            columns,
        );
    }
    let piece_rows = rows.div_ceil(MAX_PIECES).max(MIN_PIECE);
    let n_pieces = rows.div_ceil(piece_rows);
    let [gamma_parts, beta_parts] = [(); 2].map(|()| output(&grad_x, [1, n_pieces, columns]));
    let units = columns.next_multiple_of(LANES).min(MAX_COLUMN_UNITS);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        parameter_gradients_kernel::launch_unchecked(
            &grad_x.client,
            cubes(&grad_x, n_pieces),
            cube_of(units),
            grad.into_buffer_arg(),
            x.into_buffer_arg(),
            statistics.into_buffer_arg(),
            gamma_parts.clone().into_buffer_arg(),
            beta_parts.clone().into_buffer_arg(),
            rows,
            n_pieces,
            piece_rows,
            columns,
            units,
        );
    }
    let [grad_gamma, grad_beta] = [gamma_parts, beta_parts].map(|parts| sum_parts(parts, Shape::new([columns])));
    (grad_x, grad_gamma, grad_beta)
}
