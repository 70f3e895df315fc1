//! The layers between two exchanges of messages, for 16 edges a plane.
//!
//! A unit holds of its plane's rows two (`group` and `group + 8`), and of these every fourth group of four neighbouring
//! columns: vector `h·width/16 + q` of its values is row h, columns `16·q + 4·member` to `16·q + 4·member + 3`. A layer's
//! sums come out in the places where the next layer wants its input ([`super::pack`]), so nothing but the weights passes
//! between units; sums over a row are exchanged among the four units that share it. A layer's input waits in shared
//! memory, each unit's by itself, so that a loop can go through it: with everything in registers, every product of
//! every layer would be an instruction of its own, and compiling them would take a minute.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]
#![allow(clippy::collapsible_if, reason = "kernels: a condition known at compile time must stand alone")]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use tensor_ops::cube::tiles::{PLANE, activate, add_products, leading_part, load_four, remaining_part};
use tensor_ops::cube::{cube_of, cubes, output};
use tensor_ops::layer_norm::EPSILON;

use super::pack::{PIECE_INPUTS, PIECE_OUTPUTS, vectors};
use crate::DimeNetPlusPlus;

/// Most planes of a cube: as many as have registers for a layer's sums. They share nothing, but read the same weights at
/// about the same time.
const MAX_PLANES: usize = 12;
/// Rows of a plane.
const ROWS: usize = 16;
/// Columns whose sums a unit holds at once.
const MAX_COLUMNS: usize = 128;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Form {
    emb: usize,
    int_emb: usize,
    out_emb: usize,
    n_radial: usize,
    n_scalars: usize,
    n_before_skip: usize,
    n_after_skip: usize,
    n_dense_output: usize,
    /// Whether an interaction ends here: all stages but the first, in which the messages are made.
    ends: bool,
    /// Whether one begins: all but the last.
    begins: bool,
    passes: usize,
    planes: usize,
}

impl Form {
    /// Stage k of a network on a device with so many bytes of shared memory for a cube.
    pub(super) fn of(network: &DimeNetPlusPlus, k: usize, passes: usize, shared_memory: usize) -> Self {
        let first = network.interactions.first();
        let form = Self {
            emb: network.embedding.levels.dims()[1],
            int_emb: first.map_or(PIECE_INPUTS, |block| block.down.weight.dims()[1]),
            out_emb: network.outputs[0].up.weight.dims()[1],
            n_radial: network.basis.n_radial,
            n_scalars: network.basis.n_scalars(),
            n_before_skip: first.map_or(0, |block| block.before_skip.len()),
            n_after_skip: first.map_or(0, |block| block.after_skip.len()),
            n_dense_output: network.outputs[0].dense.len(),
            ends: k > 0,
            begins: k < network.interactions.len(),
            passes,
            planes: 1,
        };
        Self { planes: (shared_memory / form.shared_bytes()).min(MAX_PLANES), ..form }
    }

    /// Shared memory for the units of so many planes.
    fn shared_bytes(self) -> usize {
        (self.emb + self.widest()) / 2 * self.units() * size_of::<f32>()
    }

    fn units(self) -> usize {
        self.planes * PLANE
    }

    /// Whether the kernel takes these sizes.
    pub(super) fn fits(&self) -> bool {
        let whole = |width: usize| width > 0 && width.is_multiple_of(PIECE_INPUTS);
        whole(self.emb)
            && whole(self.int_emb)
            && whole(self.out_emb)
            && self.emb.max(self.int_emb) <= MAX_COLUMNS
            && (self.out_emb <= MAX_COLUMNS || self.out_emb == 2 * MAX_COLUMNS)
            && (1..=PIECE_INPUTS).contains(&self.n_radial)
            && self.planes > 0
    }

    /// Halves of the output block's columns that are computed one after the other.
    fn output_parts(self) -> usize {
        self.out_emb.div_ceil(MAX_COLUMNS)
    }

    fn part_columns(self) -> usize {
        self.out_emb / self.output_parts()
    }

    /// A layer's matrix.
    fn matrix(self, n_input: usize, n_output: usize) -> Columns {
        Columns { n_input, n_output, first: 0, count: n_output, passes: self.passes, units: self.units() }
    }

    /// Vectors of a layer's matrix.
    fn vectors(self, n_input: usize, n_output: usize) -> usize {
        vectors(n_input, n_output, self.passes)
    }

    /// Columns of a part.
    fn part_of_output(self, n_input: usize, part: usize) -> Columns {
        let count = self.part_columns();
        Columns {
            n_input,
            n_output: self.out_emb,
            first: part * count,
            count,
            passes: self.passes,
            units: self.units(),
        }
    }

    /// The widest input of a layer, that of messages aside.
    fn widest(self) -> usize {
        self.emb.max(self.int_emb).max(self.out_emb).max(self.n_scalars.next_multiple_of(PIECE_INPUTS))
    }
}

/// A stretch of a matrix' columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Columns {
    n_input: usize,
    n_output: usize,
    first: usize,
    count: usize,
    passes: usize,
    units: usize,
}

type Four = Vector<f32, Const<4>>;

/// Where a unit's vector stands in shared memory.
#[cube]
fn slot(vector: usize, #[comptime] units: usize) -> usize {
    vector * units + UNIT_POS as usize
}

/// `out = x·W` in some columns. W begins at vector `at` of the parameters.
#[cube]
fn product<W: Size>(
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
fn finish<W: Size>(
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

/// Puts values of some columns where the next layer reads them; `columns` of them, from `first` on, of rows of `width`.
#[cube]
fn keep(
    x: &mut Shared<[Four]>,
    values: &Array<f32>,
    #[comptime] width: usize,
    #[comptime] first: usize,
    #[comptime] columns: usize,
    #[comptime] units: usize,
) {
    #[unroll]
    for half in 0..2usize {
        #[unroll]
        for quarter in 0..columns / 16 {
            let mut four = Four::empty();
            #[unroll]
            for j in 0..4usize {
                four.insert(j, values[half * (columns / 4) + 4 * quarter + j]);
            }
            x[slot(half * (width / 16) + first / 16 + quarter, units)] = four;
        }
    }
}

/// `values += x`, or `values *= x`.
#[cube]
fn combine(
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
fn residual<W: Size>(
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
    keep(inner, &*values, width, 0usize, width, units);
    product(parameters, at + whole, lane, &*inner, values, square);
    finish(parameters, at + whole + bias, member, values, width, true);
    combine(&*x, values, width, false, units);
    keep(x, &*values, width, 0usize, width, units);
    at + 2 * whole
}

/// A unit's values of both its rows.
#[cube]
fn load<W: Size>(
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
        // Rows beyond the last repeat it, and are not written.
        let mut row = row_0 + 8 * half;
        if row >= n_rows {
            row = n_rows - 1;
        }
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

/// Adds a unit's values of both its rows.
#[cube]
fn add<W: Size>(
    from: &[Vector<f32, W>],
    row_0: usize,
    n_rows: usize,
    member: usize,
    to: &mut Array<f32>,
    #[comptime] width: usize,
) {
    let of_row = comptime!(width / 4);
    #[unroll]
    for half in 0..2usize {
        let mut row = row_0 + 8 * half;
        if row >= n_rows {
            row = n_rows - 1;
        }
        #[unroll]
        for quarter in 0..width / 16 {
            let four = from[row * of_row + 4 * quarter + member];
            #[unroll]
            for j in 0..4usize {
                to[half * of_row + 4 * quarter + j] += four.extract(j);
            }
        }
    }
}

/// Adds a unit's values of the rows of a table that an index names for both its rows.
#[cube]
fn add_indexed<W: Size>(
    table: &[Vector<f32, W>],
    index: &[i32],
    row_0: usize,
    n_rows: usize,
    member: usize,
    to: &mut Array<f32>,
    #[comptime] width: usize,
) {
    let of_row = comptime!(width / 4);
    #[unroll]
    for half in 0..2usize {
        let mut row = row_0 + 8 * half;
        if row >= n_rows {
            row = n_rows - 1;
        }
        let start = index[row] as usize * of_row + member;
        #[unroll]
        for quarter in 0..width / 16 {
            let four = table[start + 4 * quarter];
            #[unroll]
            for j in 0..4usize {
                to[half * of_row + 4 * quarter + j] += four.extract(j);
            }
        }
    }
}

/// Features of both rows as a layer's input, with zeros up to a multiple of 16 columns.
#[cube]
fn load_features<V: Size>(
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
        let mut row = row_0 + 8 * half;
        if row >= n_rows {
            row = n_rows - 1;
        }
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
    keep(
        into,
        &values,
        comptime!(columns.next_multiple_of(16)),
        0usize,
        comptime!(columns.next_multiple_of(16)),
        units,
    );
}

/// Writes a unit's values of those of its rows that exist.
#[cube]
fn store<W: Size>(
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
fn row_sum(share: f32) -> f32 {
    let pair = share + plane_shuffle_xor(share, 1u32);
    pair + plane_shuffle_xor(pair, 2u32)
}

/// The layer norm of both rows; γ begins at vector `at`, β follows.
#[cube]
fn normalise<W: Size>(
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
fn wide_product<W: Size>(
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

/// A stage: messages of an interaction's end, or the first messages; what the next interaction needs of them; and the
/// output block's two numbers.
///
/// At an interaction's end `messages` and `same` are `[E, emb]`, from before it; for the first messages they are tables
/// of what the source and the target of an edge bring, `[N, emb]`.
#[cube(launch_unchecked)]
fn stage_kernel<W: Size, V: Size, S: Size>(
    messages: &[Vector<f32, W>],
    same: &[Vector<f32, W>],
    angular: &[Vector<f32, W>],
    outputs: &[f32],
    radial: &[Vector<f32, V>],
    scalars: &[Vector<f32, S>],
    source: &[i32],
    target: &[i32],
    parameters: &[Vector<u32, W>],
    new_messages: &mut [Vector<f32, W>],
    new_same: &mut [Vector<f32, W>],
    new_down: &mut [Vector<f32, W>],
    new_outputs: &mut [f32],
    first_parameter: usize,
    n_rows: usize,
    #[comptime] form: Form,
    #[comptime] radial_width: usize,
    #[comptime] scalar_width: usize,
) {
    let emb = comptime!(form.emb);
    let int_emb = comptime!(form.int_emb);
    let out_emb = comptime!(form.out_emb);
    let n_radial = comptime!(form.n_radial);
    let units = comptime!(form.units());
    let planes = comptime!(form.planes);
    let unit = UNIT_POS as usize;
    let lane = unit % PLANE;
    let member = lane % 4;
    let tile_0 = (CUBE_POS * planes + unit / PLANE) * ROWS;
    if tile_0 >= n_rows {
        terminate!();
    }
    let row_0 = tile_0 + lane / 4;
    let mut at = first_parameter;
    // What a message becomes, and the input of the next layer where that is something else.
    let mut x = Shared::<[Four]>::new_slice(comptime!(form.emb / 8 * form.units()));
    let mut inner = Shared::<[Four]>::new_slice(comptime!(form.widest() / 8 * form.units()));
    let mut values = Array::<f32>::new(comptime!(form.emb / 2));
    let mut others = Array::<f32>::new(comptime!(form.emb / 2));
    let square = comptime!(form.matrix(form.emb, form.emb));
    let of_square = comptime!(form.vectors(form.emb, form.emb));
    let of_bias = comptime!(form.emb / 4);
    let of_radial = comptime!(form.vectors(form.n_radial, form.emb));
    let from_radial = comptime!(form.matrix(form.n_radial, form.emb));

    if comptime!(form.ends) {
        load(angular, row_0, n_rows, member, &mut inner, int_emb, units);
        product(parameters, at, lane, &inner, &mut values, comptime!(form.matrix(form.int_emb, form.emb)));
        finish(parameters, at, member, &mut values, emb, false);
        at += comptime!(form.vectors(form.int_emb, form.emb));
        add(same, row_0, n_rows, member, &mut values, emb);
        keep(&mut x, &values, emb, 0usize, emb, units);
        for _ in 0..comptime!(form.n_before_skip) {
            at = residual(parameters, at, lane, &mut x, &mut inner, &mut values, form);
        }
        product(parameters, at, lane, &x, &mut values, square);
        finish(parameters, at + of_square, member, &mut values, emb, true);
        at += of_square + of_bias;
        add(messages, row_0, n_rows, member, &mut values, emb);
        keep(&mut x, &values, emb, 0usize, emb, units);
        for _ in 0..comptime!(form.n_after_skip) {
            at = residual(parameters, at, lane, &mut x, &mut inner, &mut values, form);
        }
    } else {
        load_features(radial, row_0, n_rows, member, &mut inner, n_radial, radial_width, units);
        product(parameters, at, lane, &inner, &mut values, from_radial);
        finish(parameters, at + of_radial, member, &mut values, emb, true);
        at += of_radial + of_bias;
        keep(&mut inner, &values, emb, 0usize, emb, units);
        product(parameters, at, lane, &inner, &mut values, square);
        at += of_square;
        load_features(scalars, row_0, n_rows, member, &mut inner, comptime!(form.n_scalars), scalar_width, units);
        product(parameters, at, lane, &inner, &mut others, comptime!(form.matrix(form.n_scalars, form.emb)));
        #[unroll]
        for k in 0..emb / 2 {
            values[k] += others[k];
        }
        add_indexed(messages, source, row_0, n_rows, member, &mut values, emb);
        add_indexed(same, target, row_0, n_rows, member, &mut values, emb);
        at += comptime!(form.vectors(form.n_scalars, form.emb));
        finish(parameters, at, member, &mut values, emb, true);
        at += of_bias;
        keep(&mut x, &values, emb, 0usize, emb, units);
    }
    store(new_messages, row_0, n_rows, member, &values, emb);

    if comptime!(form.begins) {
        product(parameters, at, lane, &x, &mut values, square);
        finish(parameters, at + of_square, member, &mut values, emb, true);
        at += of_square + of_bias;
        store(new_same, row_0, n_rows, member, &values, emb);
        load_features(radial, row_0, n_rows, member, &mut inner, n_radial, radial_width, units);
        product(parameters, at, lane, &inner, &mut others, from_radial);
        at += of_radial;
        product(parameters, at, lane, &x, &mut values, square);
        finish(parameters, at + of_square, member, &mut values, emb, true);
        at += of_square + of_bias;
        #[unroll]
        for k in 0..emb / 2 {
            values[k] *= others[k];
        }
        keep(&mut inner, &values, emb, 0usize, emb, units);
        let mut down = Array::<f32>::new(comptime!(form.int_emb / 2));
        product(parameters, at, lane, &inner, &mut down, comptime!(form.matrix(form.emb, form.int_emb)));
        finish(parameters, at, member, &mut down, int_emb, false);
        at += comptime!(form.vectors(form.emb, form.int_emb));
        store(new_down, row_0, n_rows, member, &down, int_emb);
    }

    // The output block.
    load_features(radial, row_0, n_rows, member, &mut inner, n_radial, radial_width, units);
    product(parameters, at, lane, &inner, &mut values, from_radial);
    at += of_radial;
    combine(&x, &mut values, emb, true, units);
    keep(&mut x, &values, emb, 0usize, emb, units);
    let mut wide = Array::<f32>::new(comptime!(form.out_emb / 2));
    wide_product(parameters, at, lane, &x, &mut wide, emb, form);
    at += comptime!(form.vectors(form.emb, form.out_emb));
    normalise(parameters, at, member, &mut wide, out_emb);
    at += comptime!(form.out_emb / 2);
    for _ in 0..comptime!(form.n_dense_output) {
        keep(&mut inner, &wide, out_emb, 0usize, out_emb, units);
        wide_product(parameters, at, lane, &inner, &mut wide, out_emb, form);
        at += comptime!(form.vectors(form.out_emb, form.out_emb));
        finish(parameters, at, member, &mut wide, out_emb, true);
        at += comptime!(form.out_emb / 4);
    }
    let of_row = comptime!(form.out_emb / 4);
    #[unroll]
    for column in 0..2usize {
        let mut shares = Array::<f32>::new(2usize);
        shares[0] = 0.0f32;
        shares[1] = 0.0f32;
        #[unroll]
        for quarter in 0..out_emb / 16 {
            let four = parameters[at + column * of_row + 4 * quarter + member];
            #[unroll]
            for k in 0..8usize {
                shares[k / 4] += wide[k / 4 * of_row + 4 * quarter + k % 4] * f32::reinterpret(four.extract(k % 4));
            }
        }
        #[unroll]
        for half in 0..2usize {
            let mut total = row_sum(shares[half]);
            let row = row_0 + 8 * half;
            if member == 0 && row < n_rows {
                if comptime!(form.ends) {
                    total += outputs[2 * row + column];
                }
                new_outputs[2 * row + column] = total;
            }
        }
    }
}

/// What a network reads of the edges, `[E, …]`.
pub(super) struct Edges {
    pub(super) radial: CubeTensor,
    pub(super) scalars: CubeTensor,
    pub(super) source: CubeTensor,
    pub(super) target: CubeTensor,
}

/// What is kept of all edges between two stages.
pub(super) struct Rows {
    /// `[E, emb]`; before the first stage, what an edge's source brings, `[N, emb]`.
    pub(super) messages: CubeTensor,
    /// The branch of an interaction that keeps its direction, `[E, emb]`; before the first stage, what an edge's target
    /// brings, `[N, emb]`.
    pub(super) same: CubeTensor,
    /// The angular messages, `[E, int_emb]`.
    pub(super) angular: Option<CubeTensor>,
    /// The output blocks so far, `[E, 2]`.
    pub(super) outputs: Option<CubeTensor>,
}

impl Rows {
    /// A stage. Returns what the next interaction exchanges, `[E, int_emb]`, if one begins.
    pub(super) fn advance(
        &mut self,
        edges: &Edges,
        parameters: &CubeTensor,
        first_parameter: usize,
        form: Form,
    ) -> Option<CubeTensor> {
        let n_rows = edges.radial.shape()[0];
        let n_given = if form.ends { n_rows } else { self.messages.shape()[0] };
        let fits = |rows: &CubeTensor, shape: [usize; 2]| rows.shape() == Shape::new(shape);
        assert!(fits(&self.messages, [n_given, form.emb]) && fits(&self.same, [n_given, form.emb]), "messages");
        assert!(fits(&edges.radial, [n_rows, form.n_radial]), "the radial functions fit the network");
        assert!(fits(&edges.scalars, [n_rows, form.n_scalars]), "the scalars fit the network");
        let ended = |rows: &Option<CubeTensor>, width| rows.as_ref().is_some_and(|rows| fits(rows, [n_rows, width]));
        assert!(!form.ends || (ended(&self.angular, form.int_emb) && ended(&self.outputs, 2)), "an interaction ends");
        let like = &edges.radial;
        let placeholder = || like.clone();
        let new = |wanted: bool, width: usize| if wanted { output(like, [n_rows, width]) } else { like.clone() };
        let new_messages = new(true, form.emb);
        let (new_same, new_down) = (new(form.begins, form.emb), new(form.begins, form.int_emb));
        let new_outputs = new(true, 2);
        let width = |columns: usize| if columns.is_multiple_of(4) { 4 } else { 1 };
        let (radial_width, scalar_width) = (width(form.n_radial), width(form.n_scalars));
        // SAFETY: with the shapes as asserted and the parameters as packed for this form, the kernel stays below the
        // lengths of its buffers, as long as the indices name sites, which row indices are made to do. Tensors begin at
        // multiples of the device's alignment, and rows that are read as vectors are whole vectors long.
        unsafe {
            stage_kernel::launch_unchecked(
                &like.client,
                cubes(like, n_rows.div_ceil(ROWS * form.planes)),
                cube_of(form.units()),
                4,
                radial_width,
                scalar_width,
                self.messages.clone().into_buffer_arg(),
                self.same.clone().into_buffer_arg(),
                self.angular.take().unwrap_or_else(placeholder).into_buffer_arg(),
                self.outputs.take().unwrap_or_else(placeholder).into_buffer_arg(),
                edges.radial.clone().into_buffer_arg(),
                edges.scalars.clone().into_buffer_arg(),
                edges.source.clone().into_buffer_arg(),
                edges.target.clone().into_buffer_arg(),
                parameters.clone().into_buffer_arg(),
                new_messages.clone().into_buffer_arg(),
                new_same.clone().into_buffer_arg(),
                new_down.clone().into_buffer_arg(),
                new_outputs.clone().into_buffer_arg(),
                first_parameter,
                n_rows,
                form,
                radial_width,
                scalar_width,
            );
        }
        self.messages = new_messages;
        self.outputs = Some(new_outputs);
        if !form.begins {
            return None;
        }
        self.same = new_same;
        Some(new_down)
    }
}
