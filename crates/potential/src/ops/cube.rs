//! The operations on CubeCL's runtimes (CUDA, Vulkan, WebGPU), in single precision.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use score_model::ops::cube::output;

use super::backend::{
    DegreeTensors, EdgeTensors, GateOptions, ImageTensors, LayerTensors, MessageGradients, MessageOptions, PotentialOps,
};
use super::{gate, images, message};
use crate::nequix::N_DEGREES;

impl DegreeTensors<CubeBackend> {
    fn contiguous(self) -> [CubeTensor; N_DEGREES] {
        [self.l0, self.l1, self.l2, self.l3].map(into_contiguous)
    }

    fn of([l0, l1, l2, l3]: [CubeTensor; N_DEGREES]) -> Self {
        Self { l0, l1, l2, l3 }
    }
}

/// Uninitialised tensors of `n_rows` rows beside `like`; `[1, 1]` where a degree has no channels.
pub(super) fn outputs(like: &CubeTensor, n_rows: usize, channels: &[usize; N_DEGREES]) -> [CubeTensor; N_DEGREES] {
    std::array::from_fn(|l| match channels[l] {
        0 => output(like, [1, 1]),
        channels => output(like, [n_rows * (2 * l + 1), channels]),
    })
}

fn contiguous_edges(edges: EdgeTensors<CubeBackend>) -> EdgeTensors<CubeBackend> {
    EdgeTensors {
        vectors: into_contiguous(edges.vectors),
        sender: into_contiguous(edges.sender),
        offsets: into_contiguous(edges.offsets),
        order: into_contiguous(edges.order),
        sender_offsets: into_contiguous(edges.sender_offsets),
    }
}

fn contiguous_layer(layer: LayerTensors<CubeBackend>) -> LayerTensors<CubeBackend> {
    LayerTensors {
        table: into_contiguous(layer.table),
        starts: into_contiguous(layer.starts),
        harmonic: into_contiguous(layer.harmonic),
        value: into_contiguous(layer.value),
    }
}

impl PotentialOps for CubeBackend {
    fn message(
        features: DegreeTensors<Self>,
        layer: LayerTensors<Self>,
        edges: EdgeTensors<Self>,
        options: MessageOptions,
    ) -> DegreeTensors<Self> {
        let (layer, edges) = (contiguous_layer(layer), contiguous_edges(edges));
        DegreeTensors::of(message::cube::forward(features.contiguous(), layer, edges, options))
    }

    fn message_backward(
        grad: DegreeTensors<Self>,
        features: DegreeTensors<Self>,
        layer: LayerTensors<Self>,
        edges: EdgeTensors<Self>,
        options: MessageOptions,
    ) -> MessageGradients<Self> {
        let (layer, edges) = (contiguous_layer(layer), contiguous_edges(edges));
        message::cube::backward(grad.contiguous(), features.contiguous(), layer, edges, options)
    }

    fn gate(inputs: DegreeTensors<Self>, weights: FloatTensor<Self>, options: GateOptions) -> DegreeTensors<Self> {
        DegreeTensors::of(gate::cube::forward(inputs.contiguous(), into_contiguous(weights), options))
    }

    fn gate_backward(
        grad: DegreeTensors<Self>,
        inputs: DegreeTensors<Self>,
        weights: FloatTensor<Self>,
        options: GateOptions,
    ) -> DegreeTensors<Self> {
        let (grad, inputs) = (grad.contiguous(), inputs.contiguous());
        DegreeTensors::of(gate::cube::backward(grad, inputs, into_contiguous(weights), options))
    }

    fn images(features: DegreeTensors<Self>, images: ImageTensors<Self>) -> DegreeTensors<Self> {
        let (rotations, site) = (into_contiguous(images.rotations), into_contiguous(images.site));
        DegreeTensors::of(images::cube::forward(features.contiguous(), rotations, site))
    }

    fn images_backward(grad: DegreeTensors<Self>, images: ImageTensors<Self>) -> DegreeTensors<Self> {
        let (rotations, offsets) = (into_contiguous(images.rotations), into_contiguous(images.offsets));
        DegreeTensors::of(images::cube::backward(grad.contiguous(), rotations, offsets))
    }
}
