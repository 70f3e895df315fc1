//! The encoder: DimeNet++ with a vector for each atom, averaged over the crystal.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::Linear;
use crystal_states::GraphBatch;
use dimenetpp::{DimeNetPlusPlusConfig, EdgeEmbedding, InteractionBlock};
use tensor_ops::{ParameterSource, dense_swish, linear, matrix_product, segment_sum};

/// A vector for each atom from the messages that come in to it.
#[derive(Module, Debug)]
struct AtomOutput {
    radial: Linear,
    up: Linear,
    dense: Vec<Linear>,
    /// Zero at the start, so that the first encodings are alike.
    last: Param<Tensor<2>>,
}

impl AtomOutput {
    fn new(config: &DimeNetPlusPlusConfig, source: &mut ParameterSource) -> Self {
        let (emb, out_emb) = (config.emb, config.out_emb);
        Self {
            radial: source.dense_without_bias(config.n_radial, emb),
            up: source.dense(emb, out_emb),
            dense: (0..config.n_dense_output).map(|_| source.dense(out_emb, out_emb)).collect(),
            last: source.zeros([out_emb, out_emb]),
        }
    }

    /// Messages `[E, emb]` → `[N, out_emb]`.
    fn forward(&self, messages: Tensor<2>, batch: &GraphBatch) -> Tensor<2> {
        let weighted = linear(&self.radial, batch.radial.clone()) * messages;
        // The message of the edge i → j goes from i to j.
        let atoms = linear(&self.up, segment_sum(weighted, &batch.target));
        let dense = self.dense.iter().fold(atoms, |x, layer| dense_swish(layer, x));
        matrix_product(dense, self.last.val())
    }
}

/// The encoder.
#[derive(Module, Debug)]
pub(crate) struct Encoder {
    embedding: EdgeEmbedding,
    interactions: Vec<InteractionBlock>,
    outputs: Vec<AtomOutput>,
}

impl Encoder {
    pub(crate) fn new(config: &DimeNetPlusPlusConfig, source: &mut ParameterSource) -> Self {
        Self {
            embedding: EdgeEmbedding::new(config, source),
            interactions: (0..config.n_blocks).map(|_| InteractionBlock::new(config, source)).collect(),
            outputs: (0..=config.n_blocks).map(|_| AtomOutput::new(config, source)).collect(),
        }
    }

    /// The mean over the atoms of each crystal, `[S, out_emb]`. `shares` `[rows, 1]` holds 1/(atoms of the crystal) for
    /// each row of the batch's sites, 0 for padding.
    pub(crate) fn forward(&self, batch: &GraphBatch, shares: Tensor<2>) -> Tensor<2> {
        let mut messages = self.embedding.forward(batch);
        let mut atoms = self.outputs[0].forward(messages.clone(), batch);
        for (interaction, output) in self.interactions.iter().zip(&self.outputs[1..]) {
            messages = interaction.forward(messages, batch);
            atoms = atoms + output.forward(messages.clone(), batch);
        }
        segment_sum(atoms * shares, &batch.site_structure)
    }
}
