//! CPU loops, parallel over sites: a site's edges are contiguous and its L²·C sums stay in the first-level cache.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::AngularSums;
use crate::flex::rows::{add_product, multiply};
use crate::flex::{floats, indices, tensor};

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
            if edges.is_empty() {
                return;
            }
            let (mut sums, mut value) = (vec![0.0; orders * columns], vec![0.0; output.len()]);
            let at = &harmonics[edges.start * orders..edges.end * orders];
            let mut sums = AngularSums::new(at, degrees, columns, &mut sums);
            for l in 0..degrees {
                let filters = &filters[(l * n_edges + edges.start) * columns..(l * n_edges + edges.end) * columns];
                multiply(&x[edges.start * columns..edges.end * columns], filters, &mut value);
                sums.add(l, &value);
            }
            sums.read(output);
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
            if edges.is_empty() {
                return;
            }
            let (mut sums, mut projected) = (vec![0.0; orders * columns], vec![0.0; grad_x.len()]);
            let at = &harmonics[edges.start * orders..edges.end * orders];
            let mut sums = AngularSums::new(at, degrees, columns, &mut sums);
            sums.add_to_all(&grad[edges.start * columns..edges.end * columns]);
            let x = &x[edges.start * columns..edges.end * columns];
            sums.read_degrees(&mut projected, |l, projected| {
                let filters = &filters[(l * n_edges + edges.start) * columns..(l * n_edges + edges.end) * columns];
                add_product(projected, filters, grad_x);
                multiply(projected, x, grad_filters[l]);
            });
        },
    );
    (tensor(grad_x, [n_edges, columns]), tensor(grad_filters, [degrees, n_edges, columns]))
}
