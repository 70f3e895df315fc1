//! CPU loops.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::TensorData;
use rayon::prelude::*;

use crate::flex::{floats, swish, swish_gradient};

/// Elements per rayon task.
const CHUNK: usize = 1 << 14;

/// `x·σ(x)`.
pub(crate) fn forward(x: FlexTensor) -> FlexTensor {
    let values = floats(&x);
    let mut output = vec![0.0; values.len()];
    output.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(out, x)| swish(x, out));
    FlexTensor::from_data(TensorData::new(output, x.shape()))
}

/// `grad·σ(x)·(1 + x·(1 − σ(x)))`.
pub(crate) fn backward(grad: &FlexTensor, x: &FlexTensor) -> FlexTensor {
    let values = floats(x);
    let mut output = vec![0.0; values.len()];
    output
        .par_chunks_mut(CHUNK)
        .zip(values.par_chunks(CHUNK))
        .zip(floats(grad).par_chunks(CHUNK))
        .for_each(|((out, x), grad)| swish_gradient(grad, x, out));
    FlexTensor::from_data(TensorData::new(output, x.shape()))
}
