//! Plain backend operations.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, Shape, TensorMetadata};
use burn::tensor::Slice;

use super::{AdamStep, NORM_FLOOR, PART_ALIGNMENT};

/// Value, first moment, second moment and average after the step.
pub fn step<B: Backend>(
    value: FloatTensor<B>,
    first_moment: FloatTensor<B>,
    second_moment: FloatTensor<B>,
    average: FloatTensor<B>,
    gradient: FloatTensor<B>,
    squared_norm: FloatTensor<B>,
    step: AdamStep,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let scaled = |tensor, factor: f32| B::float_mul_scalar(tensor, Scalar::from(factor));
    let blend = |old, new, decay: f32| B::float_add(scaled(old, decay), scaled(new, 1.0 - decay));
    let norm = B::float_add_scalar(B::float_sqrt(squared_norm), Scalar::from(NORM_FLOOR));
    let factor = B::float_clamp_max(scaled(B::float_recip(norm), step.norm_limit), Scalar::from(1.0_f32));
    let gradient = B::float_mul(gradient, factor);
    let first = blend(first_moment, gradient.clone(), step.betas.0);
    let second = blend(second_moment, B::float_mul(gradient.clone(), gradient), step.betas.1);
    let root = B::float_sqrt(scaled(second.clone(), step.corrections.1));
    let direction =
        B::float_div(scaled(first.clone(), step.corrections.0), B::float_add_scalar(root, Scalar::from(step.epsilon)));
    let value = B::float_sub(value, scaled(direction, step.learning_rate));
    let average = blend(average, value.clone(), step.average_decay);
    (value, first, second, average)
}

/// `total + Σ x²`.
pub fn add_squared_norm<B: Backend>(total: FloatTensor<B>, x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_add(total, B::float_sum(B::float_mul(x.clone(), x)))
}

/// The vectors one after the other, each followed by zeros up to a multiple of `PART_ALIGNMENT`.
pub fn join<B: Backend>(vectors: Vec<FloatTensor<B>>) -> FloatTensor<B> {
    let mut pieces = Vec::with_capacity(2 * vectors.len());
    for vector in vectors {
        let length = vector.shape()[0];
        let missing = length.next_multiple_of(PART_ALIGNMENT) - length;
        let zeros = B::float_zeros(Shape::new([missing]), &TensorMetadata::device(&vector), vector.dtype().into());
        pieces.push(vector);
        if missing > 0 {
            pieces.push(zeros);
        }
    }
    B::float_cat(pieces, 0)
}

/// The values from `start` on.
pub fn part<B: Backend>(joined: FloatTensor<B>, start: usize, length: usize) -> FloatTensor<B> {
    B::float_slice(joined, &[Slice::from(start..start + length)])
}
