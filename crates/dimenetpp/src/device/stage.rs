//! The layers between two exchanges of messages, for 16 edges a plane.
//!
//! A unit holds of its plane's rows two (`group` and `group + 8`), and of these every fourth group of four neighbouring
//! columns: vector `h·width/16 + q` of its values is row h, columns `16·q + 4·member` to `16·q + 4·member + 3`. A
//! layer's sums come out in the places where the next layer wants its input ([`super::pack`]), so nothing but the
//! weights passes between units; sums over a row are exchanged among the four units that share it. A layer's input
//! waits in shared memory, each unit's by itself, so that a loop can go through it: with everything in registers, every
//! product of every layer would be its own instruction, and compiling them would take a minute.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]
#![allow(clippy::collapsible_if, reason = "kernels: a condition known at compile time must stand alone")]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use tensor_ops::cube::tiles::PLANE;
use tensor_ops::cube::{cube_of, cubes, output, vector_width};

use super::form::Form;
use super::layers::{
    Four, add, add_indexed, combine, finish, keep, load, load_features, normalise, product, residual, row_sum, store,
    wide_product,
};

/// Rows of a plane.
const ROWS: usize = 16;

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
        keep(&mut x, &values, emb, units);
        for _ in 0..comptime!(form.n_before_skip) {
            at = residual(parameters, at, lane, &mut x, &mut inner, &mut values, form);
        }
        product(parameters, at, lane, &x, &mut values, square);
        finish(parameters, at + of_square, member, &mut values, emb, true);
        at += of_square + of_bias;
        add(messages, row_0, n_rows, member, &mut values, emb);
        keep(&mut x, &values, emb, units);
        for _ in 0..comptime!(form.n_after_skip) {
            at = residual(parameters, at, lane, &mut x, &mut inner, &mut values, form);
        }
    } else {
        load_features(radial, row_0, n_rows, member, &mut inner, n_radial, radial_width, units);
        product(parameters, at, lane, &inner, &mut values, from_radial);
        finish(parameters, at + of_radial, member, &mut values, emb, true);
        at += of_radial + of_bias;
        keep(&mut inner, &values, emb, units);
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
        keep(&mut x, &values, emb, units);
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
        keep(&mut inner, &values, emb, units);
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
    keep(&mut x, &values, emb, units);
    let mut wide = Array::<f32>::new(comptime!(form.out_emb / 2));
    wide_product(parameters, at, lane, &x, &mut wide, emb, form);
    at += comptime!(form.vectors(form.emb, form.out_emb));
    normalise(parameters, at, member, &mut wide, out_emb);
    at += comptime!(form.out_emb / 2);
    for _ in 0..comptime!(form.n_dense_output) {
        keep(&mut inner, &wide, out_emb, units);
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
        let (radial_width, scalar_width) = (vector_width(form.n_radial), vector_width(form.n_scalars));
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
