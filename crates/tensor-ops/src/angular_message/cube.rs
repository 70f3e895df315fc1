//! Kernels: one cube per site, several groups of units with one unit per column. A unit keeps the L² sums of its column
//! in registers: one pass over the group's share of the site's edges builds them, the groups add theirs in order, a
//! second pass reads them back. The harmonics are the same for all units of a group, so their loads are broadcasts.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::{cube_of, cubes, output};

/// 4π, numerator of the addition theorem's factor.
const FOUR_PI: f32 = 4.0 * std::f32::consts::PI;

/// Most groups of units that share a site's edges.
const MAX_GROUPS: usize = 4;
/// Most units of a cube.
const MAX_UNITS: usize = 1024;
/// Most values of shared memory for the sums of a site: 16 KiB, what every device has.
const MAX_SHARED: usize = 4096;

/// The sums of all groups, in every one of them, with degree l multiplied by 4π/(2l+1).
#[cube]
pub(super) fn share_sums(
    sums: &mut Array<f32>,
    column: usize,
    group: usize,
    #[comptime] degrees: usize,
    #[comptime] lanes: usize,
    #[comptime] groups: usize,
) {
    let orders = comptime!(degrees * degrees);
    if comptime!(groups > 1) {
        let mut shared = Shared::<[f32]>::new_slice(comptime!(degrees * degrees * lanes));
        #[unroll]
        for turn in 0..groups {
            if group == turn {
                #[unroll]
                for order in 0..orders {
                    if turn > 0 {
                        sums[order] += shared[order * lanes + column];
                    }
                    shared[order * lanes + column] = sums[order];
                }
            }
            sync_cube();
        }
        #[unroll]
        for order in 0..orders {
            sums[order] = shared[order * lanes + column];
        }
    }
    #[unroll]
    for l in 0..degrees {
        #[unroll]
        for m in 0..2 * l + 1 {
            sums[l * l + m] *= FOUR_PI / f32::cast_from(2 * l + 1);
        }
    }
}

#[cube(launch_unchecked)]
fn forward_kernel(
    x: &[f32],
    filters: &[f32],
    harmonics: &[f32],
    offsets: &[i32],
    out: &mut [f32],
    n_edges: usize,
    #[comptime] columns: usize,
    #[comptime] degrees: usize,
    #[comptime] groups: usize,
) {
    let site = CUBE_POS;
    if site + 1 >= offsets.len() {
        terminate!();
    }
    let lanes = comptime!(columns.next_multiple_of(32));
    let column = UNIT_POS as usize % lanes;
    let group = UNIT_POS as usize / lanes;
    let orders = comptime!(degrees * degrees);
    let first = offsets[site] as usize;
    let mut end = offsets[site + 1] as usize;
    if end > n_edges || column >= columns {
        end = first;
    }
    let mut sums = Array::<f32>::new(orders);
    #[unroll]
    for order in 0..orders {
        sums[order] = 0.0;
    }
    let mut edge = first + group;
    while edge < end {
        let value = x[edge * columns + column];
        #[unroll]
        for l in 0..degrees {
            let filtered = value * filters[(l * n_edges + edge) * columns + column];
            #[unroll]
            for m in 0..2 * l + 1 {
                sums[l * l + m] += filtered * harmonics[edge * orders + l * l + m];
            }
        }
        edge += groups;
    }
    share_sums(&mut sums, column, group, degrees, lanes, groups);
    edge = first + group;
    while edge < end {
        let mut total = 0.0f32;
        #[unroll]
        for order in 0..orders {
            total += sums[order] * harmonics[edge * orders + order];
        }
        out[edge * columns + column] = total;
        edge += groups;
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(
    grad: &[f32],
    x: &[f32],
    filters: &[f32],
    harmonics: &[f32],
    offsets: &[i32],
    grad_x: &mut [f32],
    grad_filters: &mut [f32],
    n_edges: usize,
    #[comptime] columns: usize,
    #[comptime] degrees: usize,
    #[comptime] groups: usize,
) {
    let site = CUBE_POS;
    if site + 1 >= offsets.len() {
        terminate!();
    }
    let lanes = comptime!(columns.next_multiple_of(32));
    let column = UNIT_POS as usize % lanes;
    let group = UNIT_POS as usize / lanes;
    let orders = comptime!(degrees * degrees);
    let first = offsets[site] as usize;
    let mut end = offsets[site + 1] as usize;
    if end > n_edges || column >= columns {
        end = first;
    }
    let mut sums = Array::<f32>::new(orders);
    #[unroll]
    for order in 0..orders {
        sums[order] = 0.0;
    }
    let mut edge = first + group;
    while edge < end {
        let value = grad[edge * columns + column];
        #[unroll]
        for order in 0..orders {
            sums[order] += value * harmonics[edge * orders + order];
        }
        edge += groups;
    }
    share_sums(&mut sums, column, group, degrees, lanes, groups);
    edge = first + group;
    while edge < end {
        let value = x[edge * columns + column];
        let mut total = 0.0f32;
        #[unroll]
        for l in 0..degrees {
            let mut projected = 0.0f32;
            #[unroll]
            for m in 0..2 * l + 1 {
                projected += sums[l * l + m] * harmonics[edge * orders + l * l + m];
            }
            let at = (l * n_edges + edge) * columns + column;
            total += projected * filters[at];
            grad_filters[at] = projected * value;
        }
        grad_x[edge * columns + column] = total;
        edge += groups;
    }
}

/// Whether the kernels can take this many columns.
pub(crate) fn fits(columns: usize) -> bool {
    columns <= MAX_UNITS
}

/// Grid, cube, and edges, columns, degrees and groups.
fn layout(filters: &CubeTensor, offsets: &CubeTensor) -> (CubeCount, CubeDim, [usize; 4]) {
    let shape = filters.shape();
    let (degrees, n_edges, columns) = (shape[0], shape[1], shape[2]);
    let lanes = columns.next_multiple_of(32);
    let groups = if degrees * degrees * lanes <= MAX_SHARED { (MAX_UNITS / lanes).clamp(1, MAX_GROUPS) } else { 1 };
    let dim = cube_of(lanes * groups);
    (cubes(filters, offsets.shape()[0] - 1), dim, [n_edges, columns, degrees, groups])
}

/// The angular message.
pub(crate) fn forward(x: CubeTensor, filters: CubeTensor, harmonics: CubeTensor, offsets: CubeTensor) -> CubeTensor {
    let (count, dim, [n_edges, columns, degrees, groups]) = layout(&filters, &offsets);
    assert!(x.shape() == Shape::new([n_edges, columns]), "x fits the filters");
    assert!(harmonics.shape() == Shape::new([n_edges, degrees * degrees]), "the harmonics fit the filters");
    let out = output(&x, [n_edges, columns]);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        forward_kernel::launch_unchecked(
            &out.client,
            count,
            dim,
            x.into_buffer_arg(),
            filters.into_buffer_arg(),
            harmonics.into_buffer_arg(),
            offsets.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            n_edges,
            columns,
            degrees,
            groups,
        );
    }
    out
}

/// Gradients by x and by the filters.
pub(crate) fn backward(
    grad: CubeTensor,
    x: CubeTensor,
    filters: CubeTensor,
    harmonics: CubeTensor,
    offsets: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let (count, dim, [n_edges, columns, degrees, groups]) = layout(&filters, &offsets);
    assert!(
        [x.shape(), grad.shape()].iter().all(|shape| *shape == Shape::new([n_edges, columns])),
        "x fits the filters"
    );
    assert!(harmonics.shape() == Shape::new([n_edges, degrees * degrees]), "the harmonics fit the filters");
    let grad_x = output(&x, [n_edges, columns]);
    let grad_filters = output(&x, [degrees, n_edges, columns]);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        backward_kernel::launch_unchecked(
            &grad_x.client,
            count,
            dim,
            grad.into_buffer_arg(),
            x.into_buffer_arg(),
            filters.into_buffer_arg(),
            harmonics.into_buffer_arg(),
            offsets.into_buffer_arg(),
            grad_x.clone().into_buffer_arg(),
            grad_filters.clone().into_buffer_arg(),
            n_edges,
            columns,
            degrees,
            groups,
        );
    }
    (grad_x, grad_filters)
}
