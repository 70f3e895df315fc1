//! The operations as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend, backend_extension};

use crate::basis::BasisConfig;

use super::adam::{self, AdamStep};
use super::dense_swish::{self, SwishParts};
use super::edge_features::FeatureTensors;
use super::{angular_message, dense, layer_norm, rows, squared_error, swish};

/// What a backend must offer to run the network. Every method has a body of plain backend operations, so that a backend without own
/// kernels needs nothing more than an empty `impl`.
///
/// Shapes: E edges, S segments, C columns, L degrees of spherical harmonics, B batches, M rows, K inputs, N outputs. Integer tensors may be of
/// either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait GraphOps: Backend {
    /// The features of E edges of S structures: envelope, radial and spherical functions, harmonics, directions, scalars, lattice weights.
    /// edges `[E, 11]`: length, equivalence, direction, ∂d/∂y; structures `[S, 3]`: cut-off, factor of the spherical functions, number of
    /// edges; edge_structure `[E]`; table: samples of the radial functions.
    fn edge_features(
        edges: FloatTensor<Self>,
        structures: FloatTensor<Self>,
        edge_structure: IntTensor<Self>,
        table: FloatTensor<Self>,
        config: BasisConfig,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );

    /// `out[m, c] = x[index[m], c]`; x `[S, C]`, index `[M]`, offsets `[S + 1]`, order `[M]` → `[M, C]`.
    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let _ = (offsets, order);
        rows::reference::gather_rows::<Self>(x, index)
    }

    /// `out[s, c] = Σ_{m: index[m] = s} x[m, c]`; x `[M, C]`, index `[M]`, offsets `[S + 1]`, order `[M]` → `[S, C]`.
    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let _ = order;
        rows::reference::segment_sum::<Self>(x, index, offsets)
    }

    /// The angular message; x `[E, C]`, filters `[L, E, C]`, harmonics `[E, L²]`, source `[E]`, offsets `[S + 1]` → `[E, C]`.
    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        angular_message::reference::forward::<Self>(x, filters, harmonics, source, offsets)
    }

    /// Gradients of [`GraphOps::angular_message`] by x `[E, C]` and by the filters `[L, E, C]`; grad `[E, C]`.
    fn angular_message_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        angular_message::reference::backward::<Self>(grad, x, filters, harmonics, source, offsets)
    }

    /// `x·σ(x)`, any shape.
    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        swish::reference::forward::<Self>(x)
    }

    /// Gradient of [`GraphOps::swish`] by x.
    fn swish_backward(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        swish::reference::backward::<Self>(grad, x)
    }

    /// `x·weight`; x `[B, M, K]`, weight `[B, K, N]` → `[B, M, N]`.
    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        dense::reference::product::<Self>(x, weight)
    }

    /// `x·weight + bias`; x `[1, M, K]`, weight `[1, K, N]`, bias `[N]` → `[1, M, N]`.
    fn dense_with_bias(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        dense::reference::product_with_bias::<Self>(x, weight, bias)
    }

    /// Gradient of [`GraphOps::dense`] by x; grad `[B, M, N]` → `[B, M, K]`.
    fn dense_input_gradient(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        dense::reference::input_gradient::<Self>(grad, weight)
    }

    /// Gradient of [`GraphOps::dense`] by the weight `[B, K, N]`; grad `[B, M, N]`.
    fn dense_weight_gradient(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        dense::reference::weight_gradient::<Self>(grad, x)
    }

    /// Gradients of [`GraphOps::dense_with_bias`] by the weight `[1, K, N]` and by the bias `[N]`; grad `[1, M, N]`.
    fn dense_parameter_gradients(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        dense::reference::parameter_gradients::<Self>(grad, x)
    }

    /// `swish(x·weight + bias) + residual`; x `[1, M, K]`, weight `[1, K, N]`, bias `[N]`, residual `[1, M, N]` → `[1, M, N]`. The bias and the
    /// residual may be left out: see [`SwishParts`].
    fn dense_swish(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> FloatTensor<Self> {
        dense_swish::reference::forward::<Self>(x, weight, bias, residual, parts).0
    }

    /// [`GraphOps::dense_swish`], and what the activation is applied to.
    fn dense_swish_with_inner(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        dense_swish::reference::forward::<Self>(x, weight, bias, residual, parts)
    }

    /// Layer norm along the rows; x `[M, C]`, gamma and beta `[C]`.
    fn normalise_rows(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        layer_norm::reference::forward::<Self>(x, gamma, beta)
    }

    /// Gradients of [`GraphOps::normalise_rows`] by x, gamma and beta.
    fn normalise_rows_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        layer_norm::reference::backward::<Self>(grad, x, gamma)
    }

    /// `Σ w·(estimate − target)²`, `[1]`; all `[M, C]`.
    fn squared_error(estimate: FloatTensor<Self>, target: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
        squared_error::reference::forward::<Self>(estimate, target, weights)
    }

    /// Gradient of [`GraphOps::squared_error`] by the estimate; grad `[1]`.
    fn squared_error_backward(
        grad: FloatTensor<Self>,
        estimate: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weights: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        squared_error::reference::backward::<Self>(grad, estimate, target, weights)
    }

    /// One step of Adam on a flat parameter: value, first moment, second moment and moving average `[P]` each; squared_norm `[1]`.
    fn adam_step(
        value: FloatTensor<Self>,
        first_moment: FloatTensor<Self>,
        second_moment: FloatTensor<Self>,
        average: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        squared_norm: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        adam::reference::step::<Self>(value, first_moment, second_moment, average, gradient, squared_norm, step)
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
        adam::reference::join::<Self>([a, b, c, d, e, f, g, h].into_iter().take(n).collect())
    }

    /// `length` values of a vector from `start` on, a multiple of 128.
    fn part(joined: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        adam::reference::part::<Self>(joined, start, length)
    }

    /// `total + Σ x²`; total `[1]`, x `[P]`.
    fn add_squared_norm(total: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        adam::reference::add_squared_norm::<Self>(total, x)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: GraphOps, C: CheckpointStrategy> GraphOps for Autodiff<B, C> {
    /// The features carry no gradient: the score is an output of the network, not a derivative of one.
    fn edge_features(
        edges: FloatTensor<Self>,
        structures: FloatTensor<Self>,
        edge_structure: IntTensor<Self>,
        table: FloatTensor<Self>,
        config: BasisConfig,
    ) -> FeatureTensors<Self> {
        let inner = Self::inner;
        let (a, b, c, d, e, f, g) = B::edge_features(inner(edges), inner(structures), edge_structure, inner(table), config);
        let outer = Self::from_inner;
        (outer(a), outer(b), outer(c), outer(d), outer(e), outer(f), outer(g))
    }

    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        rows::backward::gather_rows::<B, C>(x, index, offsets, order)
    }

    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        rows::backward::segment_sum::<B, C>(x, index, offsets, order)
    }

    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        angular_message::backward::angular_message::<B, C>(x, filters, harmonics, source, offsets)
    }

    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        swish::backward::swish::<B, C>(x)
    }

    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        dense::backward::dense::<B, C>(x, weight)
    }

    fn dense_with_bias(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        dense::backward::dense_with_bias::<B, C>(x, weight, bias)
    }

    fn dense_swish(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> FloatTensor<Self> {
        dense_swish::backward::dense_swish::<B, C>(x, weight, bias, residual, parts)
    }

    fn normalise_rows(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        layer_norm::backward::layer_norm::<B, C>(x, gamma, beta)
    }

    fn squared_error(estimate: FloatTensor<Self>, target: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
        squared_error::backward::squared_error::<B, C>(estimate, target, weights)
    }
}
