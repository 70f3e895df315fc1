//! One step of Adam (Kingma and Ba, arXiv 1412.6980) with gradient clipping and the moving average of the weights, in
//! one pass over all parameters as one flat vector.
//!
//! As separate tensor operations this takes about twenty passes over every parameter, on a GPU each with a launch that
//! costs more than its work.

mod backend;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;

pub use backend::AdamOps;

/// Every part of a flat vector begins at a multiple of this many values: views of the parts then begin where a device's
/// buffers may.
pub(super) const PART_ALIGNMENT: usize = 128;
/// Vectors that are joined at once.
const JOINED: usize = 8;

/// The numbers of one step that are the same for all parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub learning_rate: f32,
    /// Decay rates β₁ and β₂.
    pub betas: (f32, f32),
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ), t counted from 1.
    pub corrections: (f32, f32),
    /// The gradients are scaled down to this global norm.
    pub norm_limit: f32,
    /// Decay of the moving average.
    pub average_decay: f32,
}

impl AdamStep {
    /// Factor that limits a gradient of this squared global norm.
    #[cfg(feature = "cpu")]
    fn clip_factor(&self, squared_norm: f32) -> f32 {
        (self.norm_limit / (squared_norm.sqrt() + NORM_FLOOR)).min(1.0)
    }
}

/// Added to the norm before dividing by it.
pub(super) const NORM_FLOOR: f32 = 1e-6;

/// What Adam keeps for its parameters, all of the same length, flat.
#[derive(Debug, Clone)]
pub struct AdamParameter {
    /// The parameter.
    pub value: Tensor<1>,
    /// Moving average of the gradient.
    pub first_moment: Tensor<1>,
    /// Moving average of its square.
    pub second_moment: Tensor<1>,
    /// Moving average of the parameter.
    pub average: Tensor<1>,
}

/// The parameters after a step along their gradient. `squared_norm` `[1]` is that of all gradients of the model
/// together.
pub fn adam_step(
    parameter: AdamParameter,
    gradient: Tensor<1>,
    squared_norm: Tensor<1>,
    step: AdamStep,
) -> AdamParameter {
    let (value, first_moment, second_moment, average) = <Dispatch as AdamOps>::adam_step(
        parameter.value.into_dispatch(),
        parameter.first_moment.into_dispatch(),
        parameter.second_moment.into_dispatch(),
        parameter.average.into_dispatch(),
        gradient.into_dispatch(),
        squared_norm.into_dispatch(),
        step,
    );
    let tensor = Tensor::from_dispatch;
    AdamParameter {
        value: tensor(value),
        first_moment: tensor(first_moment),
        second_moment: tensor(second_moment),
        average: tensor(average),
    }
}

/// `total + Σ x²`; total `[1]`, x flat.
pub fn add_squared_norm(total: Tensor<1>, x: Tensor<1>) -> Tensor<1> {
    Tensor::from_dispatch(<Dispatch as AdamOps>::add_squared_norm(total.into_dispatch(), x.into_dispatch()))
}

/// Vectors one after the other, zeros between them; [`parts`] takes them apart again.
pub fn join(mut vectors: Vec<Tensor<1>>) -> Tensor<1> {
    loop {
        vectors = vectors.chunks(JOINED).map(join_some).collect();
        if vectors.len() <= 1 {
            return vectors.pop().expect("something is joined");
        }
    }
}

/// At most [`JOINED`] vectors one after the other, each followed by zeros up to a multiple of [`PART_ALIGNMENT`].
fn join_some(vectors: &[Tensor<1>]) -> Tensor<1> {
    let [a, b, c, d, e, f, g, h] = std::array::from_fn(|k| vectors[k.min(vectors.len() - 1)].clone().into_dispatch());
    Tensor::from_dispatch(<Dispatch as AdamOps>::join(a, b, c, d, e, f, g, h, vectors.len()))
}

/// The vectors of these lengths that were joined, without copying them where the backend can.
pub fn parts(joined: &Tensor<1>, lengths: &[usize]) -> Vec<Tensor<1>> {
    let mut start = 0;
    let mut part = |&length: &usize| {
        let part = <Dispatch as AdamOps>::part(joined.clone().into_dispatch(), start, length);
        start += length.next_multiple_of(PART_ALIGNMENT);
        Tensor::from_dispatch(part)
    };
    lengths.iter().map(&mut part).collect()
}
