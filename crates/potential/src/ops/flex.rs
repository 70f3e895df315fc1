//! The operations on burn's processor backend: tensors to slices and back.

use std::borrow::Cow;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, TensorData};

use super::backend::{
    DegreeTensors, EdgeTensors, GateOptions, ImageTensors, LayerTensors, MessageGradients, MessageOptions, PotentialOps,
};
use super::{Real, gate, images, message};
use crate::nequix::N_DEGREES;

/// The values of a contiguous tensor.
pub(super) fn values<T: Real>(tensor: &FlexTensor) -> &[T] {
    tensor.as_slice::<T>().expect("all tensors of an operation are contiguous and of one type")
}

/// The values of a contiguous index tensor; copies when it is 64 bits wide.
pub(super) fn indices(tensor: &FlexTensor) -> Cow<'_, [i32]> {
    match tensor.dtype() {
        DType::I32 => Cow::Borrowed(tensor.as_slice::<i32>().expect("index tensors are contiguous")),
        _ => {
            let wide = tensor.as_slice::<i64>().expect("index tensors are contiguous");
            Cow::Owned(wide.iter().map(|&entry| i32::try_from(entry).expect("indices fit 32 bits")).collect())
        }
    }
}

impl DegreeTensors<Flex> {
    fn contiguous(self) -> [FlexTensor; N_DEGREES] {
        [self.l0, self.l1, self.l2, self.l3].map(|tensor| tensor.to_contiguous())
    }
}

/// A tensor of rows; one placeholder where there are no values.
fn tensor<T: Real>(values: Vec<T>, channels: usize) -> FlexTensor {
    if values.is_empty() || channels == 0 {
        return FlexTensor::from_data(TensorData::new(vec![T::default()], [1, 1]));
    }
    let shape = [values.len() / channels, channels];
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn degrees<T: Real>(values: [Vec<T>; N_DEGREES], channels: &[usize; N_DEGREES]) -> DegreeTensors<Flex> {
    let mut tensors = values.into_iter().zip(channels).map(|(values, &channels)| tensor(values, channels));
    let mut next = || tensors.next().expect("four degrees");
    DegreeTensors { l0: next(), l1: next(), l2: next(), l3: next() }
}

/// Channels of each degree.
fn channels(features: &[FlexTensor; N_DEGREES]) -> [usize; N_DEGREES] {
    features.each_ref().map(|features| features.shape()[1])
}

/// The edges, contiguous.
struct Contiguous {
    vectors: FlexTensor,
    indices: [FlexTensor; 4],
}

impl Contiguous {
    fn new(edges: EdgeTensors<Flex>) -> Self {
        let EdgeTensors { vectors, sender, offsets, order, sender_offsets } = edges;
        Self {
            vectors: vectors.to_contiguous(),
            indices: [sender, offsets, order, sender_offsets].map(|tensor| tensor.to_contiguous()),
        }
    }

    fn with<T: Real, R>(&self, work: impl FnOnce(message::flex::Edges<'_, T>) -> R) -> R {
        let [sender, offsets, order, sender_offsets] = self.indices.each_ref().map(indices);
        work(message::flex::Edges {
            vectors: values(&self.vectors),
            sender: &sender,
            offsets: &offsets,
            order: &order,
            sender_offsets: &sender_offsets,
        })
    }
}

/// Runs a generic body in the precision of a tensor.
macro_rules! in_precision_of {
    ($tensor:expr, $T:ident => $body:expr) => {
        if TensorMetadata::dtype($tensor) == DType::F64 {
            type $T = f64;
            $body
        } else {
            type $T = f32;
            $body
        }
    };
}

impl PotentialOps for Flex {
    fn message(
        features: DegreeTensors<Self>,
        layer: LayerTensors<Self>,
        edges: EdgeTensors<Self>,
        options: MessageOptions,
    ) -> DegreeTensors<Self> {
        let (features, table, edges) = (features.contiguous(), layer.table.to_contiguous(), Contiguous::new(edges));
        in_precision_of!(&table, T => edges.with(|edges| {
            let sums = message::flex::forward::<T>(features.each_ref().map(values), values(&table), &edges, options);
            degrees(sums, &options.kind.plan().outputs)
        }))
    }

    fn message_backward(
        grad: DegreeTensors<Self>,
        features: DegreeTensors<Self>,
        layer: LayerTensors<Self>,
        edges: EdgeTensors<Self>,
        options: MessageOptions,
    ) -> MessageGradients<Self> {
        let (grad, features) = (grad.contiguous(), features.contiguous());
        let (table, edges) = (layer.table.to_contiguous(), Contiguous::new(edges));
        in_precision_of!(&table, T => edges.with(|edges| {
            let (grad, features) = (grad.each_ref().map(values), features.each_ref().map(values));
            let (by_features, by_vectors) = message::flex::backward::<T>(grad, features, values(&table), &edges, options);
            let DegreeTensors { l0, l1, l2, l3 } = degrees(by_features, &options.kind.plan().inputs);
            MessageGradients { l0, l1, l2, l3, vectors: tensor(by_vectors, 3) }
        }))
    }

    fn gate(inputs: DegreeTensors<Self>, weights: FloatTensor<Self>, options: GateOptions) -> DegreeTensors<Self> {
        let (inputs, weights) = (inputs.contiguous(), weights.to_contiguous());
        in_precision_of!(&weights, T => {
            let outputs = gate::flex::forward::<T>(inputs.each_ref().map(values), values(&weights), options);
            degrees(outputs, &gate::output_channels(options.kind))
        })
    }

    fn gate_backward(
        grad: DegreeTensors<Self>,
        inputs: DegreeTensors<Self>,
        weights: FloatTensor<Self>,
        options: GateOptions,
    ) -> DegreeTensors<Self> {
        let (grad, inputs, weights) = (grad.contiguous(), inputs.contiguous(), weights.to_contiguous());
        in_precision_of!(&weights, T => {
            let (grad, inputs) = (grad.each_ref().map(values), inputs.each_ref().map(values));
            degrees(gate::flex::backward::<T>(grad, inputs, values(&weights), options), &gate::input_channels(options.kind))
        })
    }

    fn images(features: DegreeTensors<Self>, images: ImageTensors<Self>) -> DegreeTensors<Self> {
        let (features, rotations) = (features.contiguous(), images.rotations.to_contiguous());
        let (site, channels) = (images.site.to_contiguous(), channels(&features));
        in_precision_of!(&rotations, T => {
            let (features, rotations) = (features.each_ref().map(values), values(&rotations));
            degrees(images::flex::forward::<T>(features, &channels, rotations, &indices(&site)), &channels)
        })
    }

    fn images_backward(grad: DegreeTensors<Self>, images: ImageTensors<Self>) -> DegreeTensors<Self> {
        let (grad, rotations) = (grad.contiguous(), images.rotations.to_contiguous());
        let (offsets, channels) = (images.offsets.to_contiguous(), channels(&grad));
        in_precision_of!(&rotations, T => {
            let (grad, rotations) = (grad.each_ref().map(values), values(&rotations));
            degrees(images::flex::backward::<T>(grad, &channels, rotations, &indices(&offsets)), &channels)
        })
    }
}
