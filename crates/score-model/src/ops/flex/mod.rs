//! Access to the CPU backend's buffers.

use std::borrow::Cow;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, TensorData};

use super::adam::{self, AdamStep};
use super::edge_features::{self, FeatureTensors};
use super::{GraphOps, angular_message, layer_norm, rows, swish};
use crate::basis::BasisConfig;

/// Rows per rayon task: below this the task's cost exceeds the work.
pub(super) const MIN_ROWS: usize = 256;

/// The values of a contiguous single-precision tensor.
pub(super) fn floats(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("callers pass contiguous single-precision tensors")
}

/// The values of a contiguous index tensor; copies when it is 64 bits wide.
pub(super) fn indices(tensor: &FlexTensor) -> Cow<'_, [i32]> {
    match tensor.dtype() {
        DType::I32 => Cow::Borrowed(tensor.as_slice::<i32>().expect("index tensors are contiguous")),
        _ => Cow::Owned(
            tensor.as_slice::<i64>().expect("index tensors are contiguous").iter().map(|&entry| entry as i32).collect(),
        ),
    }
}

/// A tensor of these values.
pub(super) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Whether the loops over `f32` slices apply; other float types take the plain operations.
fn single(tensor: &FlexTensor) -> bool {
    TensorMetadata::dtype(tensor) == DType::F32
}

impl GraphOps for Flex {
    fn edge_features(
        edges: FloatTensor<Self>,
        structures: FloatTensor<Self>,
        edge_structure: IntTensor<Self>,
        _table: FloatTensor<Self>,
        config: BasisConfig,
    ) -> FeatureTensors<Self> {
        edge_features::flex::features(&edges, &structures, &edge_structure, &config)
    }

    fn gather_rows(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        _offsets: IntTensor<Self>,
        _order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !single(&x) {
            return rows::reference::gather_rows::<Self>(x, index);
        }
        rows::flex::gather_rows(&x.to_contiguous(), &index.to_contiguous())
    }

    fn segment_sum(
        x: FloatTensor<Self>,
        index: IntTensor<Self>,
        offsets: IntTensor<Self>,
        order: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !single(&x) {
            return rows::reference::segment_sum::<Self>(x, index, offsets);
        }
        rows::flex::segment_sum(&x.to_contiguous(), &offsets.to_contiguous(), &order.to_contiguous())
    }

    fn angular_message(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        if !single(&x) {
            return angular_message::reference::forward::<Self>(x, filters, harmonics, source, offsets);
        }
        angular_message::flex::forward(
            &x.to_contiguous(),
            &filters.to_contiguous(),
            &harmonics.to_contiguous(),
            &offsets.to_contiguous(),
        )
    }

    fn angular_message_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        harmonics: FloatTensor<Self>,
        source: IntTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !single(&x) {
            return angular_message::reference::backward::<Self>(grad, x, filters, harmonics, source, offsets);
        }
        angular_message::flex::backward(
            &grad.to_contiguous(),
            &x.to_contiguous(),
            &filters.to_contiguous(),
            &harmonics.to_contiguous(),
            &offsets.to_contiguous(),
        )
    }

    fn swish(x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return swish::reference::forward::<Self>(x);
        }
        swish::flex::forward(x.to_contiguous())
    }

    fn swish_backward(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return swish::reference::backward::<Self>(grad, x);
        }
        swish::flex::backward(&grad.to_contiguous(), &x.to_contiguous())
    }

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
            return adam::reference::step::<Self>(value, first_moment, second_moment, average, gradient, squared_norm, step);
        }
        let state = [value, first_moment, second_moment, average].map(|tensor| tensor.to_contiguous());
        adam::flex::step(state.each_ref(), &gradient.to_contiguous(), &squared_norm, step)
    }

    fn add_squared_norm(total: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return adam::reference::add_squared_norm::<Self>(total, x);
        }
        adam::flex::add_squared_norm(&total, &x.to_contiguous())
    }

    fn normalise_rows(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        if !single(&x) {
            return layer_norm::reference::forward::<Self>(x, gamma, beta);
        }
        layer_norm::flex::forward(&x.to_contiguous(), &gamma.to_contiguous(), &beta.to_contiguous())
    }

    fn normalise_rows_backward(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !single(&x) {
            return layer_norm::reference::backward::<Self>(grad, x, gamma);
        }
        layer_norm::flex::backward(&grad.to_contiguous(), &x.to_contiguous(), &gamma.to_contiguous())
    }
}
