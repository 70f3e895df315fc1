//! CPU loops.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::EPSILON;
use crate::flex::{MIN_ROWS, floats, layer_norm, tensor};

/// Rows whose share of the gradients by γ and β is summed before the shares are: fixed, so that the bits do not depend
/// on the number of threads.
const PIECE: usize = 1024;

/// Mean and `1/√(variance + ε)`.
fn statistics(row: &[f32]) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = row.iter().sum::<f32>() / n;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

/// The layer norm.
pub(crate) fn forward(x: &FlexTensor, gamma: &FlexTensor, beta: &FlexTensor) -> FlexTensor {
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    let (x, gamma, beta) = (floats(x), floats(gamma), floats(beta));
    let mut output = x.to_vec();
    output.par_chunks_mut(MIN_ROWS / 4 * columns.max(1)).for_each(|rows| layer_norm(rows, gamma, beta, EPSILON));
    tensor(output, [rows, columns])
}

/// Gradients by x, γ and β.
pub(crate) fn backward(grad: &FlexTensor, x: &FlexTensor, gamma: &FlexTensor) -> (FlexTensor, FlexTensor, FlexTensor) {
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    let (grad, x, gamma) = (floats(grad), floats(x), floats(gamma));
    let mut grad_x = vec![0.0; rows * columns];
    let piece = PIECE * columns;
    let shares: Vec<Vec<f32>> = grad_x
        .par_chunks_mut(piece)
        .zip(grad.par_chunks(piece))
        .zip(x.par_chunks(piece))
        .map(|((grad_x, grad), x)| {
            let mut share = vec![0.0; 2 * columns];
            let (share_gamma, share_beta) = share.split_at_mut(columns);
            let rows = grad_x.chunks_exact_mut(columns).zip(grad.chunks_exact(columns)).zip(x.chunks_exact(columns));
            for ((grad_x, grad), x) in rows {
                let (mean, scale) = statistics(x);
                let (mut total, mut along) = (0.0, 0.0);
                for c in 0..columns {
                    let normal = (x[c] - mean) * scale;
                    share_gamma[c] += grad[c] * normal;
                    share_beta[c] += grad[c];
                    let inner = grad[c] * gamma[c];
                    total += inner;
                    along += inner * normal;
                }
                let (total, along) = (total / columns as f32, along / columns as f32);
                for c in 0..columns {
                    let normal = (x[c] - mean) * scale;
                    grad_x[c] = scale * (grad[c] * gamma[c] - total - normal * along);
                }
            }
            share
        })
        .collect();
    let mut sums = vec![0.0; 2 * columns];
    for share in shares {
        for (sum, share) in sums.iter_mut().zip(share) {
            *sum += share;
        }
    }
    let grad_beta = sums.split_off(columns);
    (tensor(grad_x, [rows, columns]), tensor(sums, [columns]), tensor(grad_beta, [columns]))
}
