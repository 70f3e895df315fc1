//! Kernels: one cube per site, several groups of units with one unit per column. A unit keeps the L² sums of its column
//! in registers: one pass over the group's share of the site's edges builds them, the groups add theirs in order, a
//! second pass reads them back. The harmonics are the same for all columns: a cube puts those of some edges into shared
//! memory, where a vector of four is one read for all units of a plane. What a unit alone needs is fetched before it is
//! wanted, for several edges at once, so that it is not waited for edge by edge.
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
/// Most edges of a site whose harmonics are in shared memory at once. A multiple of all numbers of groups, so that the
/// edges of a group are the same for every size.
const MAX_CHUNK: usize = 64;
/// Edges of a group whose values are fetched together.
const FETCHED: usize = 8;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    columns: usize,
    degrees: usize,
    groups: usize,
    chunk: usize,
}

impl Form {
    fn orders(self) -> usize {
        self.degrees * self.degrees
    }

    /// Vectors of four that hold an edge's harmonics.
    fn vectors(self) -> usize {
        self.orders().div_ceil(4)
    }

    fn lanes(self) -> usize {
        self.columns.next_multiple_of(32)
    }

    fn units(self) -> usize {
        self.lanes() * self.groups
    }
}

/// The harmonics of `count` edges from `first` on, as vectors of four neighbours; what fills the last is 0.
#[cube]
pub(super) fn stage_harmonics(
    staged: &mut Shared<[Vector<f32, Const<4>>]>,
    harmonics: &[f32],
    first: usize,
    count: usize,
    unit: usize,
    #[comptime] orders: usize,
    #[comptime] units: usize,
) {
    let vectors = comptime!(orders.div_ceil(4));
    let mut entry = unit;
    while entry < count * vectors {
        let edge = entry / vectors;
        let order = entry % vectors * 4;
        let mut four = Vector::<f32, Const<4>>::zeroed();
        #[unroll]
        for j in 0..4usize {
            if order + j < orders {
                four.insert(j, harmonics[(first + edge) * orders + order + j]);
            }
        }
        staged[entry] = four;
        entry += units;
    }
}

/// Values of an edge from shared memory.
#[cube]
pub(super) fn read_staged(
    staged: &Shared<[Vector<f32, Const<4>>]>,
    edge: usize,
    into: &mut Array<f32>,
    #[comptime] vectors: usize,
) {
    #[unroll]
    for k in 0..vectors {
        let four = staged[edge * vectors + k];
        #[unroll]
        for j in 0..4usize {
            into[4 * k + j] = four.extract(j);
        }
    }
}

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

/// What a unit needs of an edge besides the harmonics, the filters of its column and x; nothing beyond the last edge.
#[cube]
fn fetch(
    x: &[f32],
    filters: &[f32],
    chunk: usize,
    edge: usize,
    count: usize,
    column: usize,
    n_edges: usize,
    fetched: &mut Array<f32>,
    #[comptime] columns: usize,
    #[comptime] degrees: usize,
) {
    if edge < count {
        fetched[degrees] = x[(chunk + edge) * columns + column];
        #[unroll]
        for l in 0..degrees {
            fetched[l] = filters[(l * n_edges + chunk + edge) * columns + column];
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
    #[comptime] form: Form,
) {
    let site = CUBE_POS;
    if site + 1 >= offsets.len() {
        terminate!();
    }
    let columns = comptime!(form.columns);
    let degrees = comptime!(form.degrees);
    let groups = comptime!(form.groups);
    let lanes = comptime!(form.lanes());
    let orders = comptime!(form.orders());
    let vectors = comptime!(form.vectors());
    let size = comptime!(form.chunk);
    let unit = UNIT_POS as usize;
    let column = unit % lanes;
    let group = unit / lanes;
    let first = offsets[site] as usize;
    let mut end = offsets[site + 1] as usize;
    if end > n_edges {
        end = n_edges;
    }
    let mut sums = Array::<f32>::new(orders);
    #[unroll]
    for order in 0..orders {
        sums[order] = 0.0;
    }
    let mut staged = Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(form.chunk * form.vectors()));
    let mut directions = Array::<f32>::new(comptime!(4 * form.vectors()));
    let mut fetched = Array::<f32>::new(comptime!(form.degrees + 1));
    let mut own = Array::<f32>::new(comptime!(form.degrees + 1));

    let mut chunk = first;
    while chunk < end {
        let mut count = end - chunk;
        if count > size {
            count = size;
        }
        sync_cube();
        stage_harmonics(&mut staged, harmonics, chunk, count, unit, orders, comptime!(form.units()));
        sync_cube();
        if column < columns {
            let mut edge = group;
            fetch(x, filters, chunk, edge, count, column, n_edges, &mut fetched, columns, degrees);
            while edge < count {
                #[unroll]
                for k in 0..degrees + 1 {
                    own[k] = fetched[k];
                }
                let next = edge + groups;
                fetch(x, filters, chunk, next, count, column, n_edges, &mut fetched, columns, degrees);
                read_staged(&staged, edge, &mut directions, vectors);
                #[unroll]
                for l in 0..degrees {
                    let filtered = own[degrees] * own[l];
                    #[unroll]
                    for m in 0..2 * l + 1 {
                        sums[l * l + m] += filtered * directions[l * l + m];
                    }
                }
                edge = next;
            }
        }
        chunk += size;
    }
    share_sums(&mut sums, column, group, degrees, lanes, groups);

    let at_once = end <= first + size;
    chunk = first;
    while chunk < end {
        let mut count = end - chunk;
        if count > size {
            count = size;
        }
        if !at_once {
            sync_cube();
            stage_harmonics(&mut staged, harmonics, chunk, count, unit, orders, comptime!(form.units()));
            sync_cube();
        }
        let mut edge = group;
        while edge < count {
            read_staged(&staged, edge, &mut directions, vectors);
            let mut total = 0.0f32;
            #[unroll]
            for order in 0..orders {
                total += sums[order] * directions[order];
            }
            if column < columns {
                out[(chunk + edge) * columns + column] = total;
            }
            edge += groups;
        }
        chunk += size;
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
    #[comptime] form: Form,
) {
    let site = CUBE_POS;
    if site + 1 >= offsets.len() {
        terminate!();
    }
    let columns = comptime!(form.columns);
    let degrees = comptime!(form.degrees);
    let groups = comptime!(form.groups);
    let lanes = comptime!(form.lanes());
    let orders = comptime!(form.orders());
    let vectors = comptime!(form.vectors());
    let size = comptime!(form.chunk);
    let unit = UNIT_POS as usize;
    let column = unit % lanes;
    let group = unit / lanes;
    let first = offsets[site] as usize;
    let mut end = offsets[site + 1] as usize;
    if end > n_edges {
        end = n_edges;
    }
    let mut sums = Array::<f32>::new(orders);
    #[unroll]
    for order in 0..orders {
        sums[order] = 0.0;
    }
    let mut staged = Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(form.chunk * form.vectors()));
    let mut directions = Array::<f32>::new(comptime!(4 * form.vectors()));
    let mut gradients = Array::<f32>::new(FETCHED);
    let mut fetched = Array::<f32>::new(comptime!(form.degrees + 1));
    let mut own = Array::<f32>::new(comptime!(form.degrees + 1));

    let mut chunk = first;
    while chunk < end {
        let mut count = end - chunk;
        if count > size {
            count = size;
        }
        sync_cube();
        stage_harmonics(&mut staged, harmonics, chunk, count, unit, orders, comptime!(form.units()));
        sync_cube();
        if column < columns {
            let mut edge_0 = group;
            while edge_0 < count {
                #[unroll]
                for k in 0..FETCHED {
                    let edge = edge_0 + k * groups;
                    gradients[k] = 0.0f32;
                    if edge < count {
                        gradients[k] = grad[(chunk + edge) * columns + column];
                    }
                }
                #[unroll]
                for k in 0..FETCHED {
                    let edge = edge_0 + k * groups;
                    if edge < count {
                        read_staged(&staged, edge, &mut directions, vectors);
                        #[unroll]
                        for order in 0..orders {
                            sums[order] += gradients[k] * directions[order];
                        }
                    }
                }
                edge_0 += FETCHED * groups;
            }
        }
        chunk += size;
    }
    share_sums(&mut sums, column, group, degrees, lanes, groups);

    let at_once = end <= first + size;
    chunk = first;
    while chunk < end {
        let mut count = end - chunk;
        if count > size {
            count = size;
        }
        if !at_once {
            sync_cube();
            stage_harmonics(&mut staged, harmonics, chunk, count, unit, orders, comptime!(form.units()));
            sync_cube();
        }
        if column < columns {
            let mut edge = group;
            fetch(x, filters, chunk, edge, count, column, n_edges, &mut fetched, columns, degrees);
            while edge < count {
                #[unroll]
                for k in 0..degrees + 1 {
                    own[k] = fetched[k];
                }
                let next = edge + groups;
                fetch(x, filters, chunk, next, count, column, n_edges, &mut fetched, columns, degrees);
                read_staged(&staged, edge, &mut directions, vectors);
                let mut total = 0.0f32;
                #[unroll]
                for l in 0..degrees {
                    let mut projected = 0.0f32;
                    #[unroll]
                    for m in 0..2 * l + 1 {
                        projected += sums[l * l + m] * directions[l * l + m];
                    }
                    total += projected * own[l];
                    grad_filters[(l * n_edges + chunk + edge) * columns + column] = projected * own[degrees];
                }
                grad_x[(chunk + edge) * columns + column] = total;
                edge = next;
            }
        }
        chunk += size;
    }
}

/// Whether the kernels can take this many columns.
pub(crate) fn fits(columns: usize) -> bool {
    columns <= MAX_UNITS
}

/// Grid, cube, number of edges, and what the kernel is compiled for.
fn layout(filters: &CubeTensor, offsets: &CubeTensor) -> (CubeCount, CubeDim, usize, Form) {
    let shape = filters.shape();
    let (degrees, n_edges, columns) = (shape[0], shape[1], shape[2]);
    let orders = degrees * degrees;
    let lanes = columns.next_multiple_of(32);
    let groups = if orders * lanes <= MAX_SHARED { (MAX_UNITS / lanes).clamp(1, MAX_GROUPS) } else { 1 };
    // What the sums leave of a cube's shared memory.
    let shared_memory = filters.client.properties().hardware.max_shared_memory_size / size_of::<f32>();
    let left = shared_memory.saturating_sub(if groups > 1 { orders * lanes } else { 0 });
    let mut chunk = MAX_CHUNK;
    while chunk > MAX_GROUPS && chunk * orders.next_multiple_of(4) > left {
        chunk /= 2;
    }
    let form = Form { columns, degrees, groups, chunk };
    (cubes(filters, offsets.shape()[0] - 1), cube_of(form.units()), n_edges, form)
}

/// The angular message.
pub(crate) fn forward(x: CubeTensor, filters: CubeTensor, harmonics: CubeTensor, offsets: CubeTensor) -> CubeTensor {
    let (count, dim, n_edges, form) = layout(&filters, &offsets);
    let (columns, degrees) = (form.columns, form.degrees);
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
            form,
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
    let (count, dim, n_edges, form) = layout(&filters, &offsets);
    let (columns, degrees) = (form.columns, form.degrees);
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
            form,
        );
    }
    (grad_x, grad_filters)
}
