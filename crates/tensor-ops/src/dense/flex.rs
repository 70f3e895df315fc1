//! CPU loops, parallel over pieces of rows.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::flex::rows::{add_transposed_product, dense_with_inner};
use crate::flex::{Finish, Layer, PIECE, dense, floats, tensor};

/// Rows whose share of the gradients by the parameters is summed before the shares are: the pieces depend on the number
/// of rows alone, so that the bits do not depend on the number of threads.
fn gradient_piece(rows: usize) -> usize {
    const FEWEST: usize = 256;
    const MOST_PIECES: usize = 64;
    rows.div_ceil(MOST_PIECES).next_multiple_of(FEWEST).max(FEWEST)
}

/// Sizes of a product: B, M, K, N.
fn sizes(x: &FlexTensor, weight: &FlexTensor) -> [usize; 4] {
    let (x, weight) = (x.shape(), weight.shape());
    [x[0], x[1], x[2], weight[2]]
}

/// `x[b]·weight[b] + bias` for each b, `[B, M, N]`; not for sizes of 0.
fn products(
    (x, depth): (&[f32], usize),
    (weight, n_output): (&[f32], usize),
    bias: Option<&[f32]>,
    n_rows: usize,
    output: &mut [f32],
) {
    let matrices = output.par_chunks_mut(n_rows * n_output).zip(x.par_chunks(n_rows * depth));
    matrices.zip(weight.par_chunks(depth * n_output)).for_each(|((output, x), weight)| {
        let layer = Layer { weight, bias, n_output };
        let pieces = output.par_chunks_mut(PIECE * n_output).zip(x.par_chunks(PIECE * depth));
        pieces.for_each(|(output, x)| dense(x, layer, Finish::NONE, output));
    });
}

/// `x·weight + bias`; x `[B, M, K]`, weight `[B, K, N]` → `[B, M, N]`.
pub(crate) fn product(x: &FlexTensor, weight: &FlexTensor, bias: Option<&FlexTensor>) -> FlexTensor {
    let [batch, n_rows, depth, n_output] = sizes(x, weight);
    let bias = bias.map(floats);
    let mut output = vec![0.0; batch * n_rows * n_output];
    if depth == 0 {
        if let Some(bias) = bias {
            output.chunks_exact_mut(n_output.max(1)).for_each(|row| row.copy_from_slice(bias));
        }
    } else if !output.is_empty() {
        products((floats(x), depth), (floats(weight), n_output), bias, n_rows, &mut output);
    }
    tensor(output, [batch, n_rows, n_output])
}

/// `swish(x·weight + bias) + residual`; x `[1, M, K]`, weight `[1, K, N]` → `[1, M, N]`.
pub(crate) fn swish_product(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
    residual: Option<&FlexTensor>,
) -> FlexTensor {
    let [_, n_rows, depth, n_output] = sizes(x, weight);
    let layer = Layer { weight: floats(weight), bias: bias.map(floats), n_output };
    let residual = residual.map(floats);
    let mut output = vec![0.0; n_rows * n_output];
    let pieces = output.par_chunks_mut((PIECE * n_output).max(1)).zip(floats(x).par_chunks((PIECE * depth).max(1)));
    pieces.enumerate().for_each(|(piece, (output, x))| {
        let first = piece * PIECE * n_output;
        let residual = residual.map(|residual| &residual[first..first + output.len()]);
        dense(x, layer, Finish { residual, ..Finish::SWISH }, output);
    });
    tensor(output, [1, n_rows, n_output])
}

/// [`swish_product`], and what the activation is applied to.
pub(crate) fn swish_product_with_inner(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
    residual: Option<&FlexTensor>,
) -> (FlexTensor, FlexTensor) {
    let [_, n_rows, depth, n_output] = sizes(x, weight);
    let layer = Layer { weight: floats(weight), bias: bias.map(floats), n_output };
    let residual = residual.map(floats);
    let (mut output, mut inner) = (vec![0.0; n_rows * n_output], vec![0.0; n_rows * n_output]);
    let width = (PIECE * n_output).max(1);
    let pieces = output.par_chunks_mut(width).zip(inner.par_chunks_mut(width));
    pieces.zip(floats(x).par_chunks((PIECE * depth).max(1))).enumerate().for_each(|(piece, ((output, inner), x))| {
        let first = piece * PIECE * n_output;
        let residual = residual.map(|residual| &residual[first..first + output.len()]);
        dense_with_inner(x, layer, Finish { residual, ..Finish::SWISH }, output, Some(inner));
    });
    (tensor(output, [1, n_rows, n_output]), tensor(inner, [1, n_rows, n_output]))
}

/// `grad·weightᵀ`; grad `[B, M, N]`, weight `[B, K, N]` → `[B, M, K]`.
pub(crate) fn input_gradient(grad: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
    let [batch, n_rows, n_output] = std::array::from_fn(|k| grad.shape()[k]);
    let n_input = weight.shape()[1];
    let mut transposed = vec![0.0; batch * n_input * n_output];
    let size = (n_input * n_output).max(1);
    for (transposed, weight) in transposed.chunks_exact_mut(size).zip(floats(weight).chunks_exact(size)) {
        for (k, row) in weight.chunks_exact(n_output).enumerate() {
            for (n, &value) in row.iter().enumerate() {
                transposed[n * n_input + k] = value;
            }
        }
    }
    let mut output = vec![0.0; batch * n_rows * n_input];
    if !output.is_empty() && n_output > 0 {
        products((floats(grad), n_output), (&transposed, n_input), None, n_rows, &mut output);
    }
    tensor(output, [batch, n_rows, n_input])
}

/// `xᵀ·grad` of one matrix, `[K, N]`.
fn transposed_product(x: &[f32], n_input: usize, grad: &[f32], n_output: usize) -> Vec<f32> {
    let piece = gradient_piece(grad.len() / n_output.max(1));
    let pieces = x.par_chunks((piece * n_input).max(1)).zip(grad.par_chunks((piece * n_output).max(1)));
    let shares: Vec<Vec<f32>> = pieces
        .map(|(x, grad)| {
            let mut share = vec![0.0; n_input * n_output];
            add_transposed_product(x, n_input, 0, grad, n_output, &mut share);
            share
        })
        .collect();
    sum(shares, n_input * n_output)
}

/// The sum of all shares, in their order.
fn sum(shares: Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let mut shares = shares.into_iter();
    let mut total = shares.next().unwrap_or_else(|| vec![0.0; len]);
    for share in shares {
        total.iter_mut().zip(share).for_each(|(total, share)| *total += share);
    }
    total
}

/// `xᵀ·grad`; grad `[B, M, N]`, x `[B, M, K]` → `[B, K, N]`.
pub(crate) fn weight_gradient(grad: &FlexTensor, x: &FlexTensor) -> FlexTensor {
    let [batch, n_rows, n_output] = std::array::from_fn(|k| grad.shape()[k]);
    let n_input = x.shape()[2];
    let of_matrix = |b: usize| {
        let x = &floats(x)[b * n_rows * n_input..(b + 1) * n_rows * n_input];
        let grad = &floats(grad)[b * n_rows * n_output..(b + 1) * n_rows * n_output];
        transposed_product(x, n_input, grad, n_output)
    };
    let matrices: Vec<Vec<f32>> = (0..batch).into_par_iter().map(of_matrix).collect();
    tensor(matrices.concat(), [batch, n_input, n_output])
}

/// Gradients by the weight `[1, K, N]` and by the bias `[N]`; grad `[1, M, N]`, x `[1, M, K]`.
pub(crate) fn parameter_gradients(grad: &FlexTensor, x: &FlexTensor) -> (FlexTensor, FlexTensor) {
    let n_output = grad.shape()[2];
    let rows = floats(grad);
    let piece = gradient_piece(rows.len() / n_output.max(1));
    let share = |rows: &[f32]| {
        let mut share = vec![0.0; n_output];
        for row in rows.chunks_exact(n_output) {
            share.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        share
    };
    let shares: Vec<Vec<f32>> = rows.par_chunks((piece * n_output).max(1)).map(share).collect();
    (weight_gradient(grad, x), tensor(sum(shares, n_output), [n_output]))
}
