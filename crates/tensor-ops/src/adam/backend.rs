//! The optimiser step as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::{CubeBackend, kernel::into_contiguous};

#[cfg(feature = "cube")]
use super::cube;
#[cfg(feature = "cpu")]
use super::flex;
use super::{AdamStep, reference};
#[cfg(feature = "cube")]
use crate::cube::floats;
#[cfg(feature = "cpu")]
use crate::flex::single;

/// The optimiser step, as every backend offers it. Each method has a body of plain backend operations, so that a
/// backend without own kernels needs an empty `impl` only. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait AdamOps: Backend {
    /// One step of Adam on a flat parameter: value, first moment, second moment and moving average `[P]` each;
    /// squared_norm `[1]`.
    fn adam_step(
        value: FloatTensor<Self>,
        first_moment: FloatTensor<Self>,
        second_moment: FloatTensor<Self>,
        average: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        squared_norm: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        reference::step::<Self>(value, first_moment, second_moment, average, gradient, squared_norm, step)
    }

    /// The first `n` of the vectors one after the other, each followed by zeros up to a multiple of 128.
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
        reference::join::<Self>([a, b, c, d, e, f, g, h].into_iter().take(n).collect())
    }

    /// `length` values of a vector from `start` on, a multiple of 128.
    fn part(joined: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        reference::part::<Self>(joined, start, length)
    }

    /// `total + Σ x²`; total `[1]`, x `[P]`.
    fn add_squared_norm(total: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::add_squared_norm::<Self>(total, x)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: AdamOps, C: CheckpointStrategy> AdamOps for Autodiff<B, C> {}

#[cfg(feature = "cube")]
impl AdamOps for CubeBackend {
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
            return reference::step::<Self>(value, first_moment, second_moment, average, gradient, squared_norm, step);
        }
        let state = [value, first_moment, second_moment, average].map(into_contiguous);
        cube::step(state, into_contiguous(gradient), squared_norm, step)
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
            return reference::join::<Self>(vectors.into_iter().take(n).collect());
        }
        cube::join(vectors.map(into_contiguous), n)
    }

    fn part(joined: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        if !floats(&[&joined]) {
            return reference::part::<Self>(joined, start, length);
        }
        cube::part(into_contiguous(joined), start, length)
    }

    fn add_squared_norm(total: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&total, &x]) {
            return reference::add_squared_norm::<Self>(total, x);
        }
        cube::add_squared_norm(total, into_contiguous(x))
    }
}

#[cfg(feature = "cpu")]
impl AdamOps for burn::backend::Flex {
    fn adam_step(
        value: FloatTensor<Self>,
        first_moment: FloatTensor<Self>,
        second_moment: FloatTensor<Self>,
        average: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        squared_norm: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !single(&value) {
            return reference::step::<Self>(value, first_moment, second_moment, average, gradient, squared_norm, step);
        }
        let state = [value, first_moment, second_moment, average].map(|tensor| tensor.to_contiguous());
        flex::step(state.each_ref(), &gradient.to_contiguous(), &squared_norm, step)
    }

    fn add_squared_norm(total: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return reference::add_squared_norm::<Self>(total, x);
        }
        flex::add_squared_norm(&total, &x.to_contiguous())
    }
}
