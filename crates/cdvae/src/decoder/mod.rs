//! The decoder: GemNet-dT (Gasteiger, Becker, Günnemann, arXiv 2106.08903) without a noise level, with types.
//!
//! An edge (i → j) of the graph is GemNet's edge from j into i: edges are grouped by the site that they go out of, and
//! angles between two of them do not change when both are turned round.

use crystal_core::whole;
mod blocks;
mod layers;
mod scales;

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::TensorData;
use crystal_states::GraphBatch;
use tensor_ops::{ParameterSource, gather_rows, linear, matrix_product, segment_sum};

use crate::config::{DecoderConfig, N_TYPES};

use blocks::{Interaction, Output};
use layers::{EdgeInput, weights};
pub(crate) use scales::ScaleFit;
use scales::Scaling;

/// Scalars of an edge before its Gaussians.
const FIRST_GAUSSIAN: usize = 3;

/// What the decoder says of noised atoms.
#[derive(Debug, Clone)]
pub struct Denoised {
    /// σ times the score of the positions, `[rows, 3]`, Cartesian: where an atom should go, in units of the noise. 0
    /// for padding.
    pub score: Tensor<2>,
    /// Logits of the elements, `[rows, 100]`.
    pub elements: Tensor<2>,
}

/// The decoder.
#[derive(Module, Debug)]
pub(crate) struct Decoder {
    /// `[100, width]`.
    elements: Param<Tensor<2>>,
    atoms: Linear,
    atoms_latent: Linear,
    edges: EdgeInput,
    /// Shared by all blocks: radial filters of the messages, of the sums over atoms, and of the outputs.
    filters: [Linear; 3],
    /// `[n_gaussians, L·filter_width]`.
    angular_filters: Param<Tensor<2>>,
    interactions: Vec<Interaction>,
    outputs: Vec<Output>,
    types: Linear,
    /// The scale constants γ, `[n_scales]`, in the order in which they are met. Fitted once, not trained.
    scales: Param<Tensor<1>>,
    #[module(skip)]
    config: DecoderConfig,
}

/// What all blocks read of a graph.
pub(crate) struct Shared<'a> {
    batch: &'a GraphBatch,
    /// Gaussians times the envelope, `[E, n_gaussians]`.
    radial: Tensor<2>,
    /// `[E, filter_width]`: for messages, for sums over atoms, for outputs.
    filters: [Tensor<2>; 3],
    /// `[E, L·filter_width]`.
    angular_filters: Tensor<2>,
}

impl Decoder {
    pub(crate) fn new(config: &DecoderConfig, latent: usize, source: &mut ParameterSource) -> Self {
        let DecoderConfig { width, filter_width, n_gaussians, n_spherical, n_blocks, .. } = *config;
        let ones = TensorData::new(vec![1.0_f32; config.n_scales()], [config.n_scales()]);
        Self {
            elements: source.uniform([N_TYPES, width], 3.0_f32.sqrt()),
            atoms: source.dense(width, width),
            atoms_latent: source.dense_without_bias(latent, width),
            edges: EdgeInput::new(width, n_gaussians, source),
            filters: std::array::from_fn(|_| weights(n_gaussians, filter_width, source)),
            angular_filters: weights(n_gaussians, n_spherical * filter_width, source).weight,
            interactions: (0..n_blocks).map(|_| Interaction::new(config, source)).collect(),
            outputs: (0..=n_blocks).map(|_| Output::new(config, source)).collect(),
            types: source.dense(width, N_TYPES),
            scales: Param::from_data(ones, source.device()),
            config: config.clone(),
        }
    }

    pub(crate) fn forward(&self, elements: Tensor<2>, z: Tensor<2>, batch: &GraphBatch) -> Denoised {
        // Constants: what flows back to them goes nowhere.
        self.forward_scaled(elements, z, batch, &mut Scaling::Fixed(self.scales.val().detach()))
    }

    fn forward_scaled(
        &self,
        elements: Tensor<2>,
        z: Tensor<2>,
        batch: &GraphBatch,
        scaling: &mut Scaling<'_>,
    ) -> Denoised {
        let gaussians = batch.scalars.clone().narrow(1, FIRST_GAUSSIAN, self.config.n_gaussians);
        let radial = gaussians * batch.envelope.clone();
        let shared = Shared {
            filters: std::array::from_fn(|k| linear(&self.filters[k], radial.clone())),
            angular_filters: matrix_product(radial.clone(), self.angular_filters.val() * self.degree_norms(&radial)),
            radial,
            batch,
        };
        let latent = gather_rows(linear(&self.atoms_latent, z), &batch.site_structure);
        let mut atoms = linear(&self.atoms, matrix_product(elements, self.elements.val())) + latent;
        let mut messages = self.edges.forward(&atoms, shared.radial.clone(), batch);
        let mut forces = self.outputs[0].forward(messages.clone(), &shared, 0, scaling);
        for (k, (block, output)) in self.interactions.iter().zip(&self.outputs[1..]).enumerate() {
            (atoms, messages) = block.forward(atoms, messages, &shared, 4 * k + 1, scaling);
            forces = forces + output.forward(messages.clone(), &shared, 4 * k + 4, scaling);
        }
        let score = segment_sum(forces * batch.directions.clone(), &batch.source);
        Denoised { score, elements: linear(&self.types, atoms) }
    }

    /// `√((2l+1)/4π)`, what makes a Legendre polynomial a spherical harmonic, `[1, L·filter_width]`.
    fn degree_norms(&self, like: &Tensor<2>) -> Tensor<2> {
        let DecoderConfig { n_spherical, filter_width, .. } = self.config;
        let norm = |l: usize| whole::single(((2 * l + 1) as f64 / (4.0 * std::f64::consts::PI)).sqrt());
        let norms: Vec<f32> = (0..n_spherical).flat_map(|l| std::iter::repeat_n(norm(l), filter_width)).collect();
        let shape = [1, norms.len()];
        Tensor::from_data(TensorData::new(norms, shape), &like.device().without_autodiff())
    }

    /// The scale constants.
    pub(crate) fn scales(&self) -> Vec<f32> {
        self.scales.val().into_data().iter::<f32>().collect()
    }

    /// With other scale constants.
    pub(crate) fn with_scales(mut self, scales: &[f32]) -> Self {
        let data = TensorData::new(scales.to_vec(), [scales.len()]);
        let device = self.scales.val().device();
        self.scales = self.scales.map(|_| Tensor::from_data(data, &device));
        self
    }

    /// Measures on one batch what the scale constants should be; `fit` collects them. `sites` `[rows, 1]` is 1 for each
    /// site of the batch, 0 for padding.
    pub(crate) fn measure_scales(
        &self,
        elements: Tensor<2>,
        z: Tensor<2>,
        batch: &GraphBatch,
        sites: Tensor<2>,
        fit: &mut ScaleFit,
    ) -> Denoised {
        fit.begin(batch, sites);
        self.forward_scaled(elements, z, batch, &mut Scaling::Fit(fit))
    }
}
