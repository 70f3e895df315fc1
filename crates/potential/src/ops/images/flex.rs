//! Processor loops, parallel over images and over sites.

use rayon::prelude::*;

use super::super::message::flex::{at, split};
use super::super::real::Real;
use super::STARTS;
use crate::nequix::{N_DEGREES, N_ROTATION, widths};

/// Fewest rows of a task.
const MIN_ROWS: usize = 16;

/// `out[i] += Σ_j D[i, j]·features[j]`, or with the transpose of D.
fn add_turned<T: Real>(rotation: &[T], l: usize, transposed: bool, features: &[T], out: &mut [T]) {
    let width = 2 * l + 1;
    let n = out.len() / width;
    for i in 0..width {
        for j in 0..width {
            let entry = if transposed { j * width + i } else { i * width + j };
            let factor = if l == 0 { T::of(1.0) } else { rotation[STARTS[l] + entry] };
            for (out, feature) in out[i * n..(i + 1) * n].iter_mut().zip(&features[j * n..(j + 1) * n]) {
                *out += factor * *feature;
            }
        }
    }
}

/// Features of the images.
pub(crate) fn forward<T: Real>(
    features: [&[T]; N_DEGREES],
    channels: &[usize; N_DEGREES],
    rotations: &[T],
    site: &[i32],
) -> [Vec<T>; N_DEGREES] {
    let widths = widths(channels);
    let mut outputs = widths.map(|width| vec![T::default(); site.len() * width]);
    let pieces = split(&mut outputs, &widths, std::iter::repeat_n(1, site.len()));
    pieces.into_par_iter().with_min_len(MIN_ROWS).enumerate().for_each(|(image, outputs)| {
        let rotation = &rotations[image * N_ROTATION..(image + 1) * N_ROTATION];
        let site = at(site[image]);
        for (l, output) in outputs.into_iter().enumerate() {
            add_turned(rotation, l, false, &features[l][site * widths[l]..(site + 1) * widths[l]], output);
        }
    });
    outputs
}

/// Gradients by the sites' features.
pub(crate) fn backward<T: Real>(
    grad: [&[T]; N_DEGREES],
    channels: &[usize; N_DEGREES],
    rotations: &[T],
    offsets: &[i32],
) -> [Vec<T>; N_DEGREES] {
    let widths = widths(channels);
    let n_sites = offsets.len() - 1;
    let mut outputs = widths.map(|width| vec![T::default(); n_sites * width]);
    let pieces = split(&mut outputs, &widths, std::iter::repeat_n(1, n_sites));
    pieces.into_par_iter().enumerate().for_each(|(site, outputs)| {
        for (l, output) in outputs.into_iter().enumerate() {
            for image in at(offsets[site])..at(offsets[site + 1]) {
                let rotation = &rotations[image * N_ROTATION..(image + 1) * N_ROTATION];
                add_turned(rotation, l, true, &grad[l][image * widths[l]..(image + 1) * widths[l]], output);
            }
        }
    });
    outputs
}
