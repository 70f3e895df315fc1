//! Kernels: one cube per receiver, one unit per channel of the features.
//!
//! A unit keeps the components of all messages that its channel makes in registers. The cube takes the receiver's edges
//! a few at a time: some units work out harmonics, all of them the matrices of the paths, in shared memory; then every
//! unit runs through them. Gradients by features are written per edge and summed by sender afterwards, so that no two
//! units ever add to the same value.
#![allow(
    unsafe_code,
    reason = "the launcher's bounds checks would double the work; indices come from a batch that was made for them"
)]

mod geometry;
mod kernels;
mod layout;

use burn::backend::TensorMetadata;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use score_model::ops::GraphOps;
use score_model::ops::cube::{cubes, output};

use super::super::backend::{EdgeTensors, LayerTensors, MessageGradients, MessageOptions};
use super::super::cube::outputs;
use crate::nequix::N_DEGREES;

/// Units of a cube for a layer: its channels.
fn cube_dim(options: MessageOptions) -> CubeDim {
    CubeDim::new_1d(u32::try_from(layout::n_units(options.kind)).expect("some hundred units"))
}

#[allow(clippy::cast_possible_truncation, reason = "rounding to single precision is what is meant")]
fn inverse_spacing(options: MessageOptions) -> f32 {
    (1.0 / options.spacing) as f32
}

/// Sums of messages into each site.
pub(crate) fn forward(
    features: [CubeTensor; N_DEGREES],
    layer: LayerTensors<CubeBackend>,
    edges: EdgeTensors<CubeBackend>,
    options: MessageOptions,
) -> [CubeTensor; N_DEGREES] {
    let like = &layer.value;
    let n_sites = edges.offsets.shape()[0] - 1;
    let out = outputs(like, n_sites, &options.kind.plan().outputs);
    let [f0, f1, f2, f3] = features.map(CubeTensor::into_buffer_arg);
    let [o0, o1, o2, o3] = out.clone().map(CubeTensor::into_buffer_arg);
    // SAFETY: the batch's offsets and senders, the plan's columns and the table's intervals are within the buffers made
    // for them.
    unsafe {
        kernels::forward_kernel::launch_unchecked(
            &like.client,
            cubes(like, n_sites),
            cube_dim(options),
            f0,
            f1,
            f2,
            f3,
            layer.table.clone().into_buffer_arg(),
            layer.starts.clone().into_buffer_arg(),
            layer.harmonic.clone().into_buffer_arg(),
            layer.value.clone().into_buffer_arg(),
            edges.vectors.clone().into_buffer_arg(),
            edges.sender.clone().into_buffer_arg(),
            edges.offsets.clone().into_buffer_arg(),
            o0,
            o1,
            o2,
            o3,
            n_sites,
            layer.table.shape()[0],
            inverse_spacing(options),
            options.kind,
        );
    }
    out
}

/// Gradients by the images' features and by the edges' vectors.
pub(crate) fn backward(
    grad: [CubeTensor; N_DEGREES],
    features: [CubeTensor; N_DEGREES],
    layer: LayerTensors<CubeBackend>,
    edges: EdgeTensors<CubeBackend>,
    options: MessageOptions,
) -> MessageGradients<CubeBackend> {
    let like = &layer.value;
    let (n_sites, n_edges) = (edges.offsets.shape()[0] - 1, edges.sender.shape()[0]);
    let inputs = options.kind.plan().inputs;
    let kept = if options.feature_gradient { inputs } else { [0; N_DEGREES] };
    let by_edge = outputs(like, n_edges, &kept);
    let vectors = output(like, [n_edges, 3]);
    let [g0, g1, g2, g3] = grad.map(CubeTensor::into_buffer_arg);
    let [f0, f1, f2, f3] = features.map(CubeTensor::into_buffer_arg);
    let [e0, e1, e2, e3] = by_edge.clone().map(CubeTensor::into_buffer_arg);
    // SAFETY: as for the messages.
    unsafe {
        kernels::backward_kernel::launch_unchecked(
            &like.client,
            cubes(like, n_sites),
            cube_dim(options),
            g0,
            g1,
            g2,
            g3,
            f0,
            f1,
            f2,
            f3,
            layer.table.clone().into_buffer_arg(),
            layer.starts.clone().into_buffer_arg(),
            layer.harmonic.clone().into_buffer_arg(),
            layer.value.clone().into_buffer_arg(),
            edges.vectors.clone().into_buffer_arg(),
            edges.sender.clone().into_buffer_arg(),
            edges.offsets.clone().into_buffer_arg(),
            e0,
            e1,
            e2,
            e3,
            vectors.clone().into_buffer_arg(),
            n_sites,
            layer.table.shape()[0],
            inverse_spacing(options),
            options.kind,
            options.feature_gradient,
        );
    }
    let mut l = 0;
    let [l0, l1, l2, l3] = by_edge.map(|values| {
        let (width, channels) = (2 * l + 1, kept[l]);
        l += 1;
        if channels == 0 {
            return values;
        }
        // Rows of an edge are one row of the sum.
        let rows = burn_cubecl::ops::reshape(values, [n_edges, width * channels].into());
        let index = edges.sender.clone();
        let sums = CubeBackend::segment_sum(rows, index, edges.sender_offsets.clone(), edges.order.clone());
        let n_images = sums.shape()[0];
        burn_cubecl::ops::reshape(sums, [n_images * width, channels].into())
    });
    MessageGradients { l0, l1, l2, l3, vectors }
}
