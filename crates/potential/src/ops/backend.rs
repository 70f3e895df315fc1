//! The operations as an extension of burn's backends.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

use crate::nequix::LayerKind;

/// Features or messages of the four degrees: `[rows·(2l+1), channels]` each, the components of a row one after the
/// other. Degrees that do not occur are `[1, 1]` and are not read.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) struct DegreeTensors<B: Backend> {
    /// Degree 0.
    pub l0: FloatTensor<B>,
    /// Degree 1.
    pub l1: FloatTensor<B>,
    /// Degree 2.
    pub l2: FloatTensor<B>,
    /// Degree 3.
    pub l3: FloatTensor<B>,
}

/// The edges of a batch. N sites (receivers), I images (senders), E edges sorted by receiver.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) struct EdgeTensors<B: Backend> {
    /// From receiver to sender, Å, and the factor of the edge's message, `[E, 4]`.
    pub vectors: FloatTensor<B>,
    /// Image that sends, `[E]`.
    pub sender: IntTensor<B>,
    /// First edge of each site, `[N + 1]`.
    pub offsets: IntTensor<B>,
    /// Edges by sender, `[E]`.
    pub order: IntTensor<B>,
    /// First of each image in `order`, `[I + 1]`.
    pub sender_offsets: IntTensor<B>,
}

/// What a layer's messages are made with.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) struct LayerTensors<B: Backend> {
    /// Cubics of the radial network, `[intervals, 4, P]`.
    pub table: FloatTensor<B>,
    /// First coefficient of each entry of an edge's matrices, `[entries + 1]`.
    pub starts: IntTensor<B>,
    /// Harmonic of each coefficient, `[coefficients]`.
    pub harmonic: IntTensor<B>,
    /// The coefficients, `[coefficients]`.
    pub value: FloatTensor<B>,
}

/// Gradients of the messages.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) struct MessageGradients<B: Backend> {
    /// By the images' features of degree 0.
    pub l0: FloatTensor<B>,
    /// Of degree 1.
    pub l1: FloatTensor<B>,
    /// Of degree 2.
    pub l2: FloatTensor<B>,
    /// Of degree 3.
    pub l3: FloatTensor<B>,
    /// By the edges' vectors, `[E, 3]`.
    pub vectors: FloatTensor<B>,
}

/// How images are made of sites.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) struct ImageTensors<B: Backend> {
    /// Matrices of degree 1, 2, 3 of each image, `[I, 83]`.
    pub rotations: FloatTensor<B>,
    /// Site of each image, ascending, `[I]`.
    pub site: IntTensor<B>,
    /// First image of each site, `[N + 1]`.
    pub offsets: IntTensor<B>,
}

/// How the messages of a layer are formed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MessageOptions {
    /// The layer.
    pub kind: LayerKind,
    /// Width of the table's intervals, Å; 0: one row per edge, its value and slope exact.
    pub spacing: f64,
    /// Whether the gradient by the features is wanted; else it is `[1, 1]`.
    pub feature_gradient: bool,
}

/// Constants of the gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GateOptions {
    /// The layer.
    pub kind: LayerKind,
    /// Added to the squared norm.
    pub epsilon: f64,
    /// κ, by which the activation is divided.
    pub silu_norm: f64,
}

/// What a backend must offer to run the network.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait PotentialOps: Backend {
    /// Sums of the messages of all edges into each site; features of I images → messages of N sites.
    fn message(
        #[extension_type] features: DegreeTensors<Self>,
        #[extension_type] layer: LayerTensors<Self>,
        #[extension_type] edges: EdgeTensors<Self>,
        options: MessageOptions,
    ) -> DegreeTensors<Self>;

    /// Gradients of [`PotentialOps::message`] by features and vectors; grad: as the messages.
    fn message_backward(
        #[extension_type] grad: DegreeTensors<Self>,
        #[extension_type] features: DegreeTensors<Self>,
        #[extension_type] layer: LayerTensors<Self>,
        #[extension_type] edges: EdgeTensors<Self>,
        options: MessageOptions,
    ) -> MessageGradients<Self>;

    /// Norm and gate of N sites; weights: those of all degrees, one after the other.
    fn gate(
        #[extension_type] inputs: DegreeTensors<Self>,
        weights: FloatTensor<Self>,
        options: GateOptions,
    ) -> DegreeTensors<Self>;

    /// Gradient of [`PotentialOps::gate`] by its inputs.
    fn gate_backward(
        #[extension_type] grad: DegreeTensors<Self>,
        #[extension_type] inputs: DegreeTensors<Self>,
        weights: FloatTensor<Self>,
        options: GateOptions,
    ) -> DegreeTensors<Self>;

    /// Features of the images of N sites, all four degrees, any number of channels.
    fn images(
        #[extension_type] features: DegreeTensors<Self>,
        #[extension_type] images: ImageTensors<Self>,
    ) -> DegreeTensors<Self>;

    /// Gradient of [`PotentialOps::images`] by the sites' features.
    fn images_backward(
        #[extension_type] grad: DegreeTensors<Self>,
        #[extension_type] images: ImageTensors<Self>,
    ) -> DegreeTensors<Self>;
}
