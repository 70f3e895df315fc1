//! Processor loops, parallel over receivers: the sums of a site stay in the first-level cache.

use rayon::prelude::*;

use super::super::backend::MessageOptions;
use super::super::real::{Loop, Real, multiply_add, vectorise};
use crate::nequix::harmonics::{gradients, harmonics, tangents};
use crate::nequix::{N_COEFFICIENTS, N_DEGREES, Path, Plan, widths};

/// Channels that are worked on together.
const BLOCK: usize = 8;

/// The edges of a batch.
pub(crate) struct Edges<'a, T> {
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

    /// Length and direction.
    #[inline(always)]
    fn geometry(&self, edge: usize) -> (T, [T; 3]) {
        let [x, y, z] = [0, 1, 2].map(|k| self.vectors[3 * edge + k]);
        let distance = (x * x + y * y + z * z).root();
        (distance, [x / distance, y / distance, z / distance])
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
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "distances are positive and below the cut-off")]
        let interval = (scaled.wide() as usize).min(n_intervals - 1);
        Self { interval, t: scaled - T::of(interval as f64), inverse_spacing }
    }

    /// The radial network's outputs and, if there is room, their derivatives.
    #[inline(always)]
    fn read<const FUSED: bool>(&self, table: &[T], values: &mut [T], slopes: &mut [T]) {
        let n = values.len();
        let rows = &table[self.interval * N_COEFFICIENTS * n..(self.interval + 1) * N_COEFFICIENTS * n];
        let (c0, rest) = rows.split_at(n);
        let (c1, rest) = rest.split_at(n);
        let (c2, c3) = rest.split_at(n);
        let t = self.t;
        for ((((value, c0), c1), c2), c3) in values.iter_mut().zip(c0).zip(c1).zip(c2).zip(c3) {
            let inner = multiply_add::<T, FUSED>(t, *c3, *c2);
            *value = multiply_add::<T, FUSED>(t, multiply_add::<T, FUSED>(t, inner, *c1), *c0);
        }
        let (two, three) = (T::of(2.0) * self.inverse_spacing, T::of(3.0) * self.inverse_spacing);
        for (((slope, c1), c2), c3) in slopes.iter_mut().zip(c1).zip(c2).zip(c3) {
            let inner = multiply_add::<T, FUSED>(t * three, *c3, two * *c2);
            *slope = multiply_add::<T, FUSED>(t, inner, self.inverse_spacing * *c1);
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

#[inline(always)]
fn load<T: Real, const B: usize>(values: &[T], first: usize) -> [T; B] {
    values[first..first + B].try_into().expect("a slice of this length")
}

#[inline(always)]
fn store<T: Real, const B: usize>(values: &mut [T], first: usize, block: &[T; B]) {
    values[first..first + B].copy_from_slice(block);
}

/// Calls a function that is generic in the components of features and messages.
macro_rules! by_degrees {
    ($path:expr, $function:ident, $($argument:expr),*) => {
        match ($path.a, $path.c) {
            (0, 0) => $function::<T, FUSED, 1, 1>($($argument),*),
            (0, 1) => $function::<T, FUSED, 1, 3>($($argument),*),
            (0, 2) => $function::<T, FUSED, 1, 5>($($argument),*),
            (0, 3) => $function::<T, FUSED, 1, 7>($($argument),*),
            (1, 0) => $function::<T, FUSED, 3, 1>($($argument),*),
            (1, 1) => $function::<T, FUSED, 3, 3>($($argument),*),
            (1, 2) => $function::<T, FUSED, 3, 5>($($argument),*),
            (1, 3) => $function::<T, FUSED, 3, 7>($($argument),*),
            (2, 0) => $function::<T, FUSED, 5, 1>($($argument),*),
            (2, 1) => $function::<T, FUSED, 5, 3>($($argument),*),
            (2, 2) => $function::<T, FUSED, 5, 5>($($argument),*),
            (2, 3) => $function::<T, FUSED, 5, 7>($($argument),*),
            (3, 0) => $function::<T, FUSED, 7, 1>($($argument),*),
            (3, 1) => $function::<T, FUSED, 7, 3>($($argument),*),
            (3, 2) => $function::<T, FUSED, 7, 5>($($argument),*),
            _ => $function::<T, FUSED, 7, 7>($($argument),*),
        }
    };
}

/// `message[k, slot + w] += Σ_i T[i, k]·(radial[w]·features[i, w])` for B channels from `w` on.
#[inline(always)]
fn add_block<T: Real, const FUSED: bool, const A: usize, const C: usize, const B: usize>(
    path: &Path,
    w: usize,
    matrix: &[T],
    radial: &[T],
    features: &[T],
    message: &mut [T],
    row: usize,
) {
    let radial: [T; B] = load(radial, path.radial + w);
    let mut weighted = [[T::of(0.0); B]; A];
    for i in 0..A {
        let feature: [T; B] = load(features, i * path.channels + w);
        for lane in 0..B {
            weighted[i][lane] = radial[lane] * feature[lane];
        }
    }
    for k in 0..C {
        let mut sum: [T; B] = load(message, k * row + path.slot + w);
        for i in 0..A {
            let factor = matrix[i * C + k];
            for lane in 0..B {
                sum[lane] = multiply_add::<T, FUSED>(factor, weighted[i][lane], sum[lane]);
            }
        }
        store(message, k * row + path.slot + w, &sum);
    }
}

#[inline(always)]
fn add_path<T: Real, const FUSED: bool, const A: usize, const C: usize>(
    path: &Path,
    matrices: &[T],
    radial: &[T],
    features: &[T],
    message: &mut [T],
    row: usize,
) {
    let matrix = &matrices[path.matrix..path.matrix + A * C];
    let blocks = path.channels / BLOCK * BLOCK;
    for w in (0..blocks).step_by(BLOCK) {
        add_block::<T, FUSED, A, C, BLOCK>(path, w, matrix, radial, features, message, row);
    }
    for w in blocks..path.channels {
        add_block::<T, FUSED, A, C, 1>(path, w, matrix, radial, features, message, row);
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
    fn run<const FUSED: bool>(self) {
        let Self { plan, features, table, edges, radial, matrices, message, .. } = self;
        let n_intervals = table.len() / (N_COEFFICIENTS * plan.n_radial);
        let widths = widths(&plan.inputs);
        for edge in edges.of_site(self.site) {
            let (distance, direction) = edges.geometry(edge);
            Reading::new(edge, distance, n_intervals, self.spacing).read::<FUSED>(table, radial, &mut []);
            let y = harmonics(direction);
            matrices.fill(T::of(0.0));
            for &(matrix, harmonic, value) in self.entries {
                matrices[matrix] = multiply_add::<T, FUSED>(value, y[harmonic], matrices[matrix]);
            }
            let sender = at(edges.sender[edge]);
            for path in &plan.paths {
                let feature = &features[path.a][sender * widths[path.a]..(sender + 1) * widths[path.a]];
                by_degrees!(path, add_path, path, matrices, radial, feature, message[path.c], plan.outputs[path.c]);
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

/// Sums along the direction of an edge and along its two tangents, by lane.
type Sums<T> = [[T; BLOCK]; 3];

/// B channels of one path: the gradient by the features is added to `by_features`, what the edge's vector gets to `sums`.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the loop's buffers")]
fn backward_block<T: Real, const FUSED: bool, const A: usize, const C: usize, const B: usize>(
    path: &Path,
    w: usize,
    matrix: &[[T; 4]],
    radial: &[T],
    slopes: &[T],
    features: &[T],
    grad: &[T],
    row: usize,
    by_features: &mut [T],
    sums: &mut Sums<T>,
) {
    let radial: [T; B] = load(radial, path.radial + w);
    let slope: [T; B] = load(slopes, path.radial + w);
    let mut gradient = [[T::of(0.0); B]; C];
    for k in 0..C {
        gradient[k] = load(grad, k * row + path.slot + w);
    }
    for i in 0..A {
        let mut y = [[T::of(0.0); B]; 3];
        for k in 0..C {
            let factors = matrix[i * C + k];
            for part in 0..3 {
                for lane in 0..B {
                    y[part][lane] = multiply_add::<T, FUSED>(factors[part], gradient[k][lane], y[part][lane]);
                }
            }
        }
        let feature: [T; B] = load(features, i * path.channels + w);
        if !by_features.is_empty() {
            let mut out: [T; B] = load(by_features, i * path.channels + w);
            for lane in 0..B {
                out[lane] = multiply_add::<T, FUSED>(radial[lane], y[0][lane], out[lane]);
            }
            store(by_features, i * path.channels + w, &out);
        }
        for lane in 0..B {
            let weighted = radial[lane] * feature[lane];
            sums[0][lane] = multiply_add::<T, FUSED>(slope[lane] * feature[lane], y[0][lane], sums[0][lane]);
            sums[1][lane] = multiply_add::<T, FUSED>(weighted, y[1][lane], sums[1][lane]);
            sums[2][lane] = multiply_add::<T, FUSED>(weighted, y[2][lane], sums[2][lane]);
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the loop's buffers")]
fn backward_path<T: Real, const FUSED: bool, const A: usize, const C: usize>(
    path: &Path,
    matrices: &[[T; 4]],
    radial: &[T],
    slopes: &[T],
    features: &[T],
    grad: &[T],
    row: usize,
    by_features: &mut [T],
    sums: &mut Sums<T>,
) {
    let matrix = &matrices[path.matrix..path.matrix + A * C];
    let blocks = path.channels / BLOCK * BLOCK;
    for w in (0..blocks).step_by(BLOCK) {
        backward_block::<T, FUSED, A, C, BLOCK>(path, w, matrix, radial, slopes, features, grad, row, by_features, sums);
    }
    for w in blocks..path.channels {
        backward_block::<T, FUSED, A, C, 1>(path, w, matrix, radial, slopes, features, grad, row, by_features, sums);
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
    fn run<const FUSED: bool>(self) {
        let Self { plan, features, table, edges, radial, slopes, matrices, by_features, by_vectors, .. } = self;
        let n_intervals = table.len() / (N_COEFFICIENTS * plan.n_radial);
        let widths = widths(&plan.inputs);
        for (local, edge) in edges.of_site(self.site).enumerate() {
            let (distance, direction) = edges.geometry(edge);
            Reading::new(edge, distance, n_intervals, self.options.spacing).read::<FUSED>(table, radial, slopes);
            let (y, slope, frame) = (harmonics(direction), gradients(direction), tangents(direction));
            matrices.fill([T::of(0.0); 4]);
            for &(matrix, harmonic, value) in self.entries {
                let along = |k: usize| {
                    let [x, y, z] = slope[harmonic];
                    x * frame[k][0] + y * frame[k][1] + z * frame[k][2]
                };
                let parts = [y[harmonic], along(0), along(1)];
                for (sum, part) in matrices[matrix].iter_mut().zip(parts) {
                    *sum = multiply_add::<T, FUSED>(value, part, *sum);
                }
            }
            let sender = at(edges.sender[edge]);
            let mut sums = [[T::of(0.0); BLOCK]; 3];
            for path in &plan.paths {
                let width = widths[path.a];
                let feature = &features[path.a][sender * width..(sender + 1) * width];
                let out: &mut [T] = if self.options.feature_gradient {
                    &mut by_features[path.a][local * width..(local + 1) * width]
                } else {
                    &mut []
                };
                let (grad, row) = (self.grad[path.c], plan.outputs[path.c]);
                by_degrees!(path, backward_path, path, matrices, radial, slopes, feature, grad, row, out, &mut sums);
            }
            let [radial_part, first, second] = sums.map(|lanes| lanes.into_iter().fold(T::of(0.0), |sum, lane| sum + lane));
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
    let scratch =
        || (vec![T::default(); plan.n_radial], vec![T::default(); plan.n_radial], vec![[T::default(); 4]; plan.n_matrix]);
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
