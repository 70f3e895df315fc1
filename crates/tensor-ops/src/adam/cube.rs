//! Kernels.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::{Shape, TensorMetadata};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{AdamStep, NORM_FLOOR, PART_ALIGNMENT};
use crate::cube::{SUM_UNITS, cube_of, cube_sum, cubes, one_unit_each, output};

/// Values whose squares one cube sums.
const NORM_PIECE: usize = 4 * SUM_UNITS;

#[cube(launch_unchecked)]
fn step_kernel(
    value: &[f32],
    first: &[f32],
    second: &[f32],
    average: &[f32],
    gradient: &[f32],
    squared_norm: &[f32],
    new_value: &mut [f32],
    new_first: &mut [f32],
    new_second: &mut [f32],
    new_average: &mut [f32],
    learning_rate: f32,
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    correction_1: f32,
    correction_2: f32,
    norm_limit: f32,
    average_decay: f32,
) {
    let k = ABSOLUTE_POS;
    if k < new_value.len() {
        let mut factor = norm_limit / (squared_norm[0].sqrt() + NORM_FLOOR);
        if factor > 1.0 {
            factor = 1.0f32;
        }
        let gradient = gradient[k] * factor;
        let first = beta_1 * first[k] + (1.0 - beta_1) * gradient;
        let second = beta_2 * second[k] + (1.0 - beta_2) * gradient * gradient;
        let root = (second * correction_2).sqrt();
        let value = value[k] - learning_rate * first * correction_1 / (root + epsilon);
        new_first[k] = first;
        new_second[k] = second;
        new_value[k] = value;
        new_average[k] = average_decay * average[k] + (1.0 - average_decay) * value;
    }
}

/// `out[p]` = the sum of the squares of the p-th [`NORM_PIECE`] values.
#[cube(launch_unchecked)]
fn squares_kernel(x: &[f32], out: &mut [f32], n: usize) {
    let unit = UNIT_POS as usize;
    let mut share = 0.0f32;
    #[unroll]
    for k in 0..NORM_PIECE / SUM_UNITS {
        let at = CUBE_POS * NORM_PIECE + k * SUM_UNITS + unit;
        if at < n {
            share += x[at] * x[at];
        }
    }
    let sum = cube_sum(share);
    if unit == 0 && CUBE_POS < out.len() {
        out[CUBE_POS] = sum;
    }
}

/// `total + Σ_p parts[p]`.
#[cube(launch_unchecked)]
fn add_parts_kernel(total: &[f32], parts: &[f32], out: &mut [f32], n_parts: usize) {
    let unit = UNIT_POS as usize;
    let mut share = 0.0f32;
    let mut part = unit;
    while part < n_parts {
        share += parts[part];
        part += SUM_UNITS;
    }
    let sum = cube_sum(share);
    if unit == 0 {
        out[0] = total[0] + sum;
    }
}

/// Eight vectors of these lengths one after the other from `starts` on; what lies between them stays as it is.
#[cube(launch_unchecked)]
fn join_kernel(
    a: &[f32],
    b: &[f32],
    c: &[f32],
    d: &[f32],
    e: &[f32],
    f: &[f32],
    g: &[f32],
    h: &[f32],
    out: &mut [f32],
    ends: Sequence<usize>,
    lengths: Sequence<usize>,
) {
    let at = ABSOLUTE_POS;
    join_one(a, out, at, 0usize, ends[0], lengths[0]);
    join_one(b, out, at, ends[0], ends[1], lengths[1]);
    join_one(c, out, at, ends[1], ends[2], lengths[2]);
    join_one(d, out, at, ends[2], ends[3], lengths[3]);
    join_one(e, out, at, ends[3], ends[4], lengths[4]);
    join_one(f, out, at, ends[4], ends[5], lengths[5]);
    join_one(g, out, at, ends[5], ends[6], lengths[6]);
    join_one(h, out, at, ends[6], ends[7], lengths[7]);
}

/// `out[at]`, if it lies between `start` and `end`: the vector's value, 0 beyond its length.
#[cube]
fn join_one(vector: &[f32], out: &mut [f32], at: usize, start: usize, end: usize, length: usize) {
    if at >= start && at < end {
        let mut value = 0.0f32;
        if at - start < length {
            value = vector[at - start];
        }
        out[at] = value;
    }
}

/// Value, first moment, second moment and average after the step.
pub(crate) fn step(
    state: [CubeTensor; 4],
    gradient: CubeTensor,
    squared_norm: CubeTensor,
    step: AdamStep,
) -> (CubeTensor, CubeTensor, CubeTensor, CubeTensor) {
    let n = gradient.shape().num_elements();
    assert!(
        state.iter().all(|tensor| tensor.shape().num_elements() == n),
        "a parameter's state and gradient are equally long"
    );
    let [new_value, new_first, new_second, new_average] = [(); 4].map(|()| output(&gradient, [n]));
    let (count, dim) = one_unit_each(&gradient, n);
    let [value, first, second, average] = state.map(CubeTensor::into_buffer_arg);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        step_kernel::launch_unchecked(
            &new_value.client,
            count,
            dim,
            value,
            first,
            second,
            average,
            gradient.into_buffer_arg(),
            squared_norm.into_buffer_arg(),
            new_value.clone().into_buffer_arg(),
            new_first.clone().into_buffer_arg(),
            new_second.clone().into_buffer_arg(),
            new_average.clone().into_buffer_arg(),
            step.learning_rate,
            step.betas.0,
            step.betas.1,
            step.epsilon,
            step.corrections.0,
            step.corrections.1,
            step.norm_limit,
            step.average_decay,
        );
    }
    (new_value, new_first, new_second, new_average)
}

/// `total + Σ x²`.
pub(crate) fn add_squared_norm(total: CubeTensor, x: CubeTensor) -> CubeTensor {
    let n = x.shape().num_elements();
    let n_parts = n.div_ceil(NORM_PIECE);
    let (parts, out) = (output(&x, [n_parts.max(1)]), output(&x, [1]));
    // SAFETY: with the shapes as asserted, the kernels stay below the lengths of their buffers, whatever their content.
    unsafe {
        squares_kernel::launch_unchecked(
            &out.client,
            cubes(&x, n_parts.max(1)),
            cube_of(SUM_UNITS),
            x.into_buffer_arg(),
            parts.clone().into_buffer_arg(),
            n,
        );
        add_parts_kernel::launch_unchecked(
            &out.client,
            CubeCount::Static(1, 1, 1),
            cube_of(SUM_UNITS),
            total.into_buffer_arg(),
            parts.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            n_parts,
        );
    }
    out
}

fn sequence(values: [usize; 8]) -> SequenceArg<usize> {
    let mut sequence = SequenceArg::new();
    values.into_iter().for_each(|value| sequence.push(value));
    sequence
}

/// The first `n` vectors one after the other, each followed by zeros up to a multiple of [`PART_ALIGNMENT`].
pub(crate) fn join(vectors: [CubeTensor; 8], n: usize) -> CubeTensor {
    let mut lengths = vectors.each_ref().map(|vector| vector.shape().num_elements());
    lengths[n..].fill(0);
    let mut end = 0;
    let ends = lengths.map(|length| {
        end += length.next_multiple_of(PART_ALIGNMENT);
        end
    });
    let out = output(&vectors[0], [end]);
    let (count, dim) = one_unit_each(&out, end);
    let [a, b, c, d, e, f, g, h] = vectors.map(CubeTensor::into_buffer_arg);
    // SAFETY: the ends grow, a vector is read below its length, and the last end is the length of what is written.
    unsafe {
        join_kernel::launch_unchecked(
            &out.client,
            count,
            dim,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
            out.clone().into_buffer_arg(),
            sequence(ends),
            sequence(lengths),
        );
    }
    out
}

/// A view of the values from `start` on, which must be a multiple of [`PART_ALIGNMENT`].
pub(crate) fn part(joined: CubeTensor, start: usize, length: usize) -> CubeTensor {
    let total = joined.shape().num_elements();
    assert!(start.is_multiple_of(PART_ALIGNMENT) && start + length <= total, "a part lies where it was joined");
    let bytes = |values: usize| (values * size_of::<f32>()) as u64;
    let handle = joined.handle.clone().offset_start(bytes(start)).offset_end(bytes(total - start - length));
    CubeTensor::new_contiguous(joined.client.clone(), joined.device.clone(), Shape::new([length]), handle, DType::F32)
}
