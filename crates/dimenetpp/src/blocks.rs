//! The parts of the network.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::TensorData;

use crystal_states::{GraphBatch, N_DESCRIPTORS, N_ELEMENTS, N_PROPERTIES, element_descriptors};
use score_model::{at_sources, at_targets};
use tensor_ops::{
    ParameterSource, add_dense_swish, angular_message, dense, dense_swish, gather_rows, layer_norm, linear,
    matrix_product, swish,
};

use crate::{DimeNetPlusPlusConfig, ElementInput};

/// Two linear maps without anything between: a factorised matrix. Multiplying the factors first costs nothing (they are
/// tiny) and saves a tensor over all edges.
#[derive(Module, Debug)]
pub(super) struct RadialFilter {
    pub(super) first: Linear,
    pub(super) second: Linear,
}

impl RadialFilter {
    fn new(n_radial: usize, inner: usize, n_output: usize, source: &mut ParameterSource) -> Self {
        Self { first: source.dense_without_bias(n_radial, inner), second: source.dense_without_bias(inner, n_output) }
    }

    /// The product of the factors, `[n_radial, n_output]`.
    pub(super) fn weights(&self) -> Tensor<2> {
        matrix_product(self.first.weight.val(), self.second.weight.val())
    }

    /// `[E, n_radial]` → `[E, n_output]`.
    fn forward(&self, radial: Tensor<2>) -> Tensor<2> {
        matrix_product(radial, self.weights())
    }
}

/// `h_{c,l}(d) = Σ_b W2[b, c]·Σ_n W1[l, n, b]·R_ln(d)` (method §5), the factors multiplied first as in
/// [`RadialFilter`].
#[derive(Module, Debug)]
pub(super) struct AngularFilter {
    /// `[L, n_radial, basis_emb]`.
    pub(super) first: Param<Tensor<3>>,
    /// `[basis_emb, int_emb]`.
    pub(super) second: Param<Tensor<2>>,
}

impl AngularFilter {
    fn new(config: &DimeNetPlusPlusConfig, source: &mut ParameterSource) -> Self {
        let (degrees, n_radial, inner) = (config.n_spherical, config.n_radial, config.basis_emb);
        // Glorot's bounds for the dense layers L·n_radial → inner → int_emb that these are slices of.
        let bound = |n_input: usize, n_output: usize| (6.0 / (n_input + n_output) as f32).sqrt();
        Self {
            first: source.uniform([degrees, n_radial, inner], bound(degrees * n_radial, inner)),
            second: source.uniform([inner, config.int_emb], bound(inner, config.int_emb)),
        }
    }

    /// The product of the factors, `[L, n_radial, int_emb]`.
    pub(super) fn weights(&self) -> Tensor<3> {
        let [degrees, n_radial, inner] = self.first.dims();
        let [_, int_emb] = self.second.dims();
        let weights = matrix_product(self.first.val().reshape([degrees * n_radial, inner]), self.second.val());
        weights.reshape([degrees, n_radial, int_emb])
    }

    /// `[L, E, n_radial]` → `[L, E, int_emb]`.
    fn forward(&self, spherical: Tensor<3>) -> Tensor<3> {
        dense(spherical, self.weights())
    }
}

/// `x + swish(W2·swish(W1·x))`.
#[derive(Module, Debug)]
pub(super) struct Residual {
    pub(super) first: Linear,
    pub(super) second: Linear,
}

impl Residual {
    fn new(width: usize, source: &mut ParameterSource) -> Self {
        Self { first: source.dense(width, width), second: source.dense(width, width) }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let inner = dense_swish(&self.first, x.clone());
        add_dense_swish(x, &self.second, inner)
    }
}

/// Messages from elements, noise level, length and the edge's scalars.
///
/// The published layer is a dense layer on the concatenation of all parts; here it is the sum of one dense layer per
/// part, which is the same map, so that the parts that belong to sites are multiplied once per site. The level enters
/// as a row of the sum (its embedding times its matrix).
#[derive(Module, Debug)]
pub struct EdgeEmbedding {
    /// One row per element, or per descriptor.
    elements: Param<Tensor<2>>,
    /// `[N_ELEMENTS, N_DESCRIPTORS]`, no parameter.
    descriptors: Option<Tensor<2>>,
    pub(super) levels: Param<Tensor<2>>,
    pub(super) source: Linear,
    pub(super) target: Linear,
    pub(super) radial: Linear,
    pub(super) radial_inner: Linear,
    pub(super) scalars: Linear,
}

impl EdgeEmbedding {
    /// An embedding with random parameters.
    pub fn new(config: &DimeNetPlusPlusConfig, source: &mut ParameterSource) -> Self {
        let emb = config.emb;
        // Glorot's bound for the concatenation of source, target, length, level and equivalence, each of width emb.
        let joint = |source: &mut ParameterSource| Linear {
            weight: source.uniform([emb, emb], (6.0 / (6 * emb) as f32).sqrt()),
            bias: None,
        };
        let (elements, descriptors) = match config.elements {
            ElementInput::AtomicNumber => (source.uniform([N_ELEMENTS, emb], 3.0_f32.sqrt()), None),
            ElementInput::Descriptors => {
                let mut rows = element_descriptors().to_vec();
                rows.resize(N_ELEMENTS * N_DESCRIPTORS, 0.0);
                let rows = TensorData::new(rows, [N_ELEMENTS, N_DESCRIPTORS]);
                let bound = (3.0 / N_PROPERTIES as f32).sqrt();
                (source.uniform([N_DESCRIPTORS, emb], bound), Some(Tensor::from_data(rows, source.device())))
            }
        };
        Self {
            elements,
            descriptors,
            levels: source.uniform([config.n_levels, emb], 1.0),
            source: joint(source),
            target: joint(source),
            radial: source.dense(config.n_radial, emb),
            radial_inner: joint(source),
            scalars: source.dense(config.basis().n_scalars(), emb),
        }
    }

    /// A row for each element, `[N_ELEMENTS, emb]`.
    pub(super) fn element_rows(&self) -> Tensor<2> {
        match &self.descriptors {
            Some(descriptors) => matrix_product(descriptors.clone(), self.elements.val()),
            None => self.elements.val(),
        }
    }

    /// What a site brings to the messages of the edges that begin at it, and to those that end at it, `[N, emb]`.
    pub(super) fn of_sites(&self, batch: &GraphBatch) -> [Tensor<2>; 2] {
        let elements = gather_rows(self.element_rows(), &batch.elements);
        let levels = gather_rows(self.levels.val(), &batch.levels);
        [linear(&self.source, elements.clone()) + levels, linear(&self.target, elements)]
    }

    /// Messages `[E, emb]`.
    pub fn forward(&self, batch: &GraphBatch) -> Tensor<2> {
        let [sources, targets] = self.of_sites(batch);
        let (sources, targets) = (at_sources(sources, batch), at_targets(targets, batch));
        let radial = linear(&self.radial_inner, dense_swish(&self.radial, batch.radial.clone()));
        swish(sources + targets + radial + linear(&self.scalars, batch.scalars.clone()))
    }
}

/// One round of messages.
#[derive(Module, Debug)]
pub struct InteractionBlock {
    pub(super) radial: RadialFilter,
    pub(super) angular: AngularFilter,
    pub(super) same: Linear,
    pub(super) neighbour: Linear,
    pub(super) down: Linear,
    pub(super) up: Linear,
    pub(super) before_skip: Vec<Residual>,
    pub(super) skip: Linear,
    pub(super) after_skip: Vec<Residual>,
}

impl InteractionBlock {
    /// A block with random parameters.
    pub fn new(config: &DimeNetPlusPlusConfig, source: &mut ParameterSource) -> Self {
        let (emb, int_emb) = (config.emb, config.int_emb);
        Self {
            radial: RadialFilter::new(config.n_radial, config.basis_emb, emb, source),
            angular: AngularFilter::new(config, source),
            same: source.dense(emb, emb),
            neighbour: source.dense(emb, emb),
            down: source.dense_without_bias(emb, int_emb),
            up: source.dense_without_bias(int_emb, emb),
            before_skip: (0..config.n_before_skip).map(|_| Residual::new(emb, source)).collect(),
            skip: source.dense(emb, emb),
            after_skip: (0..config.n_after_skip).map(|_| Residual::new(emb, source)).collect(),
        }
    }

    /// Messages `[E, emb]` → `[E, emb]`.
    pub fn forward(&self, messages: Tensor<2>, batch: &GraphBatch) -> Tensor<2> {
        let same = dense_swish(&self.same, messages.clone());
        let neighbour = dense_swish(&self.neighbour, messages.clone()) * self.radial.forward(batch.radial.clone());
        let down = dense_swish(&self.down, neighbour);
        // What comes in to site i along k→i is the message of the reverse of (i→k).
        let incoming = gather_rows(down, &batch.reverse);
        let filters = self.angular.forward(batch.spherical.clone());
        let angular = angular_message(incoming, filters, batch.harmonics.clone(), &batch.source);
        let update = add_dense_swish(same, &self.up, angular);
        let update = self.before_skip.iter().fold(update, |x, layer| layer.forward(x));
        let update = add_dense_swish(messages, &self.skip, update);
        self.after_skip.iter().fold(update, |x, layer| layer.forward(x))
    }
}

/// Two numbers per edge from its message.
#[derive(Module, Debug)]
pub(super) struct OutputBlock {
    pub(super) radial: Linear,
    pub(super) up: Linear,
    pub(super) norm: LayerNorm,
    pub(super) dense: Vec<Linear>,
    pub(super) last: Linear,
}

impl OutputBlock {
    pub(super) fn new(config: &DimeNetPlusPlusConfig, source: &mut ParameterSource) -> Self {
        let (emb, out_emb) = (config.emb, config.out_emb);
        Self {
            radial: source.dense_without_bias(config.n_radial, emb),
            up: source.dense_without_bias(emb, out_emb),
            norm: source.layer_norm(out_emb),
            dense: (0..config.n_dense_output).map(|_| source.dense(out_emb, out_emb)).collect(),
            last: source.scaled_dense_without_bias(out_emb, 2, 0.05),
        }
    }

    /// Messages `[E, emb]` → `[E, 2]`.
    pub(super) fn forward(&self, messages: Tensor<2>, batch: &GraphBatch) -> Tensor<2> {
        let weighted = linear(&self.radial, batch.radial.clone()) * messages;
        let normed = layer_norm(&self.norm, linear(&self.up, weighted));
        let dense = self.dense.iter().fold(normed, |x, layer| dense_swish(layer, x));
        linear(&self.last, dense)
    }
}
