//! CPU loops, parallel over sites: a site's edges are contiguous and its L²·C sums stay in the first-level cache.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::addition_factor;
use crate::flex::{floats, indices, tensor};

/// Adds `factor·values` to `sums`.
#[inline(always)]
fn add_scaled(sums: &mut [f32], values: &[f32], factor: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// `target[s]` of `values` for consecutive lengths `width·(offsets[s+1] − offsets[s])`, as disjoint mutable pieces.
fn split_by_site<'a>(mut values: &'a mut [f32], offsets: &[i32], width: usize) -> Vec<&'a mut [f32]> {
    offsets
        .windows(2)
        .map(|range| {
            let (piece, rest) = std::mem::take(&mut values).split_at_mut((range[1] - range[0]) as usize * width);
            values = rest;
            piece
        })
        .collect()
}

/// Dimensions: edges, columns, degrees.
fn dimensions(filters: &FlexTensor) -> (usize, usize, usize) {
    let shape = filters.shape();
    (shape[1], shape[2], shape[0])
}

/// `Σ_lm sums[lm, c]·Y_lm(e)`, into `output`; the factors of the addition theorem are in `sums` already.
#[inline(always)]
fn read(output: &mut [f32], sums: &[f32], harmonics: &[f32]) {
    for (sum, &y) in sums.chunks_exact(output.len()).zip(harmonics) {
        add_scaled(output, sum, y);
    }
}

/// Multiplies the sums of degree l by 4π/(2l+1).
fn apply_addition_factors(sums: &mut [f32], columns: usize, degrees: usize) {
    for l in 0..degrees {
        let factor = addition_factor(l);
        for sum in &mut sums[l * l * columns..(l + 1) * (l + 1) * columns] {
            *sum *= factor;
        }
    }
}

/// The angular message.
pub(crate) fn forward(
    x: &FlexTensor,
    filters: &FlexTensor,
    harmonics: &FlexTensor,
    offsets: &FlexTensor,
) -> FlexTensor {
    let (n_edges, columns, degrees) = dimensions(filters);
    let orders = degrees * degrees;
    let (x, filters, harmonics, offsets) = (floats(x), floats(filters), floats(harmonics), indices(offsets));
    let mut output = vec![0.0; n_edges * columns];
    split_by_site(&mut output, &offsets, columns).into_par_iter().zip(offsets.par_windows(2)).for_each(
        |(output, range)| {
            let edges = range[0] as usize..range[1] as usize;
            let mut sums = vec![0.0; orders * columns];
            let mut value = vec![0.0; columns];
            for k in edges.clone() {
                let x = &x[k * columns..(k + 1) * columns];
                let y = &harmonics[k * orders..(k + 1) * orders];
                for l in 0..degrees {
                    let filter = &filters[(l * n_edges + k) * columns..(l * n_edges + k + 1) * columns];
                    for ((value, x), filter) in value.iter_mut().zip(x).zip(filter) {
                        *value = x * filter;
                    }
                    let degree = l * l..(l + 1) * (l + 1);
                    let sums = sums[degree.start * columns..degree.end * columns].chunks_exact_mut(columns);
                    for (sum, &y) in sums.zip(&y[degree]) {
                        add_scaled(sum, &value, y);
                    }
                }
            }
            apply_addition_factors(&mut sums, columns, degrees);
            for (output, e) in output.chunks_exact_mut(columns).zip(edges) {
                read(output, &sums, &harmonics[e * orders..(e + 1) * orders]);
            }
        },
    );
    tensor(output, [n_edges, columns])
}

/// Gradients by x and by the filters: `dg = 4π/(2l+1)·Σ_m Y_lm(k)·B[lm]`, `B = Σ_e Y_lm(e)·grad_e`, `dx = Σ_l
/// dg_l·h_l`, `dh_l = dg_l·x`.
pub(crate) fn backward(
    grad: &FlexTensor,
    x: &FlexTensor,
    filters: &FlexTensor,
    harmonics: &FlexTensor,
    offsets: &FlexTensor,
) -> (FlexTensor, FlexTensor) {
    let (n_edges, columns, degrees) = dimensions(filters);
    let orders = degrees * degrees;
    let (grad, x, filters, harmonics) = (floats(grad), floats(x), floats(filters), floats(harmonics));
    let offsets = indices(offsets);
    let mut grad_x = vec![0.0; n_edges * columns];
    let mut grad_filters = vec![0.0; degrees * n_edges * columns];
    let mut by_site: Vec<Vec<&mut [f32]>> = offsets.windows(2).map(|_| Vec::with_capacity(degrees)).collect();
    for degree in grad_filters.chunks_mut((n_edges * columns).max(1)) {
        for (site, piece) in by_site.iter_mut().zip(split_by_site(degree, &offsets, columns)) {
            site.push(piece);
        }
    }
    split_by_site(&mut grad_x, &offsets, columns).into_par_iter().zip(by_site).zip(offsets.par_windows(2)).for_each(
        |((grad_x, mut grad_filters), range)| {
            let edges = range[0] as usize..range[1] as usize;
            let mut sums = vec![0.0; orders * columns];
            for e in edges.clone() {
                let grad = &grad[e * columns..(e + 1) * columns];
                let y = &harmonics[e * orders..(e + 1) * orders];
                for (sum, &y) in sums.chunks_exact_mut(columns).zip(y) {
                    add_scaled(sum, grad, y);
                }
            }
            apply_addition_factors(&mut sums, columns, degrees);
            let mut projected = vec![0.0; columns];
            for (local, (grad_x, k)) in grad_x.chunks_exact_mut(columns).zip(edges).enumerate() {
                let x = &x[k * columns..(k + 1) * columns];
                for (l, grad_filter) in grad_filters.iter_mut().enumerate() {
                    projected.fill(0.0);
                    let degree = l * l..(l + 1) * (l + 1);
                    read(
                        &mut projected,
                        &sums[degree.start * columns..degree.end * columns],
                        &harmonics[k * orders + degree.start..k * orders + degree.end],
                    );
                    let filter = &filters[(l * n_edges + k) * columns..(l * n_edges + k + 1) * columns];
                    let grad_filter = &mut grad_filter[local * columns..(local + 1) * columns];
                    for c in 0..columns {
                        grad_x[c] += projected[c] * filter[c];
                        grad_filter[c] = projected[c] * x[c];
                    }
                }
            }
        },
    );
    (tensor(grad_x, [n_edges, columns]), tensor(grad_filters, [degrees, n_edges, columns]))
}
