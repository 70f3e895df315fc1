//! Kernels.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]

use burn::backend::TensorMetadata;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{AdamStep, NORM_FLOOR};
use crate::ops::cube::{SUM_UNITS, cube_sum, one_unit_each, output};

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

#[cube(launch_unchecked)]
fn add_squared_norm_kernel(total: &[f32], x: &[f32], out: &mut [f32]) {
    let unit = UNIT_POS as usize;
    let mut share = 0.0f32;
    let mut k = unit;
    while k < x.len() {
        share += x[k] * x[k];
        k += SUM_UNITS;
    }
    let sum = cube_sum(share);
    if unit == 0 {
        out[0] = total[0] + sum;
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
    assert!(state.iter().all(|tensor| tensor.shape().num_elements() == n), "a parameter's state and gradient are equally long");
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
    let out = output(&x, [1]);
    // SAFETY: with the shapes as asserted, the kernel stays below the lengths of its buffers, whatever their content.
    unsafe {
        add_squared_norm_kernel::launch_unchecked(
            &out.client,
            CubeCount::Static(1, 1, 1),
            CubeDim::new_1d(SUM_UNITS as u32),
            total.into_buffer_arg(),
            x.into_buffer_arg(),
            out.clone().into_buffer_arg(),
        );
    }
    out
}
