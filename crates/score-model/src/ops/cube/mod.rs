//! The operations on CubeCL's runtimes (CUDA, Vulkan, WebGPU): launching, and which kernel serves which operation.
//!
//! Kernels take contiguous single-precision tensors and 32-bit indices; any other type takes the plain operations. Those that follow indices in
//! memory are launched with bounds checks: an index outside its buffer reads nothing.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Shape, TensorMetadata};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::adam::{self, AdamStep};
use super::dense_swish::{self, SwishParts};
use super::edge_features::{self, FeatureTensors};
use super::{GraphOps, angular_message, dense, layer_norm, rows, squared_error, swish};
use crate::basis::BasisConfig;

/// Units of a cube where every unit writes one value.
const UNITS: u32 = 256;

/// An uninitialised single-precision tensor beside `like`.
pub fn output(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), DType::F32)
}

/// Grid and cube for `n` values, one per unit.
pub fn one_unit_each(tensor: &CubeTensor, n: usize) -> (CubeCount, CubeDim) {
    (cubes(tensor, n.div_ceil(UNITS as usize)), CubeDim::new_1d(UNITS))
}

/// A grid of at least `n` cubes, numbered by `CUBE_POS`; kernels leave at once where it is `n` or more.
pub fn cubes(tensor: &CubeTensor, n: usize) -> CubeCount {
    calculate_cube_count_elemwise(&tensor.client, n, CubeDim::new_1d(1))
}

/// Units of a cube that sums by itself.
pub(super) const SUM_UNITS: usize = 256;

/// The sum of a value over a cube of [`SUM_UNITS`] units, in unit 0; the others get what they put in.
#[cube]
pub(super) fn cube_sum(share: f32) -> f32 {
    let unit = UNIT_POS as usize;
    let mut shares = Shared::<[f32]>::new_slice(SUM_UNITS);
    shares[unit] = share;
    sync_cube();
    let mut sum = share;
    if unit == 0 {
        for other in 1..SUM_UNITS {
            sum += shares[other];
        }
    }
    sum
}

/// Values of the sum that a cube computes, and units that share the pieces of each.
const SUM_VALUES: usize = 16;
const SUM_SHARES: usize = 16;

/// `out[b, k] = Σ_p parts[b, p, k]`: of `SUM_SHARES` units, each adds every so many-th piece, and the first adds what they found. Pieces of
/// zeros at the end change nothing.
#[cube(launch_unchecked)]
fn sum_parts_kernel(parts: &[f32], out: &mut [f32], n_pieces: usize, size: usize, n: usize) {
    let unit = UNIT_POS as usize;
    let share = unit / SUM_VALUES;
    let value = CUBE_POS * SUM_VALUES + unit % SUM_VALUES;
    let mut total = 0.0f32;
    if value < n {
        let first = value / size * n_pieces * size + value % size;
        let mut piece = share;
        while piece < n_pieces {
            total += parts[first + piece * size];
            piece += SUM_SHARES;
        }
    }
    let mut totals = Shared::<[f32]>::new_slice(comptime!(SUM_VALUES * SUM_SHARES));
    totals[unit] = total;
    sync_cube();
    if share == 0 && value < n {
        for other in 1..SUM_SHARES {
            total += totals[other * SUM_VALUES + unit];
        }
        out[value] = total;
    }
}

/// The sum over the pieces, dimension 1 of `[B, pieces, …]`, in a fixed order; `shape` is that of the sum.
pub(super) fn sum_parts(parts: CubeTensor, shape: Shape) -> CubeTensor {
    let dims = parts.shape();
    let n = shape.num_elements();
    let out = output(&parts, shape);
    // SAFETY: the kernel reads and writes below the lengths of its buffers, whatever their content.
    unsafe {
        sum_parts_kernel::launch_unchecked(
            &out.client,
            cubes(&parts, n.div_ceil(SUM_VALUES)),
            CubeDim::new_1d((SUM_VALUES * SUM_SHARES) as u32),
            parts.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            dims[1],
            n / dims[0],
            n,
        );
    }
    out
}

fn floats(tensors: &[&CubeTensor]) -> bool {
    tensors.iter().all(|tensor| TensorMetadata::dtype(*tensor) == DType::F32)
}

fn indices(tensors: &[&CubeTensor]) -> bool {
    tensors.iter().all(|tensor| TensorMetadata::dtype(*tensor) == DType::I32)
}

/// A dense layer with its activation; without `keep_inner`, the second tensor stands for nothing.
fn swish_product(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    residual: CubeTensor,
    parts: SwishParts,
    keep_inner: bool,
) -> (CubeTensor, CubeTensor) {
    let [x, weight, bias, residual] = [x, weight, bias, residual].map(into_contiguous);
    if floats(&[&x, &weight, &bias, &residual]) {
        let added = (parts.bias.then(|| bias.clone()), parts.residual.then(|| residual.clone()));
        if let Some(found) = dense::cube::swish_product(x.clone(), weight.clone(), added.0, added.1, keep_inner) {
            return found;
        }
    }
    dense_swish::reference::forward::<CubeBackend>(x, weight, bias, residual, parts)
}

impl GraphOps for CubeBackend {
    fn edge_features(
        edges: FloatTensor<Self>,
        structures: FloatTensor<Self>,
        edge_structure: IntTensor<Self>,
        table: FloatTensor<Self>,
        config: BasisConfig,
    ) -> FeatureTensors<Self> {
        let [edges, structures, table] = [edges, structures, table].map(into_contiguous);
        edge_features::cube::features(edges, structures, into_contiguous(edge_structure), table, &config)
    }

    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        _offsets: IntTensor<Self>,
        _order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !(floats(&[&x]) && indices(&[&index])) {
            return rows::reference::gather_rows::<Self>(x, index);
        }
        rows::cube::gather_rows(into_contiguous(x), into_contiguous(index))
    }

    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !(floats(&[&x]) && indices(&[&offsets, &order])) {
            return rows::reference::segment_sum::<Self>(x, index, offsets);
        }
        rows::cube::segment_sum(into_contiguous(x), into_contiguous(offsets), into_contiguous(order))
    }

    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !(floats(&[&x, &filters, &harmonics]) && indices(&[&offsets]) && angular_message::cube::fits(x.shape()[1])) {
            return angular_message::reference::forward::<Self>(x, filters, harmonics, source, offsets);
        }
        let [x, filters, harmonics] = [x, filters, harmonics].map(into_contiguous);
        angular_message::cube::forward(x, filters, harmonics, into_contiguous(offsets))
    }

    fn angular_message_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !(floats(&[&grad, &x, &filters, &harmonics]) && indices(&[&offsets]) && angular_message::cube::fits(x.shape()[1])) {
            return angular_message::reference::backward::<Self>(grad, x, filters, harmonics, source, offsets);
        }
        let [grad, x, filters, harmonics] = [grad, x, filters, harmonics].map(into_contiguous);
        angular_message::cube::backward(grad, x, filters, harmonics, into_contiguous(offsets))
    }

    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&x]) {
            return swish::reference::forward::<Self>(x);
        }
        swish::cube::forward(into_contiguous(x))
    }

    fn swish_backward(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&grad, &x]) {
            return swish::reference::backward::<Self>(grad, x);
        }
        swish::cube::backward(into_contiguous(grad), into_contiguous(x))
    }

    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&x, &weight]) {
            return dense::reference::product::<Self>(x, weight);
        }
        dense::cube::product(into_contiguous(x), into_contiguous(weight), None)
    }

    fn dense_with_bias(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&x, &weight, &bias]) {
            return dense::reference::product_with_bias::<Self>(x, weight, bias);
        }
        dense::cube::product(into_contiguous(x), into_contiguous(weight), Some(into_contiguous(bias)))
    }

    fn dense_input_gradient(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&grad, &weight]) {
            return dense::reference::input_gradient::<Self>(grad, weight);
        }
        dense::cube::input_gradient(into_contiguous(grad), into_contiguous(weight))
    }

    fn dense_weight_gradient(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&grad, &x]) {
            return dense::reference::weight_gradient::<Self>(grad, x);
        }
        dense::cube::weight_gradient(into_contiguous(grad), into_contiguous(x))
    }

    fn dense_parameter_gradients(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !floats(&[&grad, &x]) {
            return dense::reference::parameter_gradients::<Self>(grad, x);
        }
        dense::cube::parameter_gradients(into_contiguous(grad), into_contiguous(x))
    }

    fn dense_swish(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> FloatTensor<Self> {
        swish_product(x, weight, bias, residual, parts, false).0
    }

    fn dense_swish_with_inner(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        swish_product(x, weight, bias, residual, parts, true)
    }

    fn adam_step(
        value: FloatTensor<Self>,
        first_moment: FloatTensor<Self>,
        second_moment: FloatTensor<Self>,
        average: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        squared_norm: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !floats(&[&value, &first_moment, &second_moment, &average, &gradient, &squared_norm]) {
            return adam::reference::step::<Self>(value, first_moment, second_moment, average, gradient, squared_norm, step);
        }
        let state = [value, first_moment, second_moment, average].map(into_contiguous);
        adam::cube::step(state, into_contiguous(gradient), squared_norm, step)
    }

    fn join(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
        f: FloatTensor<Self>,
        g: FloatTensor<Self>,
        h: FloatTensor<Self>,
        n: usize,
    ) -> FloatTensor<Self> {
        let vectors = [a, b, c, d, e, f, g, h];
        if !floats(&vectors.each_ref()) {
            return adam::reference::join::<Self>(vectors.into_iter().take(n).collect());
        }
        adam::cube::join(vectors.map(into_contiguous), n)
    }

    fn part(joined: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        if !floats(&[&joined]) {
            return adam::reference::part::<Self>(joined, start, length);
        }
        adam::cube::part(into_contiguous(joined), start, length)
    }

    fn add_squared_norm(total: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&total, &x]) {
            return adam::reference::add_squared_norm::<Self>(total, x);
        }
        adam::cube::add_squared_norm(total, into_contiguous(x))
    }

    fn normalise_rows(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&x, &gamma, &beta]) {
            return layer_norm::reference::forward::<Self>(x, gamma, beta);
        }
        layer_norm::cube::forward(into_contiguous(x), into_contiguous(gamma), into_contiguous(beta))
    }

    fn normalise_rows_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !floats(&[&grad, &x, &gamma]) {
            return layer_norm::reference::backward::<Self>(grad, x, gamma);
        }
        layer_norm::cube::backward(into_contiguous(grad), into_contiguous(x), into_contiguous(gamma))
    }

    fn squared_error(estimate: FloatTensor<Self>, target: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&estimate, &target, &weights]) {
            return squared_error::reference::forward::<Self>(estimate, target, weights);
        }
        squared_error::cube::forward(into_contiguous(estimate), into_contiguous(target), into_contiguous(weights))
    }

    fn squared_error_backward(
        grad: FloatTensor<Self>,
        estimate: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        if !floats(&[&grad, &estimate, &target, &weights]) {
            return squared_error::reference::backward::<Self>(grad, estimate, target, weights);
        }
        let [estimate, target, weights] = [estimate, target, weights].map(into_contiguous);
        squared_error::cube::backward(grad, estimate, target, weights)
    }
}
