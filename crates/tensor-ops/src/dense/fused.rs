//! Products to the bit of a processor with fused multiply-add, for machines without: WebAssembly has no such
//! instruction.
//!
//! On the processor, each element of a product is `fma(x[k], weight[k], sum)` over ascending k, rounded to single
//! precision after every step, from 0 on. A product of two single numbers is exact in double precision, so a step is
//! one sum in double precision and one rounding. Rounding twice differs from rounding once only where the sum in double
//! precision lies in the middle between two single numbers (or below the normal ones, where they lie wider): elements
//! that met such a sum are computed again, step by step, with the exact operation.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

use crate::flex::{floats, tensor};

/// Elements computed side by side.
const WIDTH: usize = 8;
/// The bits of a double number that a single one does not hold, and what stands there in the middle between two.
const DROPPED: u64 = (1 << 29) - 1;
const MIDDLE: u64 = 1 << 28;
/// Twice the smallest normal single number.
const SMALL: f64 = 2.0 * f32::MIN_POSITIVE as f64;

/// `x·weight`; x `[B, M, K]`, weight `[B, K, N]` → `[B, M, N]`.
pub(crate) fn product(x: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
    let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
    let [batches, rows, inner] = [0, 1, 2].map(|axis| x.shape()[axis]);
    let columns = weight.shape()[2];
    let mut output = vec![0.0; batches * rows * columns];
    if output.is_empty() || inner == 0 {
        return tensor(output, [batches, rows, columns]);
    }
    let of_batch = output
        .chunks_exact_mut(rows * columns)
        .zip(floats(&x).chunks_exact(rows * inner))
        .zip(floats(&weight).chunks_exact(inner * columns));
    for ((output, x), weight) in of_batch {
        matrix(output, x, weight, (inner, columns));
    }
    tensor(output, [batches, rows, columns])
}

/// One product of a matrix `[M, inner]` and one `[inner, columns]`.
fn matrix(output: &mut [f32], x: &[f32], weight: &[f32], (inner, columns): (usize, usize)) {
    // Blocks of columns, each with its part of the weight one row after the other, filled up with zeros.
    for first in (0..columns).step_by(WIDTH) {
        let width = WIDTH.min(columns - first);
        let mut block = vec![[0.0; WIDTH]; inner];
        for (row, weight) in block.iter_mut().zip(weight.chunks_exact(columns)) {
            for (value, &weight) in row.iter_mut().zip(&weight[first..first + width]) {
                *value = f64::from(weight);
            }
        }
        for (output, x) in output.chunks_exact_mut(columns).zip(x.chunks_exact(inner)) {
            let output = &mut output[first..first + width];
            let (sums, doubtful) = chains(x, &block);
            output.copy_from_slice(&sums[..width]);
            if doubtful {
                for (column, sum) in output.iter_mut().enumerate() {
                    *sum = exact(x, weight.iter().skip(first + column).step_by(columns));
                }
            }
        }
    }
}

/// The chains of a row, and whether one of them may be rounded wrongly.
#[inline(always)]
fn chains(x: &[f32], block: &[[f64; WIDTH]]) -> ([f32; WIDTH], bool) {
    let mut sums = [0.0_f32; WIDTH];
    let mut doubtful = [0_u64; WIDTH];
    for (&x, weights) in x.iter().zip(block) {
        let x = f64::from(x);
        for ((sum, weight), doubtful) in sums.iter_mut().zip(weights).zip(&mut doubtful) {
            let next = x * weight + f64::from(*sum);
            let middle = next.to_bits() & DROPPED == MIDDLE;
            let small = (next.abs() < SMALL) & (next != 0.0);
            *doubtful |= u64::from(middle | small);
            *sum = next as f32;
        }
    }
    (sums, doubtful.iter().any(|doubtful| *doubtful != 0))
}

fn exact<'a>(x: &[f32], weight: impl Iterator<Item = &'a f32>) -> f32 {
    x.iter().zip(weight).fold(0.0, |sum, (x, weight)| x.mul_add(*weight, sum))
}

#[cfg(test)]
mod tests {
    use burn::Tensor;
    use burn::tensor::{Device, Distribution, TensorData};

    use super::*;

    fn chained(x: &[f32], weight: &[f32], (inner, columns): (usize, usize)) -> Vec<f32> {
        let of_row =
            |x: &[f32]| (0..columns).map(|n| exact(x, weight.iter().skip(n).step_by(columns))).collect::<Vec<_>>();
        x.chunks_exact(inner).flat_map(of_row).collect()
    }

    #[test]
    fn sums_in_the_middle_and_tiny_ones_are_rounded_once() {
        // In double precision 1 + 2⁻²⁴ + 2⁻⁶⁰ is 1 + 2⁻²⁴, whose nearest even single number is 1; the sum itself is nearer
        // to the next one.
        let (x, weight) = ([1.0, 2.0_f32.powi(-30)], [1.0 + 2.0_f32.powi(-23), 2.0_f32.powi(-30)]);
        let x = [x[0], 2.0_f32.powi(-24) + 2.0_f32.powi(-47), x[1]];
        let weight = [1.0, 1.0 + 2.0_f32.powi(-23), weight[1]];
        let mut output = [0.0];
        matrix(&mut output, &x, &weight, (3, 1));
        assert_eq!(output[0].to_bits(), exact(&x, weight.iter()).to_bits());
        let (x, weight) = ([3.7e-20_f32, 1.1e-22], [2.9e-20_f32, -7.3e-21]);
        matrix(&mut output, &x, &weight, (2, 1));
        assert_eq!(output[0].to_bits(), exact(&x, weight.iter()).to_bits());
    }

    #[test]
    fn few_bits_bring_many_middles_and_all_are_right() {
        // Small whole multiples of powers of two: a tenth of the sums lie in the middle.
        let mut state = 1_u32;
        let mut next = |most: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as i32 % (2 * most + 1) - most) as f32
        };
        let (rows, inner, columns) = (64, 12, 11);
        let x: Vec<f32> = (0..rows * inner).map(|k| next(4095) * if k % 3 == 0 { 4097.0 } else { 1.0 }).collect();
        let weight: Vec<f32> = (0..inner * columns).map(|_| next(8191)).collect();
        let mut output = vec![0.0; rows * columns];
        matrix(&mut output, &x, &weight, (inner, columns));
        assert_eq!(output, chained(&x, &weight, (inner, columns)));
        let once_more = |x: &[f32], column: usize| {
            let terms = x.iter().zip(weight.iter().skip(column).step_by(columns));
            terms.fold(0.0_f32, |sum, (x, weight)| (f64::from(*x) * f64::from(*weight) + f64::from(sum)) as f32)
        };
        let rounded_twice = x.chunks_exact(inner).flat_map(|x| (0..columns).map(move |column| once_more(x, column)));
        let wrong = rounded_twice.zip(&output).filter(|(twice, once)| twice != *once).count();
        assert!(wrong > 0, "the test meets no sum that rounding twice gets wrong");
    }

    /// What the browser computes is what the processor does.
    #[test]
    fn the_processors_products_have_the_same_bits() {
        // The invariant is about processors that have the instruction.
        #[cfg(target_arch = "x86_64")]
        assert!(std::arch::is_x86_feature_detected!("fma"), "this processor has no fused multiply-add");
        let device = Device::flex();
        for (batches, rows, inner, columns) in [
            (1, 97, 10, 64),
            (1, 230, 64, 64),
            (1, 512, 64, 128),
            (1, 41, 128, 128),
            (1, 60, 128, 2),
            (7, 90, 10, 64),
            (1, 16, 19, 64),
        ] {
            let random = |shape: [usize; 3]| Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), &device);
            let (x, weight) = (random([batches, rows, inner]), random([batches, inner, columns]));
            let values = |tensor: &Tensor<3>| tensor.to_data().iter::<f32>().collect::<Vec<f32>>();
            let flex = |values: Vec<f32>, shape: [usize; 3]| FlexTensor::from_data(TensorData::new(values, shape));
            let ours =
                product(&flex(values(&x), [batches, rows, inner]), &flex(values(&weight), [batches, inner, columns]));
            assert_eq!(floats(&ours), values(&crate::dense(x, weight)), "{batches} × {rows} × {inner} × {columns}");
        }
    }
}
