//! What all kernels share: sizes of grids, outputs, sums over a cube. CubeCL's runtimes are CUDA, Vulkan and WebGPU.
//!
//! Kernels take contiguous single-precision tensors and 32-bit indices; any other type takes the plain operations.
//! Those that follow indices in memory are launched with bounds checks: an index outside its buffer reads nothing.
#![allow(
    unsafe_code,
    reason = "every kernel here compares its own indices with the sizes; the launcher's checks would double its work"
)]
#![allow(missing_docs, reason = "the macro that makes a kernel of a function makes an undocumented module beside it")]

pub mod tiles;

use burn::Tensor;
use burn::backend::{
    BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind, Shape, TensorMetadata,
};
use burn::tensor::{DType, Int};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// Units of a cube where every unit writes one value.
const UNITS: u32 = 256;

/// An uninitialised single-precision tensor beside `like`.
pub fn output(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), DType::F32)
}

/// A cube of this many units.
pub fn cube_of(n_units: usize) -> CubeDim {
    CubeDim::new_1d(u32::try_from(n_units).expect("a cube has at most some thousand units"))
}

/// Grid and cube for `n` values, one per unit.
pub fn one_unit_each(tensor: &CubeTensor, n: usize) -> (CubeCount, CubeDim) {
    (cubes(tensor, n.div_ceil(UNITS as usize)), CubeDim::new_1d(UNITS))
}

/// Values that are read or written at once, of rows of `n`: rows must begin where such a vector may.
pub fn vector_width(n: usize) -> usize {
    if n.is_multiple_of(4) { 4 } else { 1 }
}

/// A grid of at least `n` cubes, numbered by `CUBE_POS`; kernels leave at once where it is `n` or more.
pub fn cubes(tensor: &CubeTensor, n: usize) -> CubeCount {
    calculate_cube_count_elemwise(&tensor.client, n, CubeDim::new_1d(1))
}

/// Units of a cube that sums by itself.
pub const SUM_UNITS: usize = 256;

/// The sum of a value over a cube of [`SUM_UNITS`] units, in unit 0; the others get what they put in.
#[cube]
pub fn cube_sum(share: f32) -> f32 {
    let unit = UNIT_POS as usize;
    let mut shares = Shared::<[f32]>::new_slice(SUM_UNITS);
    shares[unit] = share;
    sync_cube();
    let mut sum = share;
    if unit == 0 {
        for other in 1..SUM_UNITS {
            sum += shares[other];
        }
    }
    sum
}

/// Values of the sum that a cube computes, and units that share the pieces of each.
const SUM_VALUES: usize = 16;
const SUM_SHARES: usize = 16;

/// `out[b, k] = Σ_p parts[b, p, k]`: of `SUM_SHARES` units, each adds every this many-th piece, and the first adds what
/// they found. Pieces of zeros at the end change nothing.
#[cube(launch_unchecked)]
fn sum_parts_kernel(parts: &[f32], out: &mut [f32], n_pieces: usize, size: usize, n: usize) {
    let unit = UNIT_POS as usize;
    let share = unit / SUM_VALUES;
    let value = CUBE_POS * SUM_VALUES + unit % SUM_VALUES;
    let mut total = 0.0f32;
    if value < n {
        let first = value / size * n_pieces * size + value % size;
        let mut piece = share;
        while piece < n_pieces {
            total += parts[first + piece * size];
            piece += SUM_SHARES;
        }
    }
    let mut totals = Shared::<[f32]>::new_slice(comptime!(SUM_VALUES * SUM_SHARES));
    totals[unit] = total;
    sync_cube();
    if share == 0 && value < n {
        for other in 1..SUM_SHARES {
            total += totals[other * SUM_VALUES + unit];
        }
        out[value] = total;
    }
}

/// The sum over the pieces, dimension 1 of `[B, pieces, …]`, in a fixed order; `shape` is that of the sum.
pub fn sum_parts(parts: CubeTensor, shape: Shape) -> CubeTensor {
    let dims = parts.shape();
    let n = shape.num_elements();
    let out = output(&parts, shape);
    // SAFETY: the kernel reads and writes below the lengths of its buffers, whatever their content.
    unsafe {
        sum_parts_kernel::launch_unchecked(
            &out.client,
            cubes(&parts, n.div_ceil(SUM_VALUES)),
            cube_of(SUM_VALUES * SUM_SHARES),
            parts.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            dims[1],
            n / dims[0],
            n,
        );
    }
    out
}

/// Whether all hold single precision.
pub fn floats(tensors: &[&CubeTensor]) -> bool {
    tensors.iter().all(|tensor| TensorMetadata::dtype(*tensor) == DType::F32)
}

/// Whether all hold 32-bit integers.
pub fn indices(tensors: &[&CubeTensor]) -> bool {
    tensors.iter().all(|tensor| TensorMetadata::dtype(*tensor) == DType::I32)
}

/// The buffer of a tensor on a device with kernels, contiguous, in single precision and without gradients; `None` for
/// another.
pub fn plain<const D: usize>(tensor: &Tensor<D>) -> Option<CubeTensor> {
    let DispatchTensor { kind, autodiff } = tensor.clone().into_dispatch();
    match (kind, autodiff) {
        (DispatchTensorKind::Cube(BackendTensor::Float(tensor)), DispatchAutodiffContext::Disabled)
            if floats(&[&tensor]) =>
        {
            Some(into_contiguous(tensor))
        }
        _ => None,
    }
}

/// The buffer of 32-bit indices on a device with kernels; `None` for another.
pub fn plain_indices(tensor: &Tensor<1, Int>) -> Option<CubeTensor> {
    match tensor.clone().into_dispatch().kind {
        DispatchTensorKind::Cube(BackendTensor::Int(tensor)) if indices(&[&tensor]) => Some(into_contiguous(tensor)),
        _ => None,
    }
}

/// The tensor of a buffer.
pub fn tensor<const D: usize>(buffer: CubeTensor) -> Tensor<D> {
    let kind = DispatchTensorKind::Cube(BackendTensor::Float(buffer));
    Tensor::from_dispatch(DispatchTensor { kind, autodiff: DispatchAutodiffContext::Disabled })
}
