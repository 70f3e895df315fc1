//! Access to the CPU backend's buffers.

use std::borrow::Cow;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, TensorData};

/// Rows per rayon task: below this the task's cost exceeds the work.
pub const MIN_ROWS: usize = 256;

/// The values of a contiguous single-precision tensor.
pub fn floats(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("callers pass contiguous single-precision tensors")
}

/// The values of a contiguous index tensor; copies when it is 64 bits wide.
pub fn indices(tensor: &FlexTensor) -> Cow<'_, [i32]> {
    match tensor.dtype() {
        DType::I32 => Cow::Borrowed(tensor.as_slice::<i32>().expect("index tensors are contiguous")),
        _ => Cow::Owned(
            tensor.as_slice::<i64>().expect("index tensors are contiguous").iter().map(|&entry| entry as i32).collect(),
        ),
    }
}

/// A tensor of these values.
pub fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Whether the loops over `f32` slices apply; other float types take the plain operations.
pub fn single(tensor: &FlexTensor) -> bool {
    TensorMetadata::dtype(tensor) == DType::F32
}
