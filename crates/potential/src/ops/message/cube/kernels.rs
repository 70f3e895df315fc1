//! The kernels of messages and their gradients.
#![allow(clippy::cast_possible_truncation, reason = "kernels convert by `as`; launchers bound the sizes")]
#![allow(
    clippy::collapsible_if,
    reason = "kernels: a condition known at compile time must stand alone, and slices of the device have no iterators"
)]

use cubecl::prelude::*;

use super::geometry::{DESCRIPTION, FACTOR, HARMONICS, describe, vector_gradient};
use super::layout::{MAX_COMPONENTS, first_component, first_unit, n_paths, n_units, path};
use crate::nequix::{LayerKind, N_COEFFICIENTS};

/// Edges that are worked on together: their matrices fill some kilobytes of shared memory.
const FORWARD_EDGES: usize = 4;
const BACKWARD_EDGES: usize = 2;

/// Matrices of the edges in shared memory: `matrices[slot, entry, part] = factor·Σ value·values[slot, harmonic, part]`.
#[cube]
fn fill_matrices(
    starts: &[i32],
    harmonic: &[i32],
    value: &[f32],
    description: &[f32],
    values: &[f32],
    matrices: &mut Shared<[f32]>,
    #[comptime] kind: LayerKind,
    #[comptime] edges: usize,
    #[comptime] parts: usize,
) {
    let n_matrix = comptime!(kind.plan().n_matrix);
    let mut place = UNIT_POS as usize;
    while place < comptime!(edges * kind.plan().n_matrix) {
        let slot = place / n_matrix;
        let entry = place % n_matrix;
        let mut sums = Array::<f32>::new(parts);
        #[unroll]
        for part in 0..parts {
            sums[part] = 0.0;
        }
        let first = starts[entry] as usize;
        let end = starts[entry + 1] as usize;
        for k in first..end {
            let from = (slot * HARMONICS + harmonic[k] as usize) * parts;
            #[unroll]
            for part in 0..parts {
                sums[part] += value[k] * values[from + part];
            }
        }
        let factor = description[slot * DESCRIPTION + FACTOR];
        #[unroll]
        for part in 0..parts {
            matrices[place * parts + part] = factor * sums[part];
        }
        place += comptime!(n_units(kind));
    }
}

/// Adds the messages of one edge that features of a degree make.
#[cube]
fn add_messages(
    features: &[f32],
    table: &[f32],
    matrices: &[f32],
    description: &[f32],
    sums: &mut Array<f32>,
    sender: usize,
    slot: usize,
    channel: usize,
    #[comptime] kind: LayerKind,
    #[comptime] degree: usize,
) {
    let width = comptime!(2 * degree + 1);
    let channels = comptime!(kind.plan().inputs[degree]);
    let n_radial = comptime!(kind.plan().n_radial);
    let n_matrix = comptime!(kind.plan().n_matrix);
    let row = description[slot * DESCRIPTION] as usize * comptime!(N_COEFFICIENTS * kind.plan().n_radial) + channel;
    let t = description[slot * DESCRIPTION + 1];
    let mut feature = Array::<f32>::new(width);
    #[unroll]
    for i in 0..width {
        feature[i] = features[(sender * width + i) * channels + channel];
    }
    #[unroll]
    for n in 0..comptime!(n_paths(kind, degree)) {
        let at = row + comptime!(path(kind, degree, n).radial);
        let radial =
            table[at] + t * (table[at + n_radial] + t * (table[at + 2 * n_radial] + t * table[at + 3 * n_radial]));
        let first = comptime!(first_component(kind, degree, n));
        let components = comptime!(2 * path(kind, degree, n).c + 1);
        let matrix = slot * n_matrix + comptime!(path(kind, degree, n).matrix);
        #[unroll]
        for i in 0..width {
            let weighted = radial * feature[i];
            #[unroll]
            for k in 0..components {
                sums[first + k] += weighted * matrices[matrix + i * components + k];
            }
        }
    }
}

/// Writes the messages that a channel of a degree made.
#[cube]
fn write_messages(
    sums: &Array<f32>,
    out_0: &mut [f32],
    out_1: &mut [f32],
    out_2: &mut [f32],
    out_3: &mut [f32],
    site: usize,
    channel: usize,
    #[comptime] kind: LayerKind,
    #[comptime] degree: usize,
) {
    #[unroll]
    for n in 0..comptime!(n_paths(kind, degree)) {
        let c = comptime!(path(kind, degree, n).c);
        let first = comptime!(first_component(kind, degree, n));
        let row = comptime!(kind.plan().outputs[path(kind, degree, n).c]);
        let slot = comptime!(path(kind, degree, n).slot);
        #[unroll]
        for k in 0..comptime!(2 * path(kind, degree, n).c + 1) {
            let to = (site * comptime!(2 * path(kind, degree, n).c + 1) + k) * row + slot + channel;
            if comptime!(c == 0) {
                out_0[to] = sums[first + k];
            } else if comptime!(c == 1) {
                out_1[to] = sums[first + k];
            } else if comptime!(c == 2) {
                out_2[to] = sums[first + k];
            } else {
                out_3[to] = sums[first + k];
            }
        }
    }
}

/// Sums of messages. One cube per site, one unit per channel of the features.
#[cube(launch_unchecked)]
pub(super) fn forward_kernel(
    features_0: &[f32],
    features_1: &[f32],
    features_2: &[f32],
    features_3: &[f32],
    table: &[f32],
    starts: &[i32],
    harmonic: &[i32],
    value: &[f32],
    vectors: &[f32],
    sender: &[i32],
    offsets: &[i32],
    out_0: &mut [f32],
    out_1: &mut [f32],
    out_2: &mut [f32],
    out_3: &mut [f32],
    n_sites: usize,
    n_intervals: usize,
    inverse_spacing: f32,
    #[comptime] kind: LayerKind,
) {
    let site = CUBE_POS;
    if site >= n_sites {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let first_edge = offsets[site] as usize;
    let end = offsets[site + 1] as usize;
    let mut description = Shared::<[f32]>::new_slice(comptime!(FORWARD_EDGES * DESCRIPTION));
    let mut values = Shared::<[f32]>::new_slice(comptime!(FORWARD_EDGES * HARMONICS));
    let mut matrices = Shared::<[f32]>::new_slice(comptime!(FORWARD_EDGES * kind.plan().n_matrix));
    let mut sums = Array::<f32>::new(MAX_COMPONENTS);
    #[unroll]
    for k in 0..MAX_COMPONENTS {
        sums[k] = 0.0;
    }
    let mut edge = first_edge;
    while edge < end {
        if unit < FORWARD_EDGES && edge + unit < end {
            describe(vectors, edge + unit, unit, n_intervals, inverse_spacing, &mut description, &mut values, 1usize);
        }
        sync_cube();
        fill_matrices(starts, harmonic, value, &description, &values, &mut matrices, kind, FORWARD_EDGES, 1usize);
        sync_cube();
        for slot in 0..FORWARD_EDGES {
            if edge + slot < end {
                let from = sender[edge + slot] as usize;
                #[unroll]
                for degree in 0..4usize {
                    let start = comptime!(first_unit(kind, degree));
                    let n_channels = comptime!(kind.plan().inputs[degree]);
                    if comptime!(kind.plan().inputs[degree] > 0) {
                        if unit >= start && unit < start + n_channels {
                            let channel = unit - start;
                            if comptime!(degree == 0) {
                                add_messages(
                                    features_0,
                                    table,
                                    &matrices,
                                    &description,
                                    &mut sums,
                                    from,
                                    slot,
                                    channel,
                                    kind,
                                    0usize,
                                );
                            } else if comptime!(degree == 1) {
                                add_messages(
                                    features_1,
                                    table,
                                    &matrices,
                                    &description,
                                    &mut sums,
                                    from,
                                    slot,
                                    channel,
                                    kind,
                                    1usize,
                                );
                            } else if comptime!(degree == 2) {
                                add_messages(
                                    features_2,
                                    table,
                                    &matrices,
                                    &description,
                                    &mut sums,
                                    from,
                                    slot,
                                    channel,
                                    kind,
                                    2usize,
                                );
                            } else {
                                add_messages(
                                    features_3,
                                    table,
                                    &matrices,
                                    &description,
                                    &mut sums,
                                    from,
                                    slot,
                                    channel,
                                    kind,
                                    3usize,
                                );
                            }
                        }
                    }
                }
            }
        }
        sync_cube();
        edge += FORWARD_EDGES;
    }
    #[unroll]
    for degree in 0..4usize {
        let start = comptime!(first_unit(kind, degree));
        let n_channels = comptime!(kind.plan().inputs[degree]);
        if comptime!(kind.plan().inputs[degree] > 0) {
            if unit >= start && unit < start + n_channels {
                write_messages(&sums, out_0, out_1, out_2, out_3, site, unit - start, kind, degree);
            }
        }
    }
}

/// The gradient by the messages that a channel of a degree made.
#[cube]
fn read_gradient(
    grad_0: &[f32],
    grad_1: &[f32],
    grad_2: &[f32],
    grad_3: &[f32],
    gradient: &mut Array<f32>,
    site: usize,
    channel: usize,
    #[comptime] kind: LayerKind,
    #[comptime] degree: usize,
) {
    #[unroll]
    for n in 0..comptime!(n_paths(kind, degree)) {
        let c = comptime!(path(kind, degree, n).c);
        let first = comptime!(first_component(kind, degree, n));
        let row = comptime!(kind.plan().outputs[path(kind, degree, n).c]);
        let slot = comptime!(path(kind, degree, n).slot);
        #[unroll]
        for k in 0..comptime!(2 * path(kind, degree, n).c + 1) {
            let from = (site * comptime!(2 * path(kind, degree, n).c + 1) + k) * row + slot + channel;
            if comptime!(c == 0) {
                gradient[first + k] = grad_0[from];
            } else if comptime!(c == 1) {
                gradient[first + k] = grad_1[from];
            } else if comptime!(c == 2) {
                gradient[first + k] = grad_2[from];
            } else {
                gradient[first + k] = grad_3[from];
            }
        }
    }
}

/// What one edge gets from a channel of features of a degree: the gradient by the feature is written, the shares of the
/// sums along direction and tangents are returned in `shares`.
#[cube]
fn edge_gradient(
    features: &[f32],
    table: &[f32],
    matrices: &[f32],
    description: &[f32],
    gradient: &Array<f32>,
    by_edge: &mut [f32],
    shares: &mut Array<f32>,
    inverse_spacing: f32,
    sender: usize,
    edge: usize,
    slot: usize,
    channel: usize,
    #[comptime] kind: LayerKind,
    #[comptime] degree: usize,
    #[comptime] feature_gradient: bool,
) {
    let width = comptime!(2 * degree + 1);
    let channels = comptime!(kind.plan().inputs[degree]);
    let n_radial = comptime!(kind.plan().n_radial);
    let n_matrix = comptime!(kind.plan().n_matrix);
    let row = description[slot * DESCRIPTION] as usize * comptime!(N_COEFFICIENTS * kind.plan().n_radial) + channel;
    let t = description[slot * DESCRIPTION + 1];
    let mut feature = Array::<f32>::new(width);
    let mut by_feature = Array::<f32>::new(width);
    #[unroll]
    for i in 0..width {
        feature[i] = features[(sender * width + i) * channels + channel];
        by_feature[i] = 0.0;
    }
    #[unroll]
    for n in 0..comptime!(n_paths(kind, degree)) {
        let at = row + comptime!(path(kind, degree, n).radial);
        let c1 = table[at + n_radial];
        let c2 = table[at + 2 * n_radial];
        let c3 = table[at + 3 * n_radial];
        let radial = table[at] + t * (c1 + t * (c2 + t * c3));
        let slope = (c1 + t * (2.0 * c2 + t * 3.0 * c3)) * inverse_spacing;
        let first = comptime!(first_component(kind, degree, n));
        let components = comptime!(2 * path(kind, degree, n).c + 1);
        let matrix = (slot * n_matrix + comptime!(path(kind, degree, n).matrix)) * 3;
        #[unroll]
        for i in 0..width {
            let mut y0 = 0.0f32;
            let mut y1 = 0.0f32;
            let mut y2 = 0.0f32;
            #[unroll]
            for k in 0..components {
                let entry = matrix + (i * components + k) * 3;
                let value = gradient[first + k];
                y0 += matrices[entry] * value;
                y1 += matrices[entry + 1] * value;
                y2 += matrices[entry + 2] * value;
            }
            let weighted = radial * feature[i];
            by_feature[i] += radial * y0;
            shares[0] += slope * feature[i] * y0;
            shares[1] += weighted * y1;
            shares[2] += weighted * y2;
        }
    }
    if comptime!(feature_gradient) {
        #[unroll]
        for i in 0..width {
            by_edge[(edge * width + i) * channels + channel] = by_feature[i];
        }
    }
}

/// Gradients of the messages. One cube per site, one unit per channel of the features.
#[cube(launch_unchecked)]
pub(super) fn backward_kernel(
    grad_0: &[f32],
    grad_1: &[f32],
    grad_2: &[f32],
    grad_3: &[f32],
    features_0: &[f32],
    features_1: &[f32],
    features_2: &[f32],
    features_3: &[f32],
    table: &[f32],
    starts: &[i32],
    harmonic: &[i32],
    value: &[f32],
    vectors: &[f32],
    sender: &[i32],
    offsets: &[i32],
    by_edge_0: &mut [f32],
    by_edge_1: &mut [f32],
    by_edge_2: &mut [f32],
    by_edge_3: &mut [f32],
    by_vectors: &mut [f32],
    n_sites: usize,
    n_intervals: usize,
    inverse_spacing: f32,
    #[comptime] kind: LayerKind,
    #[comptime] feature_gradient: bool,
) {
    let site = CUBE_POS;
    if site >= n_sites {
        terminate!();
    }
    let units = comptime!(n_units(kind));
    let unit = UNIT_POS as usize;
    let first_edge = offsets[site] as usize;
    let end = offsets[site + 1] as usize;
    let mut description = Shared::<[f32]>::new_slice(comptime!(BACKWARD_EDGES * DESCRIPTION));
    let mut values = Shared::<[f32]>::new_slice(comptime!(BACKWARD_EDGES * HARMONICS * 3));
    // Holds the units' shares of the sums too, once the matrices are used.
    let mut matrices =
        Shared::<[f32]>::new_slice(comptime!(BACKWARD_EDGES * 3 * Ord::max(kind.plan().n_matrix, n_units(kind))));
    let mut totals = Shared::<[f32]>::new_slice(comptime!(BACKWARD_EDGES * 3 * 32));
    let mut gradient = Array::<f32>::new(MAX_COMPONENTS);
    #[unroll]
    for degree in 0..4usize {
        let start = comptime!(first_unit(kind, degree));
        let n_channels = comptime!(kind.plan().inputs[degree]);
        if comptime!(kind.plan().inputs[degree] > 0) {
            if unit >= start && unit < start + n_channels {
                read_gradient(grad_0, grad_1, grad_2, grad_3, &mut gradient, site, unit - start, kind, degree);
            }
        }
    }
    let mut shares = Array::<f32>::new(comptime!(BACKWARD_EDGES * 3));
    let mut edge = first_edge;
    while edge < end {
        if unit < BACKWARD_EDGES && edge + unit < end {
            describe(vectors, edge + unit, unit, n_intervals, inverse_spacing, &mut description, &mut values, 3usize);
        }
        sync_cube();
        fill_matrices(starts, harmonic, value, &description, &values, &mut matrices, kind, BACKWARD_EDGES, 3usize);
        sync_cube();
        #[unroll]
        for slot in 0..BACKWARD_EDGES {
            let mut own = Array::<f32>::new(3usize);
            #[unroll]
            for part in 0..3usize {
                own[part] = 0.0;
            }
            if edge + slot < end {
                let from = sender[edge + slot] as usize;
                #[unroll]
                for degree in 0..4usize {
                    let start = comptime!(first_unit(kind, degree));
                    let n_channels = comptime!(kind.plan().inputs[degree]);
                    if comptime!(kind.plan().inputs[degree] > 0) {
                        if unit >= start && unit < start + n_channels {
                            let channel = unit - start;
                            if comptime!(degree == 0) {
                                edge_gradient(
                                    features_0,
                                    table,
                                    &matrices,
                                    &description,
                                    &gradient,
                                    by_edge_0,
                                    &mut own,
                                    inverse_spacing,
                                    from,
                                    edge + slot,
                                    slot,
                                    channel,
                                    kind,
                                    0usize,
                                    feature_gradient,
                                );
                            } else if comptime!(degree == 1) {
                                edge_gradient(
                                    features_1,
                                    table,
                                    &matrices,
                                    &description,
                                    &gradient,
                                    by_edge_1,
                                    &mut own,
                                    inverse_spacing,
                                    from,
                                    edge + slot,
                                    slot,
                                    channel,
                                    kind,
                                    1usize,
                                    feature_gradient,
                                );
                            } else if comptime!(degree == 2) {
                                edge_gradient(
                                    features_2,
                                    table,
                                    &matrices,
                                    &description,
                                    &gradient,
                                    by_edge_2,
                                    &mut own,
                                    inverse_spacing,
                                    from,
                                    edge + slot,
                                    slot,
                                    channel,
                                    kind,
                                    2usize,
                                    feature_gradient,
                                );
                            } else {
                                edge_gradient(
                                    features_3,
                                    table,
                                    &matrices,
                                    &description,
                                    &gradient,
                                    by_edge_3,
                                    &mut own,
                                    inverse_spacing,
                                    from,
                                    edge + slot,
                                    slot,
                                    channel,
                                    kind,
                                    3usize,
                                    feature_gradient,
                                );
                            }
                        }
                    }
                }
            }
            #[unroll]
            for part in 0..3usize {
                shares[slot * 3 + part] = own[part];
            }
        }
        sync_cube();
        #[unroll]
        for sum in 0..comptime!(BACKWARD_EDGES * 3) {
            matrices[sum * units + unit] = shares[sum];
        }
        sync_cube();
        // The sums in two steps, in a fixed order.
        let mut place = unit;
        while place < comptime!(BACKWARD_EDGES * 3 * 32) {
            let sum = place / 32;
            let mut total = 0.0f32;
            #[unroll]
            for part in 0..comptime!(n_units(kind) / 32) {
                total += matrices[sum * units + place % 32 + part * 32];
            }
            totals[place] = total;
            place += units;
        }
        sync_cube();
        if unit < comptime!(BACKWARD_EDGES * 3) {
            let slot = unit / 3;
            if edge + slot < end {
                let mut along = 0.0f32;
                let mut first = 0.0f32;
                let mut second = 0.0f32;
                for lane in 0..32usize {
                    along += totals[slot * 96 + lane];
                    first += totals[slot * 96 + 32 + lane];
                    second += totals[slot * 96 + 64 + lane];
                }
                by_vectors[(edge + slot) * 3 + unit % 3] =
                    vector_gradient(&description, slot, unit % 3, along, first, second);
            }
        }
        sync_cube();
        edge += BACKWARD_EDGES;
    }
}
