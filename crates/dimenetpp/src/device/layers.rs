//! What a unit does with its values between one layer and the next ([`super::stage`] for who holds what).

#![allow(clippy::collapsible_if, reason = "kernels: a condition known at compile time must stand alone")]

use cubecl::prelude::*;
use tensor_ops::cube::tiles::{PLANE, activate, add_products, leading_part, load_four, remaining_part};
use tensor_ops::layer_norm::EPSILON;

use super::form::{Columns, Form};
use super::pack::{PIECE_INPUTS, PIECE_OUTPUTS};

/// Four neighbouring columns of a row.
pub(super) type Four = Vector<f32, Const<4>>;

/// Where a unit's vector stands in shared memory.
#[cube]
pub(super) fn slot(vector: usize, #[comptime] units: usize) -> usize {
    vector * units + UNIT_POS as usize
}

/// `out = x·W` in some columns. W begins at vector `at` of the parameters.
#[cube]
pub(super) fn product<W: Size>(
    parameters: &[Vector<u32, W>],
    at: usize,
    lane: usize,
    x: &Shared<[Four]>,
    out: &mut Array<f32>,
    #[comptime] columns: Columns,
) {
    let chunks = comptime!(columns.n_input.div_ceil(PIECE_INPUTS));
    let all_tiles = comptime!(columns.n_output / PIECE_OUTPUTS);
    let first_tile = comptime!(columns.first / PIECE_OUTPUTS);
    let tiles = comptime!(columns.count / PIECE_OUTPUTS);
    let out_of_row = comptime!(columns.count / 4);
    let passes = comptime!(columns.passes);
    let mut sums = Array::<Four>::new(comptime!(columns.count / PIECE_OUTPUTS));
    let mut left = Array::<u32>::new(8usize);
    let mut left_rest = Array::<u32>::new(8usize);
    #[unroll]
    for tile in 0..tiles {
        sums[tile] = Four::zeroed();
    }
    let mut piece = at + first_tile * PLANE + lane;
    for chunk in 0..chunks {
        #[unroll]
        for half in 0..2usize {
            let four = x[slot(half * chunks + chunk, columns.units)];
            #[unroll]
            for j in 0..4usize {
                left[4 * half + j] = leading_part(four.extract(j));
                if comptime!(passes == 3) {
                    left_rest[4 * half + j] = remaining_part(four.extract(j), left[4 * half + j]);
                }
            }
        }
        #[unroll]
        for tile in 0..tiles {
            let weights = parameters[piece + tile * PLANE];
            let mut rest = weights;
            if comptime!(passes == 3) {
                rest = parameters[piece + tile * PLANE + chunks * all_tiles * PLANE];
            }
            sums[tile] = add_products(&left, &left_rest, weights, rest, sums[tile], passes);
        }
        piece += all_tiles * PLANE;
    }
    // Two neighbouring tiles have four neighbouring columns.
    #[unroll]
    for tile in 0..tiles {
        #[unroll]
        for r in 0..4usize {
            out[r / 2 * out_of_row + tile / 2 * 4 + tile % 2 * 2 + r % 2] = sums[tile].extract(r);
        }
    }
}

/// Adds a bias, which begins at vector `at`, and activates.
#[cube]
pub(super) fn finish<W: Size>(
    parameters: &[Vector<u32, W>],
    at: usize,
    member: usize,
    x: &mut Array<f32>,
    #[comptime] n_columns: usize,
    #[comptime] with_bias: bool,
) {
    let of_row = comptime!(n_columns / 4);
    #[unroll]
    for quarter in 0..n_columns / 16 {
        let mut bias = Vector::<u32, W>::zeroed();
        if comptime!(with_bias) {
            bias = parameters[at + 4 * quarter + member];
        }
        #[unroll]
        for j in 0..4usize {
            #[unroll]
            for half in 0..2usize {
                let at = half * of_row + 4 * quarter + j;
                if comptime!(with_bias) {
                    x[at] = activate(x[at] + f32::reinterpret(bias.extract(j)));
                } else {
                    x[at] = activate(x[at]);
                }
            }
        }
    }
}

/// Puts values of rows of `width` where the next layer reads them.
#[cube]
pub(super) fn keep(x: &mut Shared<[Four]>, values: &Array<f32>, #[comptime] width: usize, #[comptime] units: usize) {
    #[unroll]
    for vector in 0..width / 8 {
        let mut four = Four::empty();
        #[unroll]
        for j in 0..4usize {
            four.insert(j, values[4 * vector + j]);
        }
        x[slot(vector, units)] = four;
    }
}

/// `values += x`, or `values *= x`.
#[cube]
pub(super) fn combine(
    x: &Shared<[Four]>,
    values: &mut Array<f32>,
    #[comptime] width: usize,
    #[comptime] multiplied: bool,
    #[comptime] units: usize,
) {
    #[unroll]
    for vector in 0..width / 8 {
        let four = x[slot(vector, units)];
        #[unroll]
        for j in 0..4usize {
            if comptime!(multiplied) {
                values[4 * vector + j] *= four.extract(j);
            } else {
                values[4 * vector + j] += four.extract(j);
            }
        }
    }
}

/// `x += swish(W2·swish(W1·x + b1) + b2)`; returns where the parameters go on.
#[cube]
pub(super) fn residual<W: Size>(
    parameters: &[Vector<u32, W>],
    at: usize,
    lane: usize,
    x: &mut Shared<[Four]>,
    inner: &mut Shared<[Four]>,
    values: &mut Array<f32>,
    #[comptime] form: Form,
) -> usize {
    let member = lane % 4;
    let width = comptime!(form.emb);
    let units = comptime!(form.units());
    let bias = comptime!(form.vectors(form.emb, form.emb));
    let whole = comptime!(form.vectors(form.emb, form.emb) + form.emb / 4);
    let square = comptime!(form.matrix(form.emb, form.emb));
    product(parameters, at, lane, &*x, values, square);
    finish(parameters, at + bias, member, values, width, true);
    keep(inner, &*values, width, units);
    product(parameters, at + whole, lane, &*inner, values, square);
    finish(parameters, at + whole + bias, member, values, width, true);
    combine(&*x, values, width, false, units);
    keep(x, &*values, width, units);
    at + 2 * whole
}

/// Rows beyond the last repeat it, and are not written.
#[cube]
fn existing(row: usize, n_rows: usize) -> usize {
    let mut found = row;
    if found >= n_rows {
        found = n_rows - 1;
    }
    found
}

/// A unit's values of both its rows.
#[cube]
pub(super) fn load<W: Size>(
    from: &[Vector<f32, W>],
    row_0: usize,
    n_rows: usize,
    member: usize,
    into: &mut Shared<[Four]>,
    #[comptime] width: usize,
    #[comptime] units: usize,
) {
    let of_row = comptime!(width / 4);
    #[unroll]
    for half in 0..2usize {
        let row = existing(row_0 + 8 * half, n_rows);
        #[unroll]
        for quarter in 0..width / 16 {
            let given = from[row * of_row + 4 * quarter + member];
            let mut four = Four::empty();
            #[unroll]
            for j in 0..4usize {
                four.insert(j, given.extract(j));
            }
            into[slot(half * (width / 16) + quarter, units)] = four;
        }
    }
}

/// Adds a unit's values of a row of `from` to those of one of its rows.
#[cube]
fn add_row<W: Size>(
    from: &[Vector<f32, W>],
    row: usize,
    member: usize,
    to: &mut Array<f32>,
    #[comptime] half: usize,
    #[comptime] width: usize,
) {
    let of_row = comptime!(width / 4);
    #[unroll]
    for quarter in 0..width / 16 {
        let four = from[row * of_row + 4 * quarter + member];
        #[unroll]
        for j in 0..4usize {
            to[half * of_row + 4 * quarter + j] += four.extract(j);
        }
    }
}

/// Adds a unit's values of both its rows.
#[cube]
pub(super) fn add<W: Size>(
    from: &[Vector<f32, W>],
    row_0: usize,
    n_rows: usize,
    member: usize,
    to: &mut Array<f32>,
    #[comptime] width: usize,
) {
    #[unroll]
    for half in 0..2usize {
        add_row(from, existing(row_0 + 8 * half, n_rows), member, to, half, width);
    }
}

/// Adds a unit's values of the rows of a table that an index names for both its rows.
#[cube]
pub(super) fn add_indexed<W: Size>(
    table: &[Vector<f32, W>],
    index: &[i32],
    row_0: usize,
    n_rows: usize,
    member: usize,
    to: &mut Array<f32>,
    #[comptime] width: usize,
) {
    #[unroll]
    for half in 0..2usize {
        add_row(table, index[existing(row_0 + 8 * half, n_rows)] as usize, member, to, half, width);
    }
}

/// Features of both rows as a layer's input, with zeros up to a multiple of 16 columns.
#[cube]
pub(super) fn load_features<V: Size>(
    features: &[Vector<f32, V>],
    row_0: usize,
    n_rows: usize,
    member: usize,
    into: &mut Shared<[Four]>,
    #[comptime] columns: usize,
    #[comptime] width: usize,
    #[comptime] units: usize,
) {
    let chunks = comptime!(columns.div_ceil(PIECE_INPUTS));
    let mut values = Array::<f32>::new(comptime!(8 * columns.div_ceil(PIECE_INPUTS)));
    #[unroll]
    for half in 0..2usize {
        let row = existing(row_0 + 8 * half, n_rows);
        #[unroll]
        for chunk in 0..chunks {
            load_four(
                features,
                row * columns,
                16 * chunk + 4 * member,
                &mut values,
                4 * (half * chunks + chunk),
                columns,
                width,
                true,
            );
        }
    }
    keep(into, &values, comptime!(columns.next_multiple_of(PIECE_INPUTS)), units);
}

/// Writes a unit's values of those of its rows that exist.
#[cube]
pub(super) fn store<W: Size>(
    to: &mut [Vector<f32, W>],
    row_0: usize,
    n_rows: usize,
    member: usize,
    from: &Array<f32>,
    #[comptime] width: usize,
) {
    let of_row = comptime!(width / 4);
    #[unroll]
    for half in 0..2usize {
        let row = row_0 + 8 * half;
        if row < n_rows {
            #[unroll]
            for quarter in 0..width / 16 {
                let mut four = Vector::<f32, W>::empty();
                #[unroll]
                for j in 0..4usize {
                    four.insert(j, from[half * of_row + 4 * quarter + j]);
                }
                to[row * of_row + 4 * quarter + member] = four;
            }
        }
    }
}

/// The sum over the four units that share a row.
#[cube]
pub(super) fn row_sum(share: f32) -> f32 {
    let pair = share + plane_shuffle_xor(share, 1u32);
    pair + plane_shuffle_xor(pair, 2u32)
}

/// The layer norm of both rows; γ begins at vector `at`, β follows.
#[cube]
pub(super) fn normalise<W: Size>(
    parameters: &[Vector<u32, W>],
    at: usize,
    member: usize,
    x: &mut Array<f32>,
    #[comptime] width: usize,
) {
    let of_row = comptime!(width / 4);
    #[unroll]
    for half in 0..2usize {
        let mut sum = 0.0f32;
        #[unroll]
        for k in 0..of_row {
            sum += x[half * of_row + k];
        }
        let mean = row_sum(sum) / width as f32;
        let mut square = 0.0f32;
        #[unroll]
        for k in 0..of_row {
            x[half * of_row + k] -= mean;
            square += x[half * of_row + k] * x[half * of_row + k];
        }
        let scale = 1.0 / (row_sum(square) / width as f32 + EPSILON).sqrt();
        #[unroll]
        for quarter in 0..width / 16 {
            let gamma = parameters[at + 4 * quarter + member];
            let beta = parameters[at + of_row + 4 * quarter + member];
            #[unroll]
            for j in 0..4usize {
                let k = half * of_row + 4 * quarter + j;
                x[k] = f32::reinterpret(gamma.extract(j)) * (x[k] * scale) + f32::reinterpret(beta.extract(j));
            }
        }
    }
}

/// A layer of the output block, in as many parts as a unit's registers want.
#[cube]
pub(super) fn wide_product<W: Size>(
    parameters: &[Vector<u32, W>],
    at: usize,
    lane: usize,
    x: &Shared<[Four]>,
    out: &mut Array<f32>,
    #[comptime] n_input: usize,
    #[comptime] form: Form,
) {
    let of_part = comptime!(form.part_columns() / 4);
    let of_row = comptime!(form.out_emb / 4);
    let mut part = Array::<f32>::new(comptime!(form.part_columns() / 2));
    #[unroll]
    for p in 0..comptime!(form.output_parts()) {
        product(parameters, at, lane, x, &mut part, comptime!(form.part_of_output(n_input, p)));
        #[unroll]
        for k in 0..2 * of_part {
            out[k / of_part * of_row + p * of_part + k % of_part] = part[k];
        }
    }
}
