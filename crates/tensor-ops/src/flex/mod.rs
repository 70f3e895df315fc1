//! Access to the CPU backend's buffers, and the loops over them.
//!
//! [`dense`] and its neighbours work on a few rows on the calling thread, with the vector instructions that the
//! processor has. The operations of this crate share rows out over threads; a network without gradients runs several
//! layers on the same rows ([`rows`]).

mod activation;
mod fused;
mod lanes;
mod product;
pub mod rows;

use std::borrow::Cow;
use std::cell::RefCell;

use burn::backend::flex::FlexTensor;
use burn::backend::{BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind, TensorMetadata};
use burn::tensor::{DType, Int, Tensor, TensorData};

pub use activation::{exponential_in_place, swish_in_place};
pub(crate) use activation::{swish, swish_gradient};
pub use rows::{Finish, Layer, dense, layer_norm};

/// Rows per rayon task: below this the task's cost exceeds the work.
pub const MIN_ROWS: usize = 256;

/// Rows that a dense layer takes at once: with its weights they fit into the cache of a core.
pub(crate) const PIECE: usize = 48;

/// The values of a contiguous single-precision tensor.
pub fn floats(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("callers pass contiguous single-precision tensors")
}

/// The values of a contiguous index tensor; copies when it is 64 bits wide.
pub fn indices(tensor: &FlexTensor) -> Cow<'_, [i32]> {
    match tensor.dtype() {
        DType::I32 => Cow::Borrowed(tensor.as_slice::<i32>().expect("index tensors are contiguous")),
        _ => Cow::Owned(
            tensor
                .as_slice::<i64>()
                .expect("index tensors are contiguous")
                .iter()
                .map(|&entry| i32::try_from(entry).expect("an index names one of fewer than 2^31 rows"))
                .collect(),
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

/// The buffer of a tensor on the processor, in single precision and without gradients; `None` for another.
pub fn plain<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    let DispatchTensor { kind, autodiff } = tensor.clone().into_dispatch();
    match (kind, autodiff) {
        (DispatchTensorKind::Flex(BackendTensor::Float(tensor)), DispatchAutodiffContext::Disabled)
            if single(&tensor) =>
        {
            Some(tensor.to_contiguous())
        }
        _ => None,
    }
}

/// The buffer of an index tensor on the processor; `None` for another.
pub fn plain_indices(tensor: &Tensor<1, Int>) -> Option<FlexTensor> {
    match tensor.clone().into_dispatch().kind {
        DispatchTensorKind::Flex(BackendTensor::Int(tensor)) => Some(tensor.to_contiguous()),
        _ => None,
    }
}

/// Calls `work` with room for `len` numbers, which are what was left there: a thread keeps its room between calls.
pub fn with_room<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local! {
        static ROOM: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    }
    // A call within `work` finds the room taken and gets another.
    let mut room = ROOM.with_borrow_mut(Vec::pop).unwrap_or_default();
    if room.len() < len {
        room.resize(len, 0.0);
    }
    let result = work(&mut room[..len]);
    ROOM.with_borrow_mut(|rooms| rooms.push(room));
    result
}
