//! Dense layers as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::{CubeBackend, kernel::into_contiguous};

#[cfg(feature = "cube")]
use super::cube;
#[cfg(feature = "cpu")]
use super::flex;
use super::{backward, reference};
#[cfg(feature = "cube")]
use crate::cube::floats;
#[cfg(feature = "cpu")]
use crate::flex::single;

/// Dense layers, as every backend offers it. Each method has a body of plain backend operations, so that a backend
/// without own kernels needs an empty `impl` only. Integer tensors may be of either width.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::too_many_arguments, reason = "a backend method takes no lists of tensors")]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait DenseOps: Backend {
    /// `x·weight`; x `[B, M, K]`, weight `[B, K, N]` → `[B, M, N]`.
    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::product::<Self>(x, weight)
    }

    /// `x·weight + bias`; x `[1, M, K]`, weight `[1, K, N]`, bias `[N]` → `[1, M, N]`.
    fn dense_with_bias(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::product_with_bias::<Self>(x, weight, bias)
    }

    /// Gradient of [`DenseOps::dense`] by x; grad `[B, M, N]` → `[B, M, K]`.
    fn dense_input_gradient(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::input_gradient::<Self>(grad, weight)
    }

    /// Gradient of [`DenseOps::dense`] by the weight `[B, K, N]`; grad `[B, M, N]`.
    fn dense_weight_gradient(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::weight_gradient::<Self>(grad, x)
    }

    /// Gradients of [`DenseOps::dense_with_bias`] by the weight `[1, K, N]` and by the bias `[N]`; grad `[1, M, N]`.
    fn dense_parameter_gradients(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        reference::parameter_gradients::<Self>(grad, x)
    }
}

/// The backward methods keep their plain bodies here, which makes them differentiable in turn.
impl<B: DenseOps, C: CheckpointStrategy> DenseOps for Autodiff<B, C> {
    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        backward::dense::<B, C>(x, weight)
    }

    fn dense_with_bias(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        backward::dense_with_bias::<B, C>(x, weight, bias)
    }
}

#[cfg(feature = "cube")]
impl DenseOps for CubeBackend {
    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&x, &weight]) {
            return reference::product::<Self>(x, weight);
        }
        cube::product(into_contiguous(x), into_contiguous(weight), None)
    }

    fn dense_with_bias(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&x, &weight, &bias]) {
            return reference::product_with_bias::<Self>(x, weight, bias);
        }
        cube::product(into_contiguous(x), into_contiguous(weight), Some(into_contiguous(bias)))
    }

    fn dense_input_gradient(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&grad, &weight]) {
            return reference::input_gradient::<Self>(grad, weight);
        }
        cube::input_gradient(into_contiguous(grad), into_contiguous(weight))
    }

    fn dense_weight_gradient(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&grad, &x]) {
            return reference::weight_gradient::<Self>(grad, x);
        }
        cube::weight_gradient(into_contiguous(grad), into_contiguous(x))
    }

    fn dense_parameter_gradients(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !floats(&[&grad, &x]) {
            return reference::parameter_gradients::<Self>(grad, x);
        }
        cube::parameter_gradients(into_contiguous(grad), into_contiguous(x))
    }
}

#[cfg(feature = "cpu")]
impl DenseOps for burn::backend::Flex {
    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        if !(single(&x) && single(&weight)) {
            return reference::product::<Self>(x, weight);
        }
        flex::product(&x.to_contiguous(), &weight.to_contiguous(), None)
    }

    fn dense_with_bias(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        if !(single(&x) && single(&weight) && single(&bias)) {
            return reference::product_with_bias::<Self>(x, weight, bias);
        }
        flex::product(&x.to_contiguous(), &weight.to_contiguous(), Some(&bias.to_contiguous()))
    }

    fn dense_input_gradient(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        if !(single(&grad) && single(&weight)) {
            return reference::input_gradient::<Self>(grad, weight);
        }
        flex::input_gradient(&grad.to_contiguous(), &weight.to_contiguous())
    }

    fn dense_weight_gradient(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !(single(&grad) && single(&x)) {
            return reference::weight_gradient::<Self>(grad, x);
        }
        flex::weight_gradient(&grad.to_contiguous(), &x.to_contiguous())
    }

    fn dense_parameter_gradients(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !(single(&grad) && single(&x)) {
            return reference::parameter_gradients::<Self>(grad, x);
        }
        flex::parameter_gradients(&grad.to_contiguous(), &x.to_contiguous())
    }
}
