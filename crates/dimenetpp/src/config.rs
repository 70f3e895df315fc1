//! Sizes of the network.

use burn::tensor::Device;
use crystal_core::ConfigError;
use crystal_states::BasisConfig;
use score_model::ModelConfig;
use serde::{Deserialize, Serialize};
use tensor_ops::ParameterSource;

use crate::DimeNetPlusPlus;
use crate::blocks::{EdgeEmbedding, InteractionBlock, OutputBlock};

/// What the network is told of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ElementInput {
    /// Its atomic number: a learned vector for each element (the paper).
    #[default]
    AtomicNumber,
    /// Its descriptors ([`crystal_states::element_descriptors`]): a learned linear map of them, so that elements of one
    /// group have something in common from the start (the paper's outlook). Elements beyond fermium have none and look
    /// alike.
    Descriptors,
}

/// Sizes of the network and the seed of its initial parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimeNetPlusPlusConfig {
    /// Width of the messages.
    pub emb: usize,
    /// Width of the output blocks.
    pub out_emb: usize,
    /// Width of the down-projected messages in the angular sum.
    pub int_emb: usize,
    /// Width between the two linear maps of each basis.
    pub basis_emb: usize,
    /// Number of interaction blocks; there is one output block more.
    pub n_blocks: usize,
    /// Number of degrees of the angular basis.
    pub n_spherical: usize,
    /// Number of radial functions.
    pub n_radial: usize,
    /// Exponent of the envelope.
    pub envelope_exponent: usize,
    /// Residual layers before the skip connection.
    pub n_before_skip: usize,
    /// Residual layers after it.
    pub n_after_skip: usize,
    /// Dense layers of an output block.
    pub n_dense_output: usize,
    /// Number of noise levels.
    pub n_levels: usize,
    /// Gaussians in the absolute length among the edge's scalars.
    pub n_gaussians: usize,
    /// What it is told of elements.
    #[serde(default)]
    pub elements: ElementInput,
    /// Seed of the initial parameters.
    pub seed: u64,
}

impl DimeNetPlusPlusConfig {
    /// The sizes behind the paper's Table 1 (method §5).
    pub fn table1() -> Self {
        Self {
            emb: 64,
            out_emb: 128,
            int_emb: 64,
            basis_emb: 10,
            n_blocks: 4,
            n_spherical: 7,
            n_radial: 10,
            envelope_exponent: 5,
            n_before_skip: 1,
            n_after_skip: 2,
            n_dense_output: 3,
            n_levels: 10,
            n_gaussians: 16,
            elements: ElementInput::default(),
            seed: 0,
        }
    }

    /// A network for a few minutes of training on a CPU.
    pub fn small() -> Self {
        Self {
            emb: 32,
            out_emb: 64,
            int_emb: 16,
            basis_emb: 8,
            n_blocks: 2,
            n_spherical: 5,
            n_radial: 6,
            n_before_skip: 1,
            n_after_skip: 1,
            n_dense_output: 2,
            ..Self::table1()
        }
    }

    /// Floating-point operations of the dense layers for one edge in one evaluation, a multiplication and an addition
    /// counted as two.
    pub fn dense_operations_per_edge(&self) -> usize {
        let (emb, int_emb, out_emb) = (self.emb, self.int_emb, self.out_emb);
        let embedding = (self.n_radial + emb + self.basis().n_scalars()) * emb;
        let residuals = 2 * (self.n_before_skip + self.n_after_skip) * emb * emb;
        let filters = self.n_radial * emb + self.n_spherical * self.n_radial * int_emb;
        let interaction = 3 * emb * emb + 2 * emb * int_emb + residuals + filters;
        let output = self.n_radial * emb + emb * out_emb + self.n_dense_output * out_emb * out_emb + 2 * out_emb;
        2 * (embedding + self.n_blocks * interaction + (self.n_blocks + 1) * output)
    }

    /// Bytes that the dense layers read and write for one edge in one evaluation, inputs and outputs once each.
    pub fn dense_bytes_per_edge(&self) -> usize {
        let (emb, int_emb, out_emb) = (self.emb, self.int_emb, self.out_emb);
        let embedding = (self.n_radial + emb) + 2 * emb + (self.basis().n_scalars() + emb);
        let residuals = 2 * (self.n_before_skip + self.n_after_skip) * 2 * emb;
        let filters = (self.n_radial + emb) + self.n_spherical * (self.n_radial + int_emb);
        let interaction = 3 * 2 * emb + 2 * (emb + int_emb) + residuals + filters;
        let output = (self.n_radial + emb) + (emb + out_emb) + self.n_dense_output * 2 * out_emb + (out_emb + 2);
        size_of::<f32>() * (embedding + self.n_blocks * interaction + (self.n_blocks + 1) * output)
    }

    /// The features the network reads.
    pub fn basis(&self) -> BasisConfig {
        BasisConfig {
            n_radial: self.n_radial,
            n_spherical: self.n_spherical,
            envelope_exponent: self.envelope_exponent,
            n_gaussians: self.n_gaussians,
            n_levels: self.n_levels,
        }
    }
}

impl ModelConfig for DimeNetPlusPlusConfig {
    type Model = DimeNetPlusPlus;

    const KIND: &'static str = "dimenetpp";

    fn check(&self) -> Result<(), ConfigError> {
        self.basis().check()?;
        let widths =
            [("emb", self.emb), ("out_emb", self.out_emb), ("int_emb", self.int_emb), ("basis_emb", self.basis_emb)];
        for (field, value) in widths {
            ConfigError::unless((1..=4096).contains(&value), field, value, "1 to 4096")?;
        }
        let depths = [
            ("n_blocks", self.n_blocks),
            ("n_before_skip", self.n_before_skip),
            ("n_after_skip", self.n_after_skip),
            ("n_dense_output", self.n_dense_output),
        ];
        depths.into_iter().try_for_each(|(field, value)| ConfigError::unless(value <= 64, field, value, "at most 64"))
    }

    fn n_levels(&self) -> usize {
        self.n_levels
    }

    fn with_seed(&self, seed: u64) -> Self {
        Self { seed, ..self.clone() }
    }

    /// A network with random parameters: embeddings of elements of mean square 1, uniform, dense layers after Glorot
    /// with bias 0, the last layer of each output block at a twentieth of Glorot's bound so that the first estimates
    /// are below one although a site sums over tens of edges.
    ///
    /// The same seed gives the same parameters on every device. On a device with autodiff, the network can be trained.
    fn init(&self, device: &Device) -> DimeNetPlusPlus {
        let mut source = ParameterSource::new(self.seed, device);
        let embedding = EdgeEmbedding::new(self, &mut source);
        let interactions = (0..self.n_blocks).map(|_| InteractionBlock::new(self, &mut source)).collect();
        let outputs = (0..=self.n_blocks).map(|_| OutputBlock::new(self, &mut source)).collect();
        DimeNetPlusPlus { embedding, interactions, outputs, basis: self.basis() }
    }
}
