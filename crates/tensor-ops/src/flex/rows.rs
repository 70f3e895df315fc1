//! What layers do with a few rows at a time, on one thread: for the loops of the operations, and for networks that run
//! several layers over the same rows while these are in the cache.
//!
//! Rows are independent of each other: their bits are the same however many are given at once.

use super::activation::{for_each_register, sigmoid};
use super::lanes::{Lanes, Loop, vectorise};
use super::product::{Product, TransposedProduct};

/// The parameters of a dense layer.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// `[K, N]`.
    pub weight: &'a [f32],
    /// `[N]`.
    pub bias: Option<&'a [f32]>,
    /// N.
    pub n_output: usize,
}

impl Layer<'_> {
    /// K.
    pub fn n_input(&self) -> usize {
        self.weight.len() / self.n_output.max(1)
    }
}

/// What is done to `x·W + b`, in this order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finish<'a> {
    /// Whether swish is applied.
    pub swish: bool,
    /// What it is multiplied by, `[M, N]`.
    pub factor: Option<&'a [f32]>,
    /// What is added, `[M, N]`.
    pub residual: Option<&'a [f32]>,
}

impl Finish<'static> {
    /// Nothing.
    pub const NONE: Self = Self { swish: false, factor: None, residual: None };
    /// Swish.
    pub const SWISH: Self = Self { swish: true, ..Self::NONE };
}

/// A register from `start` on, or what is left of the values.
#[inline(always)]
fn load<L: Lanes>(values: &[f32], start: usize, part: bool) -> L {
    if part { L::load_part(&values[start..]) } else { L::load(&values[start..]) }
}

/// [`Finish`] in place.
#[inline(always)]
fn finish<L: Lanes>(out: &mut [f32], finish: Finish) {
    let Finish { swish, factor, residual } = finish;
    for operand in [factor, residual].into_iter().flatten() {
        assert_eq!(operand.len(), out.len(), "one number for each output");
    }
    if !swish && factor.is_none() && residual.is_none() {
        return;
    }
    let whole = out.len() / L::N * L::N;
    let mut start = 0;
    while start < out.len() {
        let part = start == whole;
        let mut value = load::<L>(out, start, part);
        if swish {
            value = value.multiply(sigmoid(value));
        }
        if let Some(factor) = factor {
            value = value.multiply(load::<L>(factor, start, part));
        }
        if let Some(residual) = residual {
            value = value.add(load::<L>(residual, start, part));
        }
        if part {
            value.store_part(&mut out[start..]);
        } else {
            value.store(&mut out[start..]);
        }
        start += L::N;
    }
}

struct Dense<'a> {
    product: Product<'a>,
    finish: Finish<'a>,
    inner: Option<&'a mut [f32]>,
}

impl Loop for Dense<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Product { x, stride, weight, bias, depth, out, columns } = self.product;
        Product { x, stride, weight, bias, depth, out: &mut *out, columns }.run::<L>();
        if let Some(inner) = self.inner {
            inner.copy_from_slice(out);
        }
        finish::<L>(out, self.finish);
    }
}

/// `finish(x·W + b)` for every row.
///
/// # Shapes
/// - x: `[M, K]`
/// - out: `[M, N]`
///
/// # Panics
/// If the sizes do not match.
pub fn dense(x: &[f32], layer: Layer, finish: Finish, out: &mut [f32]) {
    dense_with_inner(x, layer, finish, out, None);
}

/// [`dense`], and `x·W + b` itself.
pub(crate) fn dense_with_inner(x: &[f32], layer: Layer, finish: Finish, out: &mut [f32], inner: Option<&mut [f32]>) {
    let Layer { weight, bias, n_output: columns } = layer;
    let depth = layer.n_input();
    assert_eq!(x.len() * columns, out.len() * depth, "as many rows in as out");
    vectorise(Dense { product: Product { x, stride: depth, weight, bias, depth, out, columns }, finish, inner });
}

/// `out += xᵀ·y`, of the columns of x from `first` on, as many as `out` has rows.
///
/// # Shapes
/// - x: `[M, stride]`
/// - y: `[M, N]`
/// - out: `[K, N]`
pub(crate) fn add_transposed_product(
    x: &[f32],
    stride: usize,
    first: usize,
    y: &[f32],
    n_output: usize,
    out: &mut [f32],
) {
    vectorise(TransposedProduct { x, stride, first, weight: y, out, columns: n_output });
}

/// `out = x·weight` with the first K numbers of each row of x.
///
/// # Shapes
/// - x: `[M, stride]`, the last row may end after its K numbers
/// - weight: `[K, N]`
/// - out: `[M, N]`
pub(crate) fn product_of_columns(x: &[f32], stride: usize, weight: &[f32], columns: usize, out: &mut [f32]) {
    let depth = weight.len() / columns.max(1);
    vectorise(Product { x, stride, weight, bias: None, depth, out, columns });
}

/// Lanes whose sums are kept apart in [`lane_sums`], whatever the width of a register.
const LANES: usize = 16;

/// Sum of a row's numbers less `shift`, or of their squares, always in the same order.
#[inline(always)]
fn lane_sums<L: Lanes>(row: &[f32], shift: f32, squares: bool) -> f32 {
    let mut registers = [L::splat(0.0); 4];
    let shifts = L::splat(shift);
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for part in 0..LANES / L::N {
            let value = L::load(&chunk[part * L::N..]).subtract(shifts);
            registers[part] =
                if squares { value.multiply_add(value, registers[part]) } else { registers[part].add(value) };
        }
    }
    let mut sums = [0.0; LANES];
    for part in 0..LANES / L::N {
        registers[part].store(&mut sums[part * L::N..]);
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        let value = value - shift;
        *sum += if squares { value * value } else { value };
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for k in 0..width {
            sums[k] += sums[k + width];
        }
    }
    sums[0]
}

struct LayerNorm<'a> {
    rows: &'a mut [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    epsilon: f32,
}

impl Loop for LayerNorm<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let columns = self.gamma.len();
        for row in self.rows.chunks_exact_mut(columns) {
            let mean = lane_sums::<L>(row, 0.0, false) / columns as f32;
            let variance = lane_sums::<L>(row, mean, true) / columns as f32;
            let (mean, scale) = (L::splat(mean), L::splat(1.0 / (variance + self.epsilon).sqrt()));
            let mut chunks = row.chunks_exact_mut(L::N);
            let mut start = 0;
            for chunk in &mut chunks {
                let normal = L::load(chunk).subtract(mean).multiply(scale);
                normal.multiply_add(L::load(&self.gamma[start..]), L::load(&self.beta[start..])).store(chunk);
                start += L::N;
            }
            let rest = chunks.into_remainder();
            if !rest.is_empty() {
                let normal = L::load_part(rest).subtract(mean).multiply(scale);
                let (gamma, beta) = (L::load_part(&self.gamma[start..]), L::load_part(&self.beta[start..]));
                normal.multiply_add(gamma, beta).store_part(rest);
            }
        }
    }
}

/// `γ·(x − mean)/√(variance + ε) + β` in place of every row.
///
/// # Shapes
/// - rows: `[M, N]`
/// - gamma, beta: `[N]`
pub fn layer_norm(rows: &mut [f32], gamma: &[f32], beta: &[f32], epsilon: f32) {
    assert_eq!(gamma.len(), beta.len(), "one factor and one summand for each column");
    vectorise(LayerNorm { rows, gamma, beta, epsilon });
}

struct Multiply<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    y: &'a [f32],
}

impl Loop for Multiply<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for_each_register!(L, self.out, [self.x, self.y], |x, y| x.multiply(y));
    }
}

/// `out = x·y`, number by number.
pub(crate) fn multiply(x: &[f32], y: &[f32], out: &mut [f32]) {
    vectorise(Multiply { out, x, y });
}

struct AddProduct<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
    y: &'a [f32],
}

impl Loop for AddProduct<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { out, x, y } = self;
        let mut chunks = out.chunks_exact_mut(L::N);
        let mut start = 0;
        for chunk in &mut chunks {
            L::load(&x[start..]).multiply_add(L::load(&y[start..]), L::load(chunk)).store(chunk);
            start += L::N;
        }
        let rest = chunks.into_remainder();
        if !rest.is_empty() {
            L::load_part(&x[start..]).multiply_add(L::load_part(&y[start..]), L::load_part(rest)).store_part(rest);
        }
    }
}

/// `out += x·y`, number by number.
pub(crate) fn add_product(x: &[f32], y: &[f32], out: &mut [f32]) {
    vectorise(AddProduct { out, x, y });
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{kinds, vectorise_as};
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|k| ((k * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
    }

    #[test]
    fn a_layer_is_finished_in_order() {
        let (n_rows, depth, columns) = (7, 9, 21);
        let (x, weight, bias) = (numbers(n_rows * depth, 1), numbers(depth * columns, 2), numbers(columns, 3));
        let (factor, residual) = (numbers(n_rows * columns, 4), numbers(n_rows * columns, 5));
        let layer = Layer { weight: &weight, bias: Some(&bias), n_output: columns };
        let mut inner = vec![0.0; n_rows * columns];
        dense(&x, layer, Finish::NONE, &mut inner);
        for swish in [false, true] {
            for factor in [None, Some(&factor[..])] {
                for residual in [None, Some(&residual[..])] {
                    let (mut out, mut kept) = (vec![0.0; inner.len()], vec![0.0; inner.len()]);
                    dense_with_inner(&x, layer, Finish { swish, factor, residual }, &mut out, Some(&mut kept));
                    assert_eq!(kept, inner);
                    for (k, (&found, &inner)) in out.iter().zip(&inner).enumerate() {
                        let value = if swish { inner / (1.0 + (-inner).exp()) } else { inner };
                        let value = value * factor.map_or(1.0, |factor| factor[k]);
                        let value = value + residual.map_or(0.0, |residual| residual[k]);
                        assert!((found - value).abs() < 2e-6, "{found} {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_is_normalised_with_the_same_bits_for_every_width() {
        for columns in [1, 5, 16, 40, 128] {
            let rows = numbers(3 * columns, 1);
            let (gamma, beta) = (numbers(columns, 2), numbers(columns, 3));
            let mut results = kinds().into_iter().map(|kind| {
                let mut rows = rows.clone();
                vectorise_as(kind, LayerNorm { rows: &mut rows, gamma: &gamma, beta: &beta, epsilon: 1e-5 });
                rows
            });
            let mut found = rows.clone();
            layer_norm(&mut found, &gamma, &beta, 1e-5);
            assert!(results.all(|other| other == found), "{columns} columns");
            for (row, found) in rows.chunks(columns).zip(found.chunks(columns)) {
                let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / columns as f64;
                let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / columns as f64;
                for (k, found) in found.iter().enumerate() {
                    let normal = (f64::from(row[k]) - mean) / (variance + 1e-5).sqrt();
                    let exact = f64::from(gamma[k]) * normal + f64::from(beta[k]);
                    assert!((f64::from(*found) - exact).abs() < 1e-5, "{found} {exact}");
                }
            }
        }
    }
}
