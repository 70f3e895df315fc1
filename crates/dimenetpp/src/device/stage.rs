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

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use tensor_ops::cube::tiles::{PLANE, activate, add_products, leading_part, load_four, remaining_part};
use tensor_ops::cube::{cube_of, cubes, output};
use tensor_ops::layer_norm::EPSILON;

use super::pack::{PIECE_INPUTS, PIECE_OUTPUTS, vectors};
use crate::DimeNetPlusPlus;

/// Planes of a cube. They share nothing, but read the same weights at about the same time.
const PLANES: usize = 8;
const UNITS: usize = PLANES * PLANE;
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
    n_before_skip: usize,
    n_after_skip: usize,
    n_dense_output: usize,
    /// Whether an interaction ends here: all stages but the first.
    ends: bool,
    /// Whether one begins: all but the last.
    begins: bool,
    passes: usize,
}

impl Form {
    /// Stage k of a network.
    pub(super) fn of(network: &DimeNetPlusPlus, k: usize, passes: usize) -> Self {
        let first = network.interactions.first();
        Self {
            emb: network.embedding.levels.dims()[1],
            int_emb: first.map_or(PIECE_INPUTS, |block| block.down.weight.dims()[1]),
            out_emb: network.outputs[0].up.weight.dims()[1],
            n_radial: network.basis.n_radial,
            n_before_skip: first.map_or(0, |block| block.before_skip.len()),
            n_after_skip: first.map_or(0, |block| block.after_skip.len()),
            n_dense_output: network.outputs[0].dense.len(),
            ends: k > 0,
            begins: k < network.interactions.len(),
            passes,
        }
    }

    /// Whether the kernel takes these sizes on a device with so many bytes of shared memory for a cube.
    pub(super) fn fits(&self, shared_memory: usize) -> bool {
        let whole = |width: usize| width > 0 && width.is_multiple_of(PIECE_INPUTS);
        whole(self.emb)
            && whole(self.int_emb)
            && whole(self.out_emb)
            && self.emb.max(self.int_emb) <= MAX_COLUMNS
            && (self.out_emb <= MAX_COLUMNS || self.out_emb == 2 * MAX_COLUMNS)
            && (1..=PIECE_INPUTS).contains(&self.n_radial)
            && (self.emb + self.widest()) / 2 * UNITS * size_of::<f32>() <= shared_memory
    }

    /// Halves of the output block's columns that are computed one after the other.
    fn output_parts(self) -> usize {
        self.out_emb.div_ceil(MAX_COLUMNS)
    }

    fn part_columns(self) -> usize {
        self.out_emb / self.output_parts()
    }

    /// Columns of a part.
    fn part_of_output(self, n_input: usize, part: usize) -> Columns {
        let count = self.part_columns();
        Columns { n_input, n_output: self.out_emb, first: part * count, count, passes: self.passes }
    }

    /// The widest input of a layer, that of messages aside.
    fn widest(self) -> usize {
        self.emb.max(self.int_emb).max(self.out_emb)
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
}

impl Columns {
    /// All of them.
    fn all(n_input: usize, n_output: usize, passes: usize) -> Self {
        Self { n_input, n_output, first: 0, count: n_output, passes }
    }
}

type Four = Vector<f32, Const<4>>;

/// Where a unit's vector stands in shared memory.
#[cube]
fn slot(vector: usize) -> usize {
    vector * UNITS + UNIT_POS as usize
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
            let four = x[slot(half * chunks + chunk)];
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
            x[slot(half * (width / 16) + first / 16 + quarter)] = four;
        }
    }
}

/// `values += x`, or `values *= x`.
#[cube]
fn combine(x: &Shared<[Four]>, values: &mut Array<f32>, #[comptime] width: usize, #[comptime] multiplied: bool) {
    #[unroll]
    for vector in 0..width / 8 {
        let four = x[slot(vector)];
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
    #[comptime] width: usize,
    #[comptime] passes: usize,
) -> usize {
    let member = lane % 4;
    let bias = comptime!(vectors(width, width, passes));
    let whole = comptime!(vectors(width, width, passes) + width / 4);
    let columns = comptime!(Columns::all(width, width, passes));
    product(parameters, at, lane, &*x, values, columns);
    finish(parameters, at + bias, member, values, width, true);
    keep(inner, &*values, width, 0usize, width);
    product(parameters, at + whole, lane, &*inner, values, columns);
    finish(parameters, at + whole + bias, member, values, width, true);
    combine(&*x, values, width, false);
    keep(x, &*values, width, 0usize, width);
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
            into[slot(half * (width / 16) + quarter)] = four;
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

/// The radial functions of both rows, as a layer's input of 16 columns.
#[cube]
fn load_radial<V: Size>(
    radial: &[Vector<f32, V>],
    row_0: usize,
    n_rows: usize,
    member: usize,
    into: &mut Shared<[Four]>,
    #[comptime] n_radial: usize,
    #[comptime] width: usize,
) {
    let mut values = Array::<f32>::new(8usize);
    #[unroll]
    for half in 0..2usize {
        let mut row = row_0 + 8 * half;
        if row >= n_rows {
            row = n_rows - 1;
        }
        load_four(radial, row * n_radial, 4 * member, &mut values, 4 * half, n_radial, width, true);
    }
    keep(into, &values, 16usize, 0usize, 16usize);
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

/// A stage: messages of an interaction's end, what the next one needs of them, and the output block's two numbers.
#[cube(launch_unchecked)]
fn stage_kernel<W: Size, V: Size>(
    messages: &[Vector<f32, W>],
    same: &[Vector<f32, W>],
    angular: &[Vector<f32, W>],
    outputs: &[f32],
    radial: &[Vector<f32, V>],
    parameters: &[Vector<u32, W>],
    new_messages: &mut [Vector<f32, W>],
    new_same: &mut [Vector<f32, W>],
    new_down: &mut [Vector<f32, W>],
    new_outputs: &mut [f32],
    first_parameter: usize,
    n_rows: usize,
    #[comptime] form: Form,
    #[comptime] radial_width: usize,
) {
    let emb = comptime!(form.emb);
    let int_emb = comptime!(form.int_emb);
    let out_emb = comptime!(form.out_emb);
    let n_radial = comptime!(form.n_radial);
    let passes = comptime!(form.passes);
    let unit = UNIT_POS as usize;
    let plane = unit / PLANE;
    let lane = unit % PLANE;
    let member = lane % 4;
    let tile_0 = (CUBE_POS * PLANES + plane) * ROWS;
    if tile_0 >= n_rows {
        terminate!();
    }
    let row_0 = tile_0 + lane / 4;
    let mut at = first_parameter;
    // What a message becomes, and the input of the next layer where that is something else.
    let mut x = Shared::<[Four]>::new_slice(comptime!(form.emb / 8 * UNITS));
    let mut inner = Shared::<[Four]>::new_slice(comptime!(form.widest() / 8 * UNITS));
    let mut values = Array::<f32>::new(comptime!(form.emb / 2));
    let square = comptime!(Columns::all(form.emb, form.emb, form.passes));
    let of_square = comptime!(vectors(form.emb, form.emb, form.passes));
    let of_bias = comptime!(form.emb / 4);

    if comptime!(form.ends) {
        load(angular, row_0, n_rows, member, &mut inner, int_emb);
        let up = comptime!(Columns::all(form.int_emb, form.emb, form.passes));
        product(parameters, at, lane, &inner, &mut values, up);
        finish(parameters, at, member, &mut values, emb, false);
        at += comptime!(vectors(form.int_emb, form.emb, form.passes));
        add(same, row_0, n_rows, member, &mut values, emb);
        keep(&mut x, &values, emb, 0usize, emb);
        for _ in 0..comptime!(form.n_before_skip) {
            at = residual(parameters, at, lane, &mut x, &mut inner, &mut values, emb, passes);
        }
        product(parameters, at, lane, &x, &mut values, square);
        finish(parameters, at + of_square, member, &mut values, emb, true);
        at += of_square + of_bias;
        add(messages, row_0, n_rows, member, &mut values, emb);
        keep(&mut x, &values, emb, 0usize, emb);
        for _ in 0..comptime!(form.n_after_skip) {
            at = residual(parameters, at, lane, &mut x, &mut inner, &mut values, emb, passes);
        }
        store(new_messages, row_0, n_rows, member, &values, emb);
    } else {
        load(messages, row_0, n_rows, member, &mut x, emb);
    }

    let of_radial = comptime!(vectors(form.n_radial, form.emb, form.passes));
    let from_radial = comptime!(Columns::all(form.n_radial, form.emb, form.passes));
    if comptime!(form.begins) {
        product(parameters, at, lane, &x, &mut values, square);
        finish(parameters, at + of_square, member, &mut values, emb, true);
        at += of_square + of_bias;
        store(new_same, row_0, n_rows, member, &values, emb);
        let mut filter = Array::<f32>::new(comptime!(form.emb / 2));
        load_radial(radial, row_0, n_rows, member, &mut inner, n_radial, radial_width);
        product(parameters, at, lane, &inner, &mut filter, from_radial);
        at += of_radial;
        product(parameters, at, lane, &x, &mut values, square);
        finish(parameters, at + of_square, member, &mut values, emb, true);
        at += of_square + of_bias;
        #[unroll]
        for k in 0..emb / 2 {
            values[k] *= filter[k];
        }
        keep(&mut inner, &values, emb, 0usize, emb);
        let mut down = Array::<f32>::new(comptime!(form.int_emb / 2));
        let narrowed = comptime!(Columns::all(form.emb, form.int_emb, form.passes));
        product(parameters, at, lane, &inner, &mut down, narrowed);
        finish(parameters, at, member, &mut down, int_emb, false);
        at += comptime!(vectors(form.emb, form.int_emb, form.passes));
        store(new_down, row_0, n_rows, member, &down, int_emb);
    }

    // The output block.
    load_radial(radial, row_0, n_rows, member, &mut inner, n_radial, radial_width);
    product(parameters, at, lane, &inner, &mut values, from_radial);
    at += of_radial;
    combine(&x, &mut values, emb, true);
    keep(&mut x, &values, emb, 0usize, emb);
    let mut wide = Array::<f32>::new(comptime!(form.out_emb / 2));
    wide_product(parameters, at, lane, &x, &mut wide, emb, form);
    at += comptime!(vectors(form.emb, form.out_emb, form.passes));
    normalise(parameters, at, member, &mut wide, out_emb);
    at += comptime!(form.out_emb / 2);
    for _ in 0..comptime!(form.n_dense_output) {
        keep(&mut inner, &wide, out_emb, 0usize, out_emb);
        wide_product(parameters, at, lane, &inner, &mut wide, out_emb, form);
        at += comptime!(vectors(form.out_emb, form.out_emb, form.passes));
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

/// What is kept of all edges between two stages.
pub(super) struct Rows {
    /// `[E, emb]`.
    pub(super) messages: CubeTensor,
    /// The branch of an interaction that keeps its direction, `[E, emb]`.
    pub(super) same: Option<CubeTensor>,
    /// The angular messages, `[E, int_emb]`.
    pub(super) angular: Option<CubeTensor>,
    /// The output blocks so far, `[E, 2]`.
    pub(super) outputs: Option<CubeTensor>,
}

impl Rows {
    /// A stage. Returns what the next interaction exchanges, `[E, int_emb]`, if one begins.
    pub(super) fn advance(
        &mut self,
        radial: &CubeTensor,
        parameters: &CubeTensor,
        first_parameter: usize,
        form: Form,
    ) -> Option<CubeTensor> {
        let n_rows = self.messages.shape()[0];
        let given =
            [(Some(&self.messages), form.emb), (self.same.as_ref(), form.emb), (self.angular.as_ref(), form.int_emb)];
        assert!(
            given
                .iter()
                .flat_map(|(rows, width)| rows.map(|rows| (rows, width)))
                .all(|(rows, width)| rows.shape() == burn::backend::Shape::new([n_rows, *width])),
            "the rows fit the network"
        );
        assert!(radial.shape() == burn::backend::Shape::new([n_rows, form.n_radial]), "the radial functions fit it");
        assert!(!form.ends || (self.same.is_some() && self.angular.is_some() && self.outputs.is_some()));
        let like = self.messages.clone();
        let placeholder = || like.clone();
        let new = |wanted: bool, width: usize| if wanted { output(&like, [n_rows, width]) } else { like.clone() };
        let new_messages = new(form.ends, form.emb);
        let (new_same, new_down) = (new(form.begins, form.emb), new(form.begins, form.int_emb));
        let new_outputs = output(&like, [n_rows, 2]);
        let radial_width = if form.n_radial.is_multiple_of(4) { 4 } else { 1 };
        // SAFETY: with the shapes as asserted and the parameters as packed for this form, the kernel stays below the
        // lengths of its buffers, whatever their content. Tensors begin at multiples of the device's alignment, and
        // rows that are read as vectors are whole vectors long.
        unsafe {
            stage_kernel::launch_unchecked(
                &like.client,
                cubes(&like, n_rows.div_ceil(ROWS * PLANES)),
                cube_of(UNITS),
                4,
                radial_width,
                self.messages.clone().into_buffer_arg(),
                self.same.take().unwrap_or_else(placeholder).into_buffer_arg(),
                self.angular.take().unwrap_or_else(placeholder).into_buffer_arg(),
                self.outputs.take().unwrap_or_else(placeholder).into_buffer_arg(),
                radial.clone().into_buffer_arg(),
                parameters.clone().into_buffer_arg(),
                new_messages.clone().into_buffer_arg(),
                new_same.clone().into_buffer_arg(),
                new_down.clone().into_buffer_arg(),
                new_outputs.clone().into_buffer_arg(),
                first_parameter,
                n_rows,
                form,
                radial_width,
            );
        }
        self.messages = new_messages;
        self.outputs = Some(new_outputs);
        if !form.begins {
            return None;
        }
        self.same = Some(new_same);
        Some(new_down)
    }
}
