//! The operations on tensors of the chosen device.

use burn::Tensor;
use burn::backend::Dispatch;
use burn::tensor::Int;

use super::backend::{
    DegreeTensors, EdgeTensors, GateOptions, ImageTensors, LayerTensors, MessageOptions, PotentialOps,
};

/// Features of the four degrees, `[rows·(2l+1), channels]` each; `[1, 1]` where a degree does not occur.
pub(crate) type Degrees = [Tensor<2>; 4];

/// [`EdgeTensors`] on a device.
#[derive(Debug, Clone)]
pub(crate) struct Edges {
    pub vectors: Tensor<2>,
    pub sender: Tensor<1, Int>,
    pub offsets: Tensor<1, Int>,
    pub order: Tensor<1, Int>,
    pub sender_offsets: Tensor<1, Int>,
}

/// [`LayerTensors`] on a device.
#[derive(Debug, Clone)]
pub(crate) struct LayerTables {
    pub table: Tensor<3>,
    pub starts: Tensor<1, Int>,
    pub harmonic: Tensor<1, Int>,
    pub value: Tensor<1>,
}

/// [`ImageTensors`] on a device.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    pub rotations: Tensor<2>,
    pub site: Tensor<1, Int>,
    pub offsets: Tensor<1, Int>,
}

fn into_degrees(degrees: Degrees) -> DegreeTensors<Dispatch> {
    let [l0, l1, l2, l3] = degrees.map(Tensor::into_dispatch);
    DegreeTensors { l0, l1, l2, l3 }
}

fn from_degrees(degrees: DegreeTensors<Dispatch>) -> Degrees {
    [degrees.l0, degrees.l1, degrees.l2, degrees.l3].map(Tensor::from_dispatch)
}

impl Edges {
    fn into_tensors(self) -> EdgeTensors<Dispatch> {
        EdgeTensors {
            vectors: self.vectors.into_dispatch(),
            sender: self.sender.into_dispatch(),
            offsets: self.offsets.into_dispatch(),
            order: self.order.into_dispatch(),
            sender_offsets: self.sender_offsets.into_dispatch(),
        }
    }
}

impl LayerTables {
    fn into_tensors(self) -> LayerTensors<Dispatch> {
        LayerTensors {
            table: self.table.into_dispatch(),
            starts: self.starts.into_dispatch(),
            harmonic: self.harmonic.into_dispatch(),
            value: self.value.into_dispatch(),
        }
    }
}

impl Images {
    fn into_tensors(self) -> ImageTensors<Dispatch> {
        ImageTensors {
            rotations: self.rotations.into_dispatch(),
            site: self.site.into_dispatch(),
            offsets: self.offsets.into_dispatch(),
        }
    }
}

/// Sums of messages into each site.
pub(crate) fn message(features: Degrees, layer: LayerTables, edges: &Edges, options: MessageOptions) -> Degrees {
    let (layer, edges) = (layer.into_tensors(), edges.clone().into_tensors());
    from_degrees(<Dispatch as PotentialOps>::message(into_degrees(features), layer, edges, options))
}

/// Gradients by the features of the images and by the vectors of the edges.
pub(crate) fn message_backward(
    grad: Degrees,
    features: Degrees,
    layer: LayerTables,
    edges: &Edges,
    options: MessageOptions,
) -> (Degrees, Tensor<2>) {
    let (grad, features, edges) = (into_degrees(grad), into_degrees(features), edges.clone().into_tensors());
    let found = <Dispatch as PotentialOps>::message_backward(grad, features, layer.into_tensors(), edges, options);
    ([found.l0, found.l1, found.l2, found.l3].map(Tensor::from_dispatch), Tensor::from_dispatch(found.vectors))
}

/// Norm and gate.
pub(crate) fn gate(inputs: Degrees, weights: Tensor<1>, options: GateOptions) -> Degrees {
    from_degrees(<Dispatch as PotentialOps>::gate(into_degrees(inputs), weights.into_dispatch(), options))
}

/// Gradient of [`gate`] by its inputs.
pub(crate) fn gate_backward(grad: Degrees, inputs: Degrees, weights: Tensor<1>, options: GateOptions) -> Degrees {
    let (grad, inputs) = (into_degrees(grad), into_degrees(inputs));
    from_degrees(<Dispatch as PotentialOps>::gate_backward(grad, inputs, weights.into_dispatch(), options))
}

/// Features of the images of the sites.
pub(crate) fn images(features: Degrees, images: &Images) -> Degrees {
    from_degrees(<Dispatch as PotentialOps>::images(into_degrees(features), images.clone().into_tensors()))
}

/// Gradient of [`images`] by the sites' features.
pub(crate) fn images_backward(grad: Degrees, images: &Images) -> Degrees {
    from_degrees(<Dispatch as PotentialOps>::images_backward(into_degrees(grad), images.clone().into_tensors()))
}
