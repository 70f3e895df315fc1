//! DimeNet++ with outputs on edges (Gasteiger, Giri, Margraf, Günnemann, arXiv 2011.14115; the paper's §4; method §5).
//!
//! Differences from the published network: the angular sum is exact without triplets
//! ([`tensor_ops::angular_message()`]) and takes both directions in the frame of the site between them; it is divided
//! by the root of the mean degree; lengths enter as d/r_c, with ln r_c, ln d and Gaussians of d as further scalars of
//! the edge embedding; edge outputs are multiplied by the envelope, because the layer norm undoes the fading of the
//! radial filter and an edge at the cut-off would count in full.

mod blocks;
mod config;
#[cfg(feature = "cube")]
mod device;
#[cfg(feature = "cpu")]
mod processor;

pub use blocks::{EdgeEmbedding, InteractionBlock};
pub use config::{DimeNetPlusPlusConfig, ElementInput};

use burn::module::Module;

use crystal_states::{BasisConfig, GraphBatch};
use score_model::{Evaluator, ScoreEstimate, ScoreNetwork, readout};

use blocks::OutputBlock;

/// The network. Made by [`ModelConfig::init`](score_model::ModelConfig::init).
#[derive(Module, Debug)]
pub struct DimeNetPlusPlus {
    embedding: EdgeEmbedding,
    interactions: Vec<InteractionBlock>,
    outputs: Vec<OutputBlock>,
    #[module(skip)]
    basis: BasisConfig,
}

impl ScoreNetwork for DimeNetPlusPlus {
    fn basis(&self) -> BasisConfig {
        self.basis.clone()
    }

    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate {
        #[cfg(feature = "cpu")]
        if let Some(estimate) = processor::forward(self, batch) {
            return estimate;
        }
        self.layer_by_layer(batch)
    }

    fn evaluator(&self) -> Evaluator<'_> {
        #[cfg(feature = "cube")]
        if let Some(network) = device::DeviceNetwork::of(self) {
            return Box::new(move |batch| network.forward(batch).unwrap_or_else(|| self.forward(batch)));
        }
        Box::new(|batch| self.forward(batch))
    }
}

impl DimeNetPlusPlus {
    /// The network as one operation after the other, on every device and with gradients. What
    /// [`ScoreNetwork::forward`] computes, which on a processor takes several layers at once.
    pub fn layer_by_layer(&self, batch: &GraphBatch) -> ScoreEstimate {
        let mut messages = self.embedding.forward(batch);
        let mut edge_outputs = self.outputs[0].forward(messages.clone(), batch);
        for (interaction, output) in self.interactions.iter().zip(&self.outputs[1..]) {
            messages = interaction.forward(messages, batch);
            edge_outputs = edge_outputs + output.forward(messages.clone(), batch);
        }
        readout(edge_outputs * batch.envelope.clone(), batch)
    }
}
