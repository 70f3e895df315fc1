//! CPU loops.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::TensorData;
use rayon::prelude::*;

use crate::flex::floats;

/// Elements per rayon task.
const CHUNK: usize = 1 << 14;

/// `e^x` to two units in the last place, without branches so that the compiler vectorises the loops below (the library
/// call is scalar and took half of a training step). Reduction `x = n·ln 2 + r`, |r| ≤ ½ ln 2, ln 2 in two parts (Cody
/// and Waite), Taylor polynomial to degree 7.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    // 1.5·2²³: adding it leaves the rounded integer in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + coefficient;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    sum * power
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exponential(-x))
}

/// `x·σ(x)`.
pub(crate) fn forward(x: FlexTensor) -> FlexTensor {
    let values = floats(&x);
    let mut output = vec![0.0; values.len()];
    output.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(out, x)| {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * sigmoid(x);
        }
    });
    FlexTensor::from_data(TensorData::new(output, x.shape()))
}

/// `grad·σ(x)·(1 + x·(1 − σ(x)))`.
pub(crate) fn backward(grad: &FlexTensor, x: &FlexTensor) -> FlexTensor {
    let values = floats(x);
    let mut output = vec![0.0; values.len()];
    output.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).zip(floats(grad).par_chunks(CHUNK)).for_each(
        |((out, x), grad)| {
            for ((out, &x), &grad) in out.iter_mut().zip(x).zip(grad) {
                let sigma = sigmoid(x);
                *out = grad * sigma * (1.0 + x * (1.0 - sigma));
            }
        },
    );
    FlexTensor::from_data(TensorData::new(output, x.shape()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_agrees_with_the_library() {
        for k in -8700..=8700 {
            let x = k as f32 * 0.01;
            let exact = f64::from(x).exp();
            assert!((f64::from(exponential(x)) / exact - 1.0).abs() < 3e-7, "x = {x}");
        }
    }

    #[test]
    fn the_sigmoid_saturates_without_nan() {
        assert_eq!(sigmoid(1e30), 1.0);
        assert!(sigmoid(-1e30) < 1e-37);
        assert!(sigmoid(f32::NAN).is_nan());
    }
}
