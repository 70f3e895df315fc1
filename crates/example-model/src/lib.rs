//! A score model in its own crate, as small as one can be and still learn something: the code of the chapter 'Add a
//! model'.
//!
//! It looks at pairs only: the elements at both ends of an edge, the noise level and the length. No sum over neighbours
//! passes between sites, so it knows bond lengths and nothing else.

mod config;

pub use config::ExampleConfig;

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::Linear;
use score_model::{BasisConfig, GraphBatch, ScoreEstimate, ScoreNetwork, at_sources, at_targets, readout};
use tensor_ops::{dense_swish, gather_rows, linear, swish};

/// The network. Made by `ExampleConfig::init`.
#[derive(Module, Debug)]
pub struct ExampleModel {
    /// A vector for each element, `[118, width]`.
    elements: Param<Tensor<2>>,
    /// A vector for each noise level, `[n_levels, width]`.
    levels: Param<Tensor<2>>,
    /// Radial functions → width.
    filter: Linear,
    hidden: Linear,
    /// Width → the two numbers of an edge.
    output: Linear,
    #[module(skip)]
    basis: BasisConfig,
}

impl ScoreNetwork for ExampleModel {
    fn basis(&self) -> BasisConfig {
        self.basis.clone()
    }

    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate {
        let sites = gather_rows(self.elements.val(), &batch.elements) + gather_rows(self.levels.val(), &batch.levels);
        let ends = at_sources(sites.clone(), batch) * at_targets(sites, batch);
        let edges = swish(linear(&self.filter, batch.radial.clone())) * ends;
        let outputs = linear(&self.output, dense_swish(&self.hidden, edges));
        // The envelope lets an edge fade out at the cut-off.
        readout(outputs * batch.envelope.clone(), batch)
    }
}
