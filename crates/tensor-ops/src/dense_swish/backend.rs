//! Dense layers with their activation as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};

#[cfg(feature = "cube")]
use crate::cube::floats;
#[cfg(feature = "cube")]
use crate::dense;

use super::{SwishParts, backward, reference};
#[cfg(feature = "cpu")]
use crate::dense::flex;
#[cfg(feature = "cpu")]
use crate::flex::single;
use crate::{DenseOps, SwishOps};

/// Dense layers with their activation, as every backend offers it. Each method has a body of plain backend operations,
/// so that a backend without own kernels needs an empty `impl` only. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait DenseSwishOps: DenseOps + SwishOps {
    /// `swish(x·weight + bias) + residual`; x `[1, M, K]`, weight `[1, K, N]`, bias `[N]`, residual `[1, M, N]` → `[1,
    /// M, N]`. The bias and the residual may be left out: see [`SwishParts`].
    fn dense_swish(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> FloatTensor<Self> {
        reference::forward::<Self>(x, weight, bias, residual, parts).0
    }

    /// [`DenseSwishOps::dense_swish`], and what the activation is applied to.
    fn dense_swish_with_inner(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        reference::forward::<Self>(x, weight, bias, residual, parts)
    }

    /// Gradients of [`DenseSwishOps::dense_swish`] by x `[1, M, K]`, by the weight `[1, K, N]` and by the bias `[N]`;
    /// grad `[1, M, N]`, and inner, what the activation was applied to, `[1, M, N]`. Without a bias the last is any
    /// tensor.
    fn dense_swish_gradients(
        grad: FloatTensor<Self>,
        inner: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        parts: SwishParts,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        reference::gradients::<Self>(grad, inner, x, weight, parts)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: DenseSwishOps, C: CheckpointStrategy> DenseSwishOps for Autodiff<B, C> {
    fn dense_swish(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> FloatTensor<Self> {
        backward::dense_swish::<B, C>(x, weight, bias, residual, parts)
    }
}

/// A dense layer with its activation; without `keep_inner`, the second tensor is not computed.
#[cfg(feature = "cube")]
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
    reference::forward::<CubeBackend>(x, weight, bias, residual, parts)
}

#[cfg(feature = "cube")]
impl DenseSwishOps for CubeBackend {
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

    fn dense_swish_gradients(
        grad: FloatTensor<Self>,
        inner: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        parts: SwishParts,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [grad, inner, x, weight] = [grad, inner, x, weight].map(into_contiguous);
        if floats(&[&grad, &inner, &x, &weight]) {
            let [grad, inner, x, weight] = [&grad, &inner, &x, &weight].map(Clone::clone);
            if let Some(found) = dense::cube::swish_gradients(grad, inner, x, weight, parts.bias) {
                return found;
            }
        }
        reference::gradients::<Self>(grad, inner, x, weight, parts)
    }
}

#[cfg(feature = "cpu")]
impl DenseSwishOps for burn::backend::Flex {
    fn dense_swish(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> FloatTensor<Self> {
        if ![&x, &weight, &bias, &residual].into_iter().all(single) {
            return reference::forward::<Self>(x, weight, bias, residual, parts).0;
        }
        let [x, weight, bias, residual] = [x, weight, bias, residual].map(|tensor| tensor.to_contiguous());
        flex::swish_product(&x, &weight, parts.bias.then_some(&bias), parts.residual.then_some(&residual))
    }

    fn dense_swish_with_inner(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        parts: SwishParts,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if ![&x, &weight, &bias, &residual].into_iter().all(single) {
            return reference::forward::<Self>(x, weight, bias, residual, parts);
        }
        let [x, weight, bias, residual] = [x, weight, bias, residual].map(|tensor| tensor.to_contiguous());
        flex::swish_product_with_inner(&x, &weight, parts.bias.then_some(&bias), parts.residual.then_some(&residual))
    }
}
