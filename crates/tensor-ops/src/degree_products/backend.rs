//! The products as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::{CubeBackend, kernel::into_contiguous};

#[cfg(feature = "cube")]
use super::cube;
use super::{backward, reference};
#[cfg(feature = "cube")]
use crate::cube::floats;

/// The products, as every backend offers them. Each method has a body of plain backend operations, so that a backend
/// without own kernels needs an empty `impl` only.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait ProductOps: Backend {
    /// The products; radial `[E, L·I]`, angular `[L, E, C]` → `[I, E, C]`.
    fn degree_products(radial: FloatTensor<Self>, angular: FloatTensor<Self>) -> FloatTensor<Self> {
        reference::forward::<Self>(radial, angular)
    }

    /// Gradients of [`ProductOps::degree_products`] by both factors; grad `[I, E, C]`.
    fn degree_products_backward(
        grad: FloatTensor<Self>,
        radial: FloatTensor<Self>,
        angular: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        reference::backward::<Self>(grad, radial, angular)
    }
}

/// The backward method keeps its plain body here, which makes it differentiable in turn.
impl<B: ProductOps, C: CheckpointStrategy> ProductOps for Autodiff<B, C> {
    fn degree_products(radial: FloatTensor<Self>, angular: FloatTensor<Self>) -> FloatTensor<Self> {
        backward::degree_products::<B, C>(radial, angular)
    }
}

#[cfg(feature = "cube")]
impl ProductOps for CubeBackend {
    fn degree_products(radial: FloatTensor<Self>, angular: FloatTensor<Self>) -> FloatTensor<Self> {
        if !floats(&[&radial, &angular]) {
            return reference::forward::<Self>(radial, angular);
        }
        cube::forward(into_contiguous(radial), into_contiguous(angular))
    }

    fn degree_products_backward(
        grad: FloatTensor<Self>,
        radial: FloatTensor<Self>,
        angular: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !floats(&[&grad, &radial, &angular]) {
            return reference::backward::<Self>(grad, radial, angular);
        }
        cube::backward(into_contiguous(grad), into_contiguous(radial), into_contiguous(angular))
    }
}

#[cfg(feature = "cpu")]
impl ProductOps for burn::backend::Flex {}
