//! Which kernel multiplies: tensor cores where the device has them and the sizes suit, else registers.

#![allow(
    clippy::collapsible_if,
    reason = "kernels: a condition known at compile time must stand alone, and slices of the device have no iterators"
)]

mod activated;
mod gradient;
mod product;
mod tiled;

use burn::backend::{Shape, TensorMetadata};
use burn_cubecl::tensor::CubeTensor;

use crate::cube::sum_parts;
use crate::cube::tiles::passes;
use product::Epilogue;

/// [`passes`], if the product of x with a weight suits the tensor cores.
fn product_passes(x: &CubeTensor) -> Option<usize> {
    let shape = x.shape();
    let suits = shape[1] > 0 && (1..=product::MAX_INPUTS).contains(&shape[2]);
    passes(x).filter(|_| suits)
}

/// `x·weight (+ bias)`.
pub(crate) fn product(x: CubeTensor, weight: CubeTensor, bias: Option<CubeTensor>) -> CubeTensor {
    let n_output = weight.shape()[2];
    match product_passes(&x) {
        Some(passes) => {
            product::product(x, weight, n_output, false, Epilogue { bias, ..Epilogue::default() }, passes).0
        }
        None => tiled::product(x, weight, bias, n_output, false),
    }
}

/// `swish(x·weight (+ bias)) (+ residual)` and, with `keep_inner`, what the activation is applied to. `None` where no
/// kernel does this in one pass.
pub(crate) fn swish_product(
    x: CubeTensor,
    weight: CubeTensor,
    bias: Option<CubeTensor>,
    residual: Option<CubeTensor>,
    keep_inner: bool,
) -> Option<(CubeTensor, CubeTensor)> {
    let passes = product_passes(&x)?;
    let n_output = weight.shape()[2];
    let epilogue = Epilogue { bias, activated: true, residual, keep_inner };
    Some(product::product(x, weight, n_output, false, epilogue, passes))
}

/// `grad·weightᵀ`.
pub(crate) fn input_gradient(grad: CubeTensor, weight: CubeTensor) -> CubeTensor {
    let n_input = weight.shape()[1];
    match product_passes(&grad) {
        Some(passes) => product::product(grad, weight, n_input, true, Epilogue::default(), passes).0,
        None => tiled::product(grad, weight, None, n_input, true),
    }
}

fn gradients(grad: CubeTensor, x: CubeTensor, with_bias: bool) -> (CubeTensor, CubeTensor) {
    let suits = x.shape().num_elements() > 0 && grad.shape().num_elements() > 0;
    match passes(&x).filter(|_| suits) {
        Some(passes) => gradient::gradients(grad, x, with_bias, passes),
        None => tiled::gradients(grad, x, with_bias),
    }
}

/// `xᵀ·grad`.
pub(crate) fn weight_gradient(grad: CubeTensor, x: CubeTensor) -> CubeTensor {
    gradients(grad, x, false).0
}

/// Gradients by the weight and by the bias of a single product.
pub(crate) fn parameter_gradients(grad: CubeTensor, x: CubeTensor) -> (CubeTensor, CubeTensor) {
    let n_output = grad.shape()[2];
    let (weight, bias_parts) = gradients(grad, x, true);
    (weight, sum_parts(bias_parts, Shape::new([n_output])))
}

/// Gradients of a dense layer with its activation, as [`crate::DenseSwishOps::dense_swish_gradients`]. `None` where no
/// kernel computes them in one pass.
pub(crate) fn swish_gradients(
    grad: CubeTensor,
    inner: CubeTensor,
    x: CubeTensor,
    weight: CubeTensor,
    with_bias: bool,
) -> Option<(CubeTensor, CubeTensor, CubeTensor)> {
    let (shape, n_output) = (x.shape(), grad.shape()[2]);
    let shared_memory = x.client.properties().hardware.max_shared_memory_size;
    let suits = shape[0] == 1 && shape[1] > 0 && activated::fits(shape[2], n_output, shared_memory);
    let passes = passes(&x).filter(|_| suits)?;
    Some(activated::gradients(grad, inner, x, weight, with_bias, passes))
}
