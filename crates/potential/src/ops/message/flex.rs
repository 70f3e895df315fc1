//! Processor loops, parallel over receivers: the sums of a site stay in the first-level cache.

use rayon::prelude::*;

use super::super::backend::MessageOptions;
use pulp::Simd;

use super::super::real::{Loop, Real, vectorise};
use crate::nequix::harmonics::{gradients, harmonics, tangents};
use crate::nequix::{N_COEFFICIENTS, N_DEGREES, Path, Plan, widths};

/// The edges of a batch.
pub(crate) struct Edges<'a, T> {
    /// Vector and factor of each edge.
    pub vectors: &'a [T],
    pub sender: &'a [i32],
    pub offsets: &'a [i32],
    pub order: &'a [i32],
    pub sender_offsets: &'a [i32],
}

/// A position in a buffer.
#[inline(always)]
pub(crate) fn at(index: i32) -> usize {
    usize::try_from(index).expect("indices are not negative")
}

impl<T: Real> Edges<'_, T> {
    fn of_site(&self, site: usize) -> std::ops::Range<usize> {
        at(self.offsets[site])..at(self.offsets[site + 1])
    }

    /// Length, direction and factor.
    #[inline(always)]
    fn geometry(&self, edge: usize) -> (T, [T; 3], T) {
        let [x, y, z, factor] = [0, 1, 2, 3].map(|k| self.vectors[4 * edge + k]);
        let distance = (x * x + y * y + z * z).root();
        (distance, [x / distance, y / distance, z / distance], factor)
    }
}

/// Where an edge reads the table.
struct Reading<T> {
    interval: usize,
    t: T,
    inverse_spacing: T,
}

impl<T: Real> Reading<T> {
    #[inline(always)]
    fn new(edge: usize, distance: T, n_intervals: usize, spacing: f64) -> Self {
        if spacing == 0.0 {
            return Self { interval: edge, t: T::of(0.0), inverse_spacing: T::of(1.0) };
        }
        let inverse_spacing = T::of(1.0 / spacing);
        let scaled = distance * inverse_spacing;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "distances are positive and below the cut-off"
        )]
        let interval = (scaled.wide() as usize).min(n_intervals - 1);
        Self { interval, t: scaled - T::of(interval as f64), inverse_spacing }
    }

    /// The radial network's outputs and, if there is room, their derivatives.
    #[inline(always)]
    fn read(&self, table: &[T], values: &mut [T], slopes: &mut [T]) {
        let n = values.len();
        let rows = &table[self.interval * N_COEFFICIENTS * n..(self.interval + 1) * N_COEFFICIENTS * n];
        let (c0, rest) = rows.split_at(n);
        let (c1, rest) = rest.split_at(n);
        let (c2, c3) = rest.split_at(n);
        let t = self.t;
        for ((((value, c0), c1), c2), c3) in values.iter_mut().zip(c0).zip(c1).zip(c2).zip(c3) {
            *value = *c0 + t * (*c1 + t * (*c2 + t * *c3));
        }
        let (two, three) = (T::of(2.0) * self.inverse_spacing, T::of(3.0) * self.inverse_spacing);
        for (((slope, c1), c2), c3) in slopes.iter_mut().zip(c1).zip(c2).zip(c3) {
            *slope = self.inverse_spacing * *c1 + t * (two * *c2 + t * (three * *c3));
        }
    }
}

/// A coefficient in the precision of the loop.
type Entry<T> = (usize, usize, T);

fn entries<T: Real>(plan: &Plan) -> Vec<Entry<T>> {
    plan.coefficients.iter().map(|entry| (entry.matrix, entry.harmonic, T::of(entry.value))).collect()
}

/// Disjoint pieces of four buffers: `rows[s]` rows of `widths[l]` values each.
pub(crate) fn split<'a, T>(
    buffers: &'a mut [Vec<T>; N_DEGREES],
    widths: &[usize; N_DEGREES],
    rows: impl Iterator<Item = usize>,
) -> Vec<[&'a mut [T]; N_DEGREES]> {
    let mut rest = buffers.each_mut().map(Vec::as_mut_slice);
    rows.map(|n| {
        let mut l = 0;
        rest.each_mut().map(|rest| {
            let (piece, after) = std::mem::take(rest).split_at_mut(n * widths[l]);
            *rest = after;
            l += 1;
            piece
        })
    })
    .collect()
}

/// Calls a function that is generic in the components of features and messages.
macro_rules! by_degrees {
    ($path:expr, $function:ident, $($argument:expr),*) => {
        match ($path.a, $path.c) {
            (0, 0) => $function::<T, S, 1, 1>($($argument),*),
            (0, 1) => $function::<T, S, 1, 3>($($argument),*),
            (0, 2) => $function::<T, S, 1, 5>($($argument),*),
            (0, 3) => $function::<T, S, 1, 7>($($argument),*),
            (1, 0) => $function::<T, S, 3, 1>($($argument),*),
            (1, 1) => $function::<T, S, 3, 3>($($argument),*),
            (1, 2) => $function::<T, S, 3, 5>($($argument),*),
            (1, 3) => $function::<T, S, 3, 7>($($argument),*),
            (2, 0) => $function::<T, S, 5, 1>($($argument),*),
            (2, 1) => $function::<T, S, 5, 3>($($argument),*),
            (2, 2) => $function::<T, S, 5, 5>($($argument),*),
            (2, 3) => $function::<T, S, 5, 7>($($argument),*),
            (3, 0) => $function::<T, S, 7, 1>($($argument),*),
            (3, 1) => $function::<T, S, 7, 3>($($argument),*),
            (3, 2) => $function::<T, S, 7, 5>($($argument),*),
            _ => $function::<T, S, 7, 7>($($argument),*),
        }
    };
}

/// `message[k, slot + w] += Σ_i T[i, k]·(radial[w]·features[i, w])` for the channels w of a path; `row` values are
/// between components of the message.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the loop's buffers")]
fn add_path<T: Real, S: Simd, const A: usize, const C: usize>(
    simd: S,
    path: &Path,
    matrices: &[T],
    radial: &[T],
    features: &[T],
    message: &mut [T],
    row: usize,
) {
    let matrix = &matrices[path.matrix..path.matrix + A * C];
    let n = path.channels;
    for w in (0..n).step_by(T::n_lanes::<S>()) {
        let radial = T::load(simd, &radial[path.radial + w..path.radial + n]);
        let mut weighted = [T::splat(simd, T::of(0.0)); A];
        for i in 0..A {
            weighted[i] = T::multiply(simd, radial, T::load(simd, &features[i * n + w..(i + 1) * n]));
        }
        for k in 0..C {
            let place = &mut message[k * row + path.slot + w..k * row + path.slot + n];
            let mut sum = T::load(simd, place);
            for i in 0..A {
                sum = T::multiply_add(simd, T::splat(simd, matrix[i * C + k]), weighted[i], sum);
            }
            T::store(simd, place, sum);
        }
    }
}

/// The messages of one site.
struct Forward<'a, T> {
    plan: &'a Plan,
    entries: &'a [Entry<T>],
    features: &'a [&'a [T]; N_DEGREES],
    table: &'a [T],
    spacing: f64,
    edges: &'a Edges<'a, T>,
    site: usize,
    message: [&'a mut [T]; N_DEGREES],
    radial: &'a mut [T],
    matrices: &'a mut [T],
}

impl<T: Real> Loop for Forward<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, features, table, edges, radial, matrices, message, .. } = self;
        let n_intervals = table.len() / (N_COEFFICIENTS * plan.n_radial);
        let widths = widths(&plan.inputs);
        for edge in edges.of_site(self.site) {
            let (distance, direction, factor) = edges.geometry(edge);
            Reading::new(edge, distance, n_intervals, self.spacing).read(table, radial, &mut []);
            let y = harmonics(direction).map(|y| factor * y);
            matrices.fill(T::of(0.0));
            for &(matrix, harmonic, value) in self.entries {
                matrices[matrix] += value * y[harmonic];
            }
            let sender = at(edges.sender[edge]);
            for path in &plan.paths {
                let feature = &features[path.a][sender * widths[path.a]..(sender + 1) * widths[path.a]];
                by_degrees!(
                    path,
                    add_path,
                    simd,
                    path,
                    matrices,
                    radial,
                    feature,
                    message[path.c],
                    plan.outputs[path.c]
                );
            }
        }
    }
}

/// The messages of all sites.
pub(crate) fn forward<T: Real>(
    features: [&[T]; N_DEGREES],
    table: &[T],
    edges: &Edges<'_, T>,
    options: MessageOptions,
) -> [Vec<T>; N_DEGREES] {
    let plan = options.kind.plan();
    let n_sites = edges.offsets.len() - 1;
    let row_widths = widths(&plan.outputs);
    let mut messages = row_widths.map(|width| vec![T::default(); n_sites * width]);
    let entries = entries(plan);
    let scratch = || (vec![T::default(); plan.n_radial], vec![T::default(); plan.n_matrix]);
    split(&mut messages, &row_widths, std::iter::repeat_n(1, n_sites)).into_par_iter().enumerate().for_each_init(
        scratch,
        |(radial, matrices), (site, message)| {
            vectorise(Forward {
                plan,
                entries: &entries,
                features: &features,
                table,
                spacing: options.spacing,
                edges,
                site,
                message,
                radial,
                matrices,
            });
        },
    );
    messages
}

/// The gradient by the features of a path is added to `by_features`; what the edge's vector gets along its direction
/// and its two tangents to `sums`.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the loop's buffers")]
fn backward_path<T: Real, S: Simd, const A: usize, const C: usize>(
    simd: S,
    path: &Path,
    matrices: &[[T; 4]],
    radial: &[T],
    slopes: &[T],
    features: &[T],
    grad: &[T],
    row: usize,
    by_features: &mut [T],
    sums: &mut [T::Lanes<S>; 3],
) {
    let matrix = &matrices[path.matrix..path.matrix + A * C];
    let n = path.channels;
    let zero = T::splat(simd, T::of(0.0));
    for w in (0..n).step_by(T::n_lanes::<S>()) {
        let slope = T::load(simd, &slopes[path.radial + w..path.radial + n]);
        let radial = T::load(simd, &radial[path.radial + w..path.radial + n]);
        let mut gradient = [zero; C];
        for k in 0..C {
            gradient[k] = T::load(simd, &grad[k * row + path.slot + w..k * row + path.slot + n]);
        }
        for i in 0..A {
            let (mut y, mut first, mut second) = (zero, zero, zero);
            for k in 0..C {
                let factors = &matrix[i * C + k];
                y = T::multiply_add(simd, T::splat(simd, factors[0]), gradient[k], y);
                first = T::multiply_add(simd, T::splat(simd, factors[1]), gradient[k], first);
                second = T::multiply_add(simd, T::splat(simd, factors[2]), gradient[k], second);
            }
            let feature = T::load(simd, &features[i * n + w..(i + 1) * n]);
            if !by_features.is_empty() {
                let place = &mut by_features[i * n + w..(i + 1) * n];
                let sum = T::multiply_add(simd, radial, y, T::load(simd, place));
                T::store(simd, place, sum);
            }
            let weighted = T::multiply(simd, radial, feature);
            sums[0] = T::multiply_add(simd, T::multiply(simd, slope, feature), y, sums[0]);
            sums[1] = T::multiply_add(simd, weighted, first, sums[1]);
            sums[2] = T::multiply_add(simd, weighted, second, sums[2]);
        }
    }
}

/// The gradients of the edges of one site.
struct Backward<'a, T> {
    plan: &'a Plan,
    entries: &'a [Entry<T>],
    grad: [&'a [T]; N_DEGREES],
    features: &'a [&'a [T]; N_DEGREES],
    table: &'a [T],
    options: MessageOptions,
    edges: &'a Edges<'a, T>,
    site: usize,
    by_features: [&'a mut [T]; N_DEGREES],
    by_vectors: &'a mut [T],
    radial: &'a mut [T],
    slopes: &'a mut [T],
    matrices: &'a mut [[T; 4]],
}

impl<T: Real> Loop for Backward<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, features, table, edges, radial, slopes, matrices, by_features, by_vectors, .. } = self;
        let n_intervals = table.len() / (N_COEFFICIENTS * plan.n_radial);
        let widths = widths(&plan.inputs);
        for (local, edge) in edges.of_site(self.site).enumerate() {
            let (distance, direction, factor) = edges.geometry(edge);
            Reading::new(edge, distance, n_intervals, self.options.spacing).read(table, radial, slopes);
            let (y, slope, frame) = (harmonics(direction), gradients(direction), tangents(direction));
            matrices.fill([T::of(0.0); 4]);
            for &(matrix, harmonic, value) in self.entries {
                let along = |k: usize| {
                    let [x, y, z] = slope[harmonic];
                    x * frame[k][0] + y * frame[k][1] + z * frame[k][2]
                };
                let parts = [y[harmonic], along(0), along(1)];
                for (sum, part) in matrices[matrix].iter_mut().zip(parts) {
                    *sum += factor * value * part;
                }
            }
            let sender = at(edges.sender[edge]);
            let mut sums = [T::splat(simd, T::of(0.0)); 3];
            for path in &plan.paths {
                let width = widths[path.a];
                let feature = &features[path.a][sender * width..(sender + 1) * width];
                let out: &mut [T] = if self.options.feature_gradient {
                    &mut by_features[path.a][local * width..(local + 1) * width]
                } else {
                    &mut []
                };
                let (grad, row) = (self.grad[path.c], plan.outputs[path.c]);
                by_degrees!(
                    path,
                    backward_path,
                    simd,
                    path,
                    matrices,
                    radial,
                    slopes,
                    feature,
                    grad,
                    row,
                    out,
                    &mut sums
                );
            }
            let [radial_part, first, second] = sums.map(|lanes| T::total(simd, lanes));
            for k in 0..3 {
                by_vectors[3 * local + k] =
                    radial_part * direction[k] + (first * frame[0][k] + second * frame[1][k]) / distance;
            }
        }
    }
}

/// Gradients by the images' features (empty if not wanted) and by the edges' vectors.
pub(crate) fn backward<T: Real>(
    grad: [&[T]; N_DEGREES],
    features: [&[T]; N_DEGREES],
    table: &[T],
    edges: &Edges<'_, T>,
    options: MessageOptions,
) -> ([Vec<T>; N_DEGREES], Vec<T>) {
    let plan = options.kind.plan();
    let (n_sites, n_edges) = (edges.offsets.len() - 1, edges.sender.len());
    let (grad_widths, mut edge_widths) = (widths(&plan.outputs), widths(&plan.inputs));
    if !options.feature_gradient {
        edge_widths = [0; N_DEGREES];
    }
    let mut by_edge = edge_widths.map(|width| vec![T::default(); n_edges * width]);
    let mut by_vectors = vec![T::default(); 3 * n_edges];
    let entries = entries(plan);
    let edge_counts = || (0..n_sites).map(|site| edges.of_site(site).len());
    let mut rest = by_vectors.as_mut_slice();
    let vector_pieces: Vec<&mut [T]> = edge_counts()
        .map(|n| {
            let (piece, after) = std::mem::take(&mut rest).split_at_mut(3 * n);
            rest = after;
            piece
        })
        .collect();
    let pieces = split(&mut by_edge, &edge_widths, edge_counts());
    let scratch = || {
        (vec![T::default(); plan.n_radial], vec![T::default(); plan.n_radial], vec![[T::default(); 4]; plan.n_matrix])
    };
    pieces.into_par_iter().zip(vector_pieces).enumerate().for_each_init(
        scratch,
        |(radial, slopes, matrices), (site, (by_features, by_vectors))| {
            let grad = std::array::from_fn(|l| &grad[l][site * grad_widths[l]..(site + 1) * grad_widths[l]]);
            vectorise(Backward {
                plan,
                entries: &entries,
                grad,
                features: &features,
                table,
                options,
                edges,
                site,
                by_features,
                by_vectors,
                radial,
                slopes,
                matrices,
            });
        },
    );
    (sum_by_sender(&by_edge, &edge_widths, edges), by_vectors)
}

/// For each image the sum over the edges that it sends along.
fn sum_by_sender<T: Real>(
    by_edge: &[Vec<T>; N_DEGREES],
    widths: &[usize; N_DEGREES],
    edges: &Edges<'_, T>,
) -> [Vec<T>; N_DEGREES] {
    let n_images = edges.sender_offsets.len() - 1;
    let mut sums = widths.map(|width| vec![T::default(); n_images * width]);
    split(&mut sums, widths, std::iter::repeat_n(1, n_images)).into_par_iter().enumerate().for_each(|(image, sums)| {
        for position in at(edges.sender_offsets[image])..at(edges.sender_offsets[image + 1]) {
            let edge = at(edges.order[position]);
            for l in 0..N_DEGREES {
                let row = &by_edge[l][edge * widths[l]..(edge + 1) * widths[l]];
                for (sum, value) in sums[l].iter_mut().zip(row) {
                    *sum += *value;
                }
            }
        }
    });
    sums
}
