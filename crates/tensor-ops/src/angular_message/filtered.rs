//! The angular message with its filters made where they are read, without gradients.
//!
//! A unit keeps the filters' weights of its column in registers, beside the L² sums. Functions and harmonics of a
//! site's edges are the same for all columns: a cube puts them into shared memory, where a vector of four is one read
//! for all units of a plane.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]
#![allow(clippy::collapsible_if, reason = "kernels: a condition known at compile time must stand alone")]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::cube::{read_staged, share_sums, stage_harmonics};
use crate::cube::{cube_of, cubes, output};

/// Edges of a site that are in shared memory at once.
const CHUNK: usize = 32;
/// Groups of units that share a site's edges.
const GROUPS: usize = 2;
/// Most columns.
const MAX_COLUMNS: usize = 256;
/// Most weights of a column that fit a unit's registers beside its sums.
const MAX_WEIGHTS: usize = 80;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    columns: usize,
    degrees: usize,
    n_radial: usize,
}

impl Form {
    fn orders(self) -> usize {
        self.degrees * self.degrees
    }

    /// Vectors of four that hold an edge's functions, and its harmonics.
    fn function_vectors(self) -> usize {
        (self.degrees * self.n_radial).div_ceil(4)
    }

    fn harmonic_vectors(self) -> usize {
        self.orders().div_ceil(4)
    }

    fn lanes(self) -> usize {
        self.columns.next_multiple_of(32)
    }

    fn units(self) -> usize {
        self.lanes() * GROUPS
    }

    fn shared_bytes(self) -> usize {
        let of_edge = 4 * (self.function_vectors() + self.harmonic_vectors()) + self.lanes();
        (CHUNK * of_edge + self.orders() * self.lanes()) * size_of::<f32>()
    }
}

#[cube(launch_unchecked)]
fn filtered_kernel(
    x: &[f32],
    index: &[i32],
    functions: &[f32],
    weights: &[f32],
    harmonics: &[f32],
    offsets: &[i32],
    out: &mut [f32],
    n_edges: usize,
    #[comptime] form: Form,
) {
    let site = CUBE_POS;
    if site + 1 >= offsets.len() {
        terminate!();
    }
    let columns = comptime!(form.columns);
    let degrees = comptime!(form.degrees);
    let n_radial = comptime!(form.n_radial);
    let lanes = comptime!(form.lanes());
    let orders = comptime!(form.orders());
    let function_vectors = comptime!(form.function_vectors());
    let harmonic_vectors = comptime!(form.harmonic_vectors());
    let n_weights = comptime!(form.degrees * form.n_radial);
    let unit = UNIT_POS as usize;
    let column = unit % lanes;
    let group = unit / lanes;
    let first = offsets[site] as usize;
    let mut end = offsets[site + 1] as usize;
    if end > n_edges {
        end = n_edges;
    }
    let mut own = Array::<f32>::new(n_weights);
    #[unroll]
    for k in 0..n_weights {
        own[k] = 0.0f32;
        if column < columns {
            own[k] = weights[k * columns + column];
        }
    }
    let mut sums = Array::<f32>::new(orders);
    #[unroll]
    for order in 0..orders {
        sums[order] = 0.0f32;
    }
    let mut staged_functions = Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(CHUNK * form.function_vectors()));
    let mut staged_harmonics = Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(CHUNK * form.harmonic_vectors()));
    // The values of the edges themselves: fetched one by one, each would be waited for.
    let mut staged_x = Shared::<[f32]>::new_slice(comptime!(CHUNK * form.lanes()));
    let mut of_edge = Array::<f32>::new(comptime!(4 * form.function_vectors()));
    let mut directions = Array::<f32>::new(comptime!(4 * form.harmonic_vectors()));

    let mut chunk = first;
    while chunk < end {
        let mut count = end - chunk;
        if count > CHUNK {
            count = CHUNK;
        }
        sync_cube();
        stage_harmonics(&mut staged_harmonics, harmonics, chunk, count, unit, orders, comptime!(form.units()));
        let mut entry = unit;
        while entry < count * function_vectors {
            let edge = entry / function_vectors;
            let function = entry % function_vectors * 4;
            let mut four = Vector::<f32, Const<4>>::zeroed();
            #[unroll]
            for j in 0..4usize {
                if function + j < n_weights {
                    let l = (function + j) / n_radial;
                    let n = (function + j) % n_radial;
                    four.insert(j, functions[(l * n_edges + chunk + edge) * n_radial + n]);
                }
            }
            staged_functions[entry] = four;
            entry += comptime!(form.units());
        }
        let mut fetched = group;
        while fetched < count {
            let mut value = 0.0f32;
            if column < columns {
                value = x[index[chunk + fetched] as usize * columns + column];
            }
            staged_x[fetched * lanes + column] = value;
            fetched += GROUPS;
        }
        sync_cube();
        let mut edge = group;
        while edge < count {
            let value = staged_x[edge * lanes + column];
            read_staged(&staged_functions, edge, &mut of_edge, function_vectors);
            read_staged(&staged_harmonics, edge, &mut directions, harmonic_vectors);
            #[unroll]
            for l in 0..degrees {
                let mut filter = 0.0f32;
                #[unroll]
                for n in 0..n_radial {
                    filter += of_edge[l * n_radial + n] * own[l * n_radial + n];
                }
                let filtered = filter * value;
                #[unroll]
                for m in 0..2 * l + 1 {
                    sums[l * l + m] += filtered * directions[l * l + m];
                }
            }
            edge += GROUPS;
        }
        chunk += CHUNK;
    }
    share_sums(&mut sums, column, group, degrees, lanes, GROUPS);

    let at_once = end <= first + CHUNK;
    chunk = first;
    while chunk < end {
        let mut count = end - chunk;
        if count > CHUNK {
            count = CHUNK;
        }
        if !at_once {
            sync_cube();
            stage_harmonics(&mut staged_harmonics, harmonics, chunk, count, unit, orders, comptime!(form.units()));
            sync_cube();
        }
        let mut edge = group;
        while edge < count {
            read_staged(&staged_harmonics, edge, &mut directions, harmonic_vectors);
            let mut total = 0.0f32;
            #[unroll]
            for order in 0..orders {
                total += sums[order] * directions[order];
            }
            if column < columns {
                out[(chunk + edge) * columns + column] = total;
            }
            edge += GROUPS;
        }
        chunk += CHUNK;
    }
}

/// Whether the kernel takes this many columns, degrees and radial functions on a device with this many bytes of shared
/// memory for a cube.
pub fn fits(columns: usize, degrees: usize, n_radial: usize, shared_memory: usize) -> bool {
    (1..=MAX_COLUMNS).contains(&columns)
        && (1..=7).contains(&degrees)
        && n_radial > 0
        && degrees * n_radial <= MAX_WEIGHTS
        && Form { columns, degrees, n_radial }.shared_bytes() <= shared_memory
}

/// [`super::angular_message()`] of `x[index]` with the filters `functions·weights`, which are not written anywhere.
///
/// # Shapes
/// - x: `[E, C]`
/// - index: edges → rows of x, `[E]`
/// - functions: `[L, E, n_radial]`
/// - weights: `[L, n_radial, C]`
/// - harmonics: `[E, L²]`
/// - offsets: first edge of every site, `[S + 1]`
/// - output: `[E, C]`
///
/// # Panics
/// If the shapes do not agree.
pub fn filtered(
    x: CubeTensor,
    index: CubeTensor,
    functions: CubeTensor,
    weights: CubeTensor,
    harmonics: CubeTensor,
    offsets: CubeTensor,
) -> CubeTensor {
    let (n_edges, columns) = (x.shape()[0], x.shape()[1]);
    let (degrees, n_radial) = (weights.shape()[0], weights.shape()[1]);
    let shared_memory = x.client.properties().hardware.max_shared_memory_size;
    assert!(fits(columns, degrees, n_radial, shared_memory), "the kernel takes these sizes");
    assert!(index.shape() == Shape::new([n_edges]), "there is an index for every edge");
    assert!(functions.shape() == Shape::new([degrees, n_edges, n_radial]), "the functions fit the edges");
    assert!(weights.shape() == Shape::new([degrees, n_radial, columns]), "the weights fit the functions");
    assert!(harmonics.shape() == Shape::new([n_edges, degrees * degrees]), "the harmonics fit the functions");
    let form = Form { columns, degrees, n_radial };
    let out = output(&x, [n_edges, columns]);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, as long as the index
    // names rows of x, which row indices are made to do.
    unsafe {
        filtered_kernel::launch_unchecked(
            &out.client,
            cubes(&out, offsets.shape()[0] - 1),
            cube_of(form.units()),
            x.into_buffer_arg(),
            index.into_buffer_arg(),
            functions.into_buffer_arg(),
            weights.into_buffer_arg(),
            harmonics.into_buffer_arg(),
            offsets.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            n_edges,
            form,
        );
    }
    out
}
