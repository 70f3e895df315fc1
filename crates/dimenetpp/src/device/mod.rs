//! The network without gradients on a device with tensor cores: the layers of [`crate::blocks`], as many of them in one
//! kernel as the data flow allows.
//!
//! Edges wait for each other only where a message goes over to its reverse. Between two such exchanges stands a
//! [`stage`]: the end of an interaction, the begin of the next one and the output block between them, for 16 edges a
//! plane, whose values stay in registers from the first layer to the last. The exchange itself is one kernel, too
//! ([`tensor_ops::angular_message::filtered`]), which makes the filters where it reads them. The weights are put
//! into the order in which units read them once, when the evaluator is made ([`pack`]).

mod form;
mod layers;
mod pack;
mod stage;

use burn::Tensor;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::TensorData;
use burn_cubecl::tensor::CubeTensor;
use crystal_states::GraphBatch;
use score_model::{ScoreEstimate, readout};
use tensor_ops::angular_message::{self, filtered};
use tensor_ops::cube::{plain, plain_indices, tensor, tiles};

use crate::DimeNetPlusPlus;
use crate::blocks::{EdgeEmbedding, InteractionBlock, OutputBlock, Residual};
use form::Form;
use pack::{Packed, Part};
use stage::{Edges, Rows};

/// A network whose weights are packed.
pub(super) struct DeviceNetwork<'a> {
    network: &'a DimeNetPlusPlus,
    parameters: CubeTensor,
    /// What each stage does, and where its parameters begin, in vectors of four.
    stages: Vec<(Form, usize)>,
    /// Filters of each interaction, `[L, n_radial, int_emb]`.
    filters: Vec<CubeTensor>,
}

impl<'a> DeviceNetwork<'a> {
    /// The network, if it lies on a device with tensor cores, in single precision and without gradients, and if the
    /// kernels take its sizes.
    pub(super) fn of(network: &'a DimeNetPlusPlus) -> Option<Self> {
        let levels = network.embedding.levels.val();
        let on_device = plain(&levels)?;
        let passes = tiles::passes(&on_device)?;
        let shared_memory = on_device.client.properties().hardware.max_shared_memory_size;
        let forms: Vec<Form> =
            (0..network.outputs.len()).map(|k| Form::of(network, k, passes, shared_memory)).collect();
        let angular = |block: &InteractionBlock| {
            let [degrees, n_radial, _] = block.angular.first.dims();
            angular_message::fits(block.down.weight.dims()[1], degrees, n_radial, shared_memory)
        };
        if !(forms.iter().all(Form::fits) && network.interactions.iter().all(angular)) {
            return None;
        }
        let mut packed = Packed::new(passes);
        let mut stages = Vec::with_capacity(forms.len());
        for (k, form) in forms.into_iter().enumerate() {
            stages.push((form, packed.vectors()));
            let given = match k.checked_sub(1) {
                Some(before) => ended(&network.interactions[before]),
                None => embedded(&network.embedding),
            };
            let parts = [given, network.interactions.get(k).map_or(vec![], begun), written(&network.outputs[k])];
            read(parts.into_iter().flatten().collect()).for_each(|part| packed.add(&part));
        }
        let length = packed.values.len();
        let parameters = Tensor::<1>::from_data(TensorData::new(packed.values, [length]), &levels.device());
        let filters =
            network.interactions.iter().map(|block| plain(&block.angular.weights())).collect::<Option<_>>()?;
        Some(Self { network, parameters: plain(&parameters)?, stages, filters })
    }

    /// What [`DimeNetPlusPlus::layer_by_layer`] computes; `None` for a batch on another device.
    pub(super) fn forward(&self, batch: &GraphBatch) -> Option<ScoreEstimate> {
        let spherical = plain(&batch.spherical)?;
        let harmonics = plain(&batch.harmonics)?;
        let reverse = plain_indices(&batch.reverse.index)?;
        let offsets = plain_indices(&batch.source.offsets)?;
        let edges = Edges {
            radial: plain(&batch.radial)?,
            scalars: plain(&batch.scalars)?,
            source: plain_indices(&batch.source.index)?,
            target: plain_indices(&batch.target.index)?,
        };
        let [sources, targets] = self.network.embedding.of_sites(batch);
        let mut rows = Rows { messages: plain(&sources)?, same: plain(&targets)?, angular: None, outputs: None };
        for (k, (form, first)) in self.stages.iter().enumerate() {
            let down = rows.advance(&edges, &self.parameters, *first, *form);
            if let (Some(down), Some(filters)) = (down, self.filters.get(k)) {
                rows.angular = Some(filtered(
                    down,
                    reverse.clone(),
                    spherical.clone(),
                    filters.clone(),
                    harmonics.clone(),
                    offsets.clone(),
                ));
            }
        }
        let outputs = tensor::<2>(rows.outputs?);
        Some(readout(outputs * batch.envelope.clone(), batch))
    }
}

/// A dense layer's parameters.
fn layer(layer: &Linear) -> Vec<Part<Tensor<1>>> {
    let [n_input, n_output] = layer.weight.dims();
    let weight = Part::Matrix { values: layer.weight.val().flatten(0, 1), n_input, n_output };
    std::iter::once(weight).chain(layer.bias.as_ref().map(|bias| Part::Vector(bias.val()))).collect()
}

fn residuals(layers: &[Residual]) -> impl Iterator<Item = Part<Tensor<1>>> {
    layers.iter().flat_map(|residual| [layer(&residual.first), layer(&residual.second)].into_iter().flatten())
}

// The parameters of a stage, in the order in which its kernel reads them.

/// Those of the first messages.
fn embedded(embedding: &EdgeEmbedding) -> Vec<Part<Tensor<1>>> {
    [&embedding.radial, &embedding.radial_inner, &embedding.scalars].into_iter().flat_map(layer).collect()
}

/// Those of an interaction's end.
fn ended(block: &InteractionBlock) -> Vec<Part<Tensor<1>>> {
    let before = layer(&block.up).into_iter().chain(residuals(&block.before_skip));
    before.chain(layer(&block.skip)).chain(residuals(&block.after_skip)).collect()
}

/// Those of an interaction's begin.
fn begun(block: &InteractionBlock) -> Vec<Part<Tensor<1>>> {
    let filter = block.radial.weights();
    let [n_input, n_output] = filter.dims();
    let filter = Part::Matrix { values: filter.flatten(0, 1), n_input, n_output };
    let after = [&block.neighbour, &block.down].into_iter().flat_map(layer);
    layer(&block.same).into_iter().chain([filter]).chain(after).collect()
}

/// Those of an output block.
fn written(output: &OutputBlock) -> Vec<Part<Tensor<1>>> {
    let LayerNorm { gamma, beta, .. } = &output.norm;
    let norm = [Some(gamma), beta.as_ref()].into_iter().flatten().map(|row| Part::Vector(row.val()));
    let before = [&output.radial, &output.up].into_iter().flat_map(layer).chain(norm);
    let last = Part::Vector(output.last.weight.val().transpose().flatten(0, 1));
    before.chain(output.dense.iter().flat_map(layer)).chain([last]).collect()
}

/// The same on the processor, read in one piece: each tensor by itself would wait for the device.
fn read(parts: Vec<Part<Tensor<1>>>) -> impl Iterator<Item = Part<Vec<f32>>> {
    let all = Tensor::cat(parts.iter().map(|part| part.values().clone()).collect(), 0);
    let mut values = all.into_data().iter::<f32>().collect::<Vec<_>>().into_iter();
    parts.into_iter().map(move |part| {
        let length = part.values().dims()[0];
        part.with(values.by_ref().take(length).collect())
    })
}
