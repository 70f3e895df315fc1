//! Products of a tall matrix with a small one, on registers.
//!
//! A block of rows and a panel of columns have their sums in registers while the depth is walked through once: six rows
//! of four registers where there are 32 of them, of two where there are 16. The weights are read as they lie. Every sum
//! starts with the bias and takes the products in the order of the depth, whatever the block, the panel and the width
//! of a register.

use super::lanes::{Lanes, Loop};

/// Rows of a block.
const ROWS: usize = 6;

/// `out = x·weight + bias`.
pub(crate) struct Product<'a> {
    /// The first K numbers of each row of S, `[M, S]`; the last row may end after its K numbers.
    pub(crate) x: &'a [f32],
    /// S.
    pub(crate) stride: usize,
    /// `[K, N]`.
    pub(crate) weight: &'a [f32],
    /// `[N]`; without it, sums start with 0.
    pub(crate) bias: Option<&'a [f32]>,
    /// K.
    pub(crate) depth: usize,
    /// `[M, N]`.
    pub(crate) out: &'a mut [f32],
    /// N.
    pub(crate) columns: usize,
}

/// `out += xᵀ·weight`.
pub(crate) struct TransposedProduct<'a> {
    /// `[K, S]`, of which the columns from `first` on are read, as many as `out` has rows.
    pub(crate) x: &'a [f32],
    /// S.
    pub(crate) stride: usize,
    /// The first column of x.
    pub(crate) first: usize,
    /// `[K, N]`.
    pub(crate) weight: &'a [f32],
    /// `[M, N]`.
    pub(crate) out: &'a mut [f32],
    /// N.
    pub(crate) columns: usize,
}

/// The right side of a product: `columns` numbers from `first` on in each row of `stride`.
#[derive(Clone, Copy)]
struct Panel<'a> {
    weight: &'a [f32],
    stride: usize,
    first: usize,
}

impl Panel<'_> {
    /// Sums of `R` rows and `V` registers, from what they start with; `factor(k, r)` is the number of depth k in row r.
    /// It is read just before it is needed: with all of a depth at once, there would be too few registers.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "by number, all sums stay in registers")]
    fn sums<L: Lanes, const R: usize, const V: usize>(
        self,
        mut sums: [[L; V]; R],
        depth: usize,
        factor: impl Fn(usize, usize) -> f32,
    ) -> [[L; V]; R] {
        for k in 0..depth {
            let row = &self.weight[k * self.stride + self.first..][..V * L::N];
            let mut weights = [L::splat(0.0); V];
            for v in 0..V {
                weights[v] = L::load(&row[v * L::N..(v + 1) * L::N]);
            }
            for r in 0..R {
                let factor = L::splat(factor(k, r));
                for v in 0..V {
                    sums[r][v] = factor.multiply_add(weights[v], sums[r][v]);
                }
            }
        }
        sums
    }
}

/// Calls `$body` with a block of `$left` rows as a constant, at most [`ROWS`].
macro_rules! with_rows {
    ($left:expr, $body:ident::<$lanes:ty, $v:tt>($($argument:expr),*)) => {
        match $left {
            1 => $body::<$lanes, 1, $v>($($argument),*),
            2 => $body::<$lanes, 2, $v>($($argument),*),
            3 => $body::<$lanes, 3, $v>($($argument),*),
            4 => $body::<$lanes, 4, $v>($($argument),*),
            5 => $body::<$lanes, 5, $v>($($argument),*),
            _ => $body::<$lanes, ROWS, $v>($($argument),*),
        }
    };
}

/// One block of rows of a [`Product`] for one panel; `bias` and `out` begin at the panel's first column.
#[inline(always)]
fn rows<L: Lanes, const R: usize, const V: usize>(
    (x, stride): (&[f32], usize),
    panel: Panel,
    bias: Option<&[f32]>,
    depth: usize,
    out: &mut [f32],
    columns: usize,
) {
    let mut start = [[L::splat(0.0); V]; R];
    if let Some(bias) = bias {
        let bias = &bias[..V * L::N];
        for row in &mut start {
            for (v, sum) in row.iter_mut().enumerate() {
                *sum = L::load(&bias[v * L::N..(v + 1) * L::N]);
            }
        }
    }
    let mut lines = [x; R];
    for (r, line) in lines.iter_mut().enumerate() {
        *line = &x[r * stride..][..depth];
    }
    let sums = panel.sums(start, depth, |k, r| lines[r][k]);
    for (r, sums) in sums.into_iter().enumerate() {
        let out = &mut out[r * columns..][..V * L::N];
        for (v, sum) in sums.into_iter().enumerate() {
            sum.store(&mut out[v * L::N..(v + 1) * L::N]);
        }
    }
}

/// All rows of a [`Product`] for one panel of `V` registers.
#[inline(always)]
fn panel_of<L: Lanes, const V: usize>(
    (x, stride): (&[f32], usize),
    panel: Panel,
    bias: Option<&[f32]>,
    depth: usize,
    out: &mut [f32],
    columns: usize,
    n_rows: usize,
) {
    for row in (0..n_rows).step_by(ROWS) {
        let (x, out) = ((&x[row * stride..], stride), &mut out[row * columns..]);
        with_rows!(n_rows - row, rows::<L, V>(x, panel, bias, depth, out, columns));
    }
}

impl Loop for Product<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { x, stride, weight, bias, depth, out, columns } = self;
        let n_rows = out.len() / columns.max(1);
        let x = (x, stride);
        assert!(
            n_rows == 0 || x.0.len() >= (n_rows - 1) * stride + depth && weight.len() == depth * columns,
            "sizes of a product"
        );
        let wide = if L::MANY { 4 } else { 2 } * L::N;
        let mut first = 0;
        while first < columns {
            let panel = Panel { weight, stride: columns, first };
            let at_panel = bias.map(|bias| &bias[first..]);
            let out = &mut out[first..];
            let left = columns - first;
            if left >= wide {
                if L::MANY {
                    panel_of::<L, 4>(x, panel, at_panel, depth, out, columns, n_rows);
                } else {
                    panel_of::<L, 2>(x, panel, at_panel, depth, out, columns, n_rows);
                }
                first += wide;
            } else if left >= L::N {
                panel_of::<L, 1>(x, panel, at_panel, depth, out, columns, n_rows);
                first += L::N;
            } else {
                narrow::<L>(x, panel, at_panel, depth, out, left, n_rows);
                first = columns;
            }
        }
    }
}

/// A panel of fewer columns than a register has lanes: the weights get zeros behind them.
#[inline(always)]
fn narrow<L: Lanes>(
    (x, stride): (&[f32], usize),
    panel: Panel,
    bias: Option<&[f32]>,
    depth: usize,
    out: &mut [f32],
    width: usize,
    n_rows: usize,
) {
    let n_output = panel.stride;
    let mut padded = vec![0.0; (depth + 1) * L::N];
    let (padded_bias, padded) = padded.split_at_mut(L::N);
    if let Some(bias) = bias {
        padded_bias[..width].copy_from_slice(&bias[..width]);
    }
    for (k, padded) in padded.chunks_exact_mut(L::N).enumerate() {
        padded[..width].copy_from_slice(&panel.weight[k * n_output + panel.first..][..width]);
    }
    let panel = Panel { weight: padded, stride: L::N, first: 0 };
    let mut block = [0.0; ROWS * 16];
    for row in (0..n_rows).step_by(ROWS) {
        let block = &mut block[..ROWS * L::N];
        with_rows!(
            n_rows - row,
            rows::<L, 1>((&x[row * stride..], stride), panel, Some(padded_bias), depth, block, L::N)
        );
        for (r, sums) in block.chunks_exact(L::N).enumerate().take(n_rows - row) {
            out[(row + r) * n_output..][..width].copy_from_slice(&sums[..width]);
        }
    }
}

/// One block of rows of a [`TransposedProduct`] for one panel; `out` begins at the panel's first column.
#[inline(always)]
fn transposed_rows<L: Lanes, const R: usize, const V: usize>(
    x: &[f32],
    stride: usize,
    first: usize,
    panel: Panel,
    out: &mut [f32],
    columns: usize,
) {
    let mut start = [[L::splat(0.0); V]; R];
    for (r, sums) in start.iter_mut().enumerate() {
        let out = &out[r * columns..][..V * L::N];
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = L::load(&out[v * L::N..(v + 1) * L::N]);
        }
    }
    let sums = panel.sums(start, panel.weight.len() / panel.stride, |k, r| x[k * stride + first..][..R][r]);
    for (r, sums) in sums.into_iter().enumerate() {
        let out = &mut out[r * columns..][..V * L::N];
        for (v, sum) in sums.into_iter().enumerate() {
            sum.store(&mut out[v * L::N..(v + 1) * L::N]);
        }
    }
}

impl Loop for TransposedProduct<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { x, stride, first: first_row, weight, out, columns } = self;
        let n_rows = out.len() / columns.max(1);
        let depth = weight.len() / columns.max(1);
        assert!(x.len() == depth * stride && first_row + n_rows <= stride, "sizes of a product");
        let wide = if L::MANY { 4 } else { 2 } * L::N;
        let mut first = 0;
        while first + L::N <= columns {
            let panel = Panel { weight, stride: columns, first };
            let is_wide = columns - first >= wide;
            for row in (0..n_rows).step_by(ROWS) {
                let (at_row, out) = (first_row + row, &mut out[row * columns + first..]);
                if !is_wide {
                    with_rows!(n_rows - row, transposed_rows::<L, 1>(x, stride, at_row, panel, out, columns));
                } else if L::MANY {
                    with_rows!(n_rows - row, transposed_rows::<L, 4>(x, stride, at_row, panel, out, columns));
                } else {
                    with_rows!(n_rows - row, transposed_rows::<L, 2>(x, stride, at_row, panel, out, columns));
                }
            }
            first += if is_wide { wide } else { L::N };
        }
        for column in first..columns {
            for row in 0..n_rows {
                let sum = &mut out[row * columns + column];
                for k in 0..depth {
                    let factor = L::splat(x[k * stride + first_row + row]);
                    let mut padded = [0.0; 16];
                    factor.multiply_add(L::splat(weight[k * columns + column]), L::splat(*sum)).store(&mut padded);
                    *sum = padded[0];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{Plain, kinds, vectorise, vectorise_as};
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|k| ((k * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
    }

    /// Sizes with and without whole blocks, panels and registers.
    const SIZES: [(usize, usize, usize); 9] = [
        (1, 1, 1),
        (6, 8, 64),
        (7, 10, 64),
        (13, 49, 128),
        (12, 5, 72),
        (5, 64, 2),
        (11, 3, 37),
        (3, 20, 17),
        (8, 2, 4),
    ];

    #[test]
    fn a_product_is_the_sum_over_the_depth() {
        for (n_rows, depth, columns) in SIZES {
            // Rows of x are longer than the depth.
            let stride = depth + 3;
            let (x, weight, bias) = (numbers(n_rows * stride, 1), numbers(depth * columns, 2), numbers(columns, 3));
            for bias in [None, Some(&bias[..])] {
                let product = |out| Product { x: &x, stride, weight: &weight, bias, depth, out, columns };
                let (mut found, mut plain) = (vec![f32::NAN; n_rows * columns], vec![f32::NAN; n_rows * columns]);
                vectorise(product(&mut found));
                product(&mut plain).run::<Plain>();
                for (k, (found, plain)) in found.iter().zip(&plain).enumerate() {
                    let (row, column) = (k / columns, k % columns);
                    let of_depth = |d: usize| f64::from(x[row * stride + d]) * f64::from(weight[d * columns + column]);
                    let start = bias.map_or(0.0, |bias| f64::from(bias[column]));
                    let exact = start + (0..depth).map(of_depth).sum::<f64>();
                    for value in [found, plain] {
                        assert!((f64::from(*value) - exact).abs() < 1e-5, "{n_rows} × {depth} × {columns}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_transposed_product_is_added() {
        for (depth, n_rows, columns) in SIZES {
            let stride = n_rows + 2;
            let (x, weight, start) =
                (numbers(depth * stride, 4), numbers(depth * columns, 5), numbers(n_rows * columns, 6));
            let product = |out| TransposedProduct { x: &x, stride, first: 1, weight: &weight, out, columns };
            let (mut found, mut plain) = (start.clone(), start.clone());
            vectorise(product(&mut found));
            product(&mut plain).run::<Plain>();
            for (k, (found, plain)) in found.iter().zip(&plain).enumerate() {
                let (row, column) = (k / columns, k % columns);
                let of_depth = |d: usize| f64::from(x[d * stride + 1 + row]) * f64::from(weight[d * columns + column]);
                let exact = f64::from(start[k]) + (0..depth).map(of_depth).sum::<f64>();
                for value in [found, plain] {
                    assert!((f64::from(*value) - exact).abs() < 1e-5, "{n_rows} × {depth} × {columns}");
                }
            }
        }
    }

    #[test]
    fn the_width_of_a_register_does_not_change_the_bits() {
        for (n_rows, depth, columns) in SIZES {
            let (x, weight, bias) = (numbers(n_rows * depth, 1), numbers(depth * columns, 2), numbers(columns, 3));
            let y = numbers(n_rows * columns, 4);
            let results = kinds().into_iter().map(|kind| {
                let (mut out, mut sums) = (vec![0.0; n_rows * columns], vec![0.0; depth * columns]);
                let (bias, stride) = (Some(&bias[..]), depth);
                vectorise_as(kind, Product { x: &x, stride, weight: &weight, bias, depth, out: &mut out, columns });
                let out_sums = &mut sums;
                vectorise_as(kind, TransposedProduct { x: &x, stride, first: 0, weight: &y, out: out_sums, columns });
                (out, sums)
            });
            let results: Vec<_> = results.collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{n_rows} × {depth} × {columns}");
        }
    }

    #[test]
    fn rows_do_not_depend_on_each_other() {
        let (depth, columns) = (37, 50);
        let (x, weight) = (numbers(20 * depth, 1), numbers(depth * columns, 2));
        let product = |x: &[f32]| {
            let mut out = vec![0.0; x.len() / depth * columns];
            vectorise(Product { x, stride: depth, weight: &weight, bias: None, depth, out: &mut out, columns });
            out
        };
        let all = product(&x);
        for n_rows in 1..=20 {
            assert_eq!(product(&x[..n_rows * depth]), all[..n_rows * columns]);
        }
    }
}
