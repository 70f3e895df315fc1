//! The network without gradients on a processor: the same layers as in [`crate::blocks`], several of them on the same
//! few rows while these are in a core's cache, and nothing but four tensors of a message's width in memory.
//!
//! Edges wait for each other only where a message goes over to its reverse. An interaction is therefore two loops over
//! threads: the angular messages, site by site, and everything from there to the next interaction's messages, rows by
//! rows, with the output block in between.

use burn::Tensor;
use burn::backend::flex::FlexTensor;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::TensorData;
use rayon::prelude::*;

use crystal_states::GraphBatch;
use score_model::{ScoreEstimate, readout};
use tensor_ops::RowIndex;
use tensor_ops::angular_message::AngularSums;
use tensor_ops::flex::{
    Finish, Layer, dense, floats, indices, layer_norm, plain, plain_indices, swish_in_place, with_room,
};
use tensor_ops::layer_norm::EPSILON;

use crate::DimeNetPlusPlus;
use crate::blocks::{EdgeEmbedding, InteractionBlock, OutputBlock, Residual};

/// Rows that go through a chain of layers at once: few, so that a batch of some hundred edges keeps all threads busy to
/// the end.
const PIECE: usize = 24;

/// A dense layer's parameters.
struct DenseLayer {
    weight: FlexTensor,
    bias: Option<FlexTensor>,
    n_output: usize,
}

impl DenseLayer {
    fn of(layer: &Linear) -> Option<Self> {
        let weight = layer.weight.val();
        let bias = match &layer.bias {
            Some(bias) => Some(plain(&bias.val())?),
            None => None,
        };
        Some(Self { weight: plain(&weight)?, bias, n_output: weight.dims()[1] })
    }

    fn get(&self) -> Layer<'_> {
        Layer { weight: floats(&self.weight), bias: self.bias.as_ref().map(floats), n_output: self.n_output }
    }

    fn apply(&self, x: &[f32], finish: Finish, out: &mut [f32]) {
        dense(x, self.get(), finish, out);
    }
}

/// A matrix that was multiplied from its factors.
struct Matrix {
    weight: Vec<f32>,
    n_output: usize,
}

impl Matrix {
    fn product(first: &[f32], second: &[f32], inner: usize) -> Self {
        let n_output = second.len() / inner;
        let mut weight = vec![0.0; first.len() / inner * n_output];
        dense(first, Layer { weight: second, bias: None, n_output }, Finish::NONE, &mut weight);
        Self { weight, n_output }
    }

    /// Rows `range` of the matrix.
    fn rows(&self, range: std::ops::Range<usize>) -> Layer<'_> {
        let weight = &self.weight[range.start * self.n_output..range.end * self.n_output];
        Layer { weight, bias: None, n_output: self.n_output }
    }
}

struct ResidualLayers([DenseLayer; 2]);

impl ResidualLayers {
    fn of(layers: &[Residual]) -> Option<Vec<Self>> {
        layers.iter().map(|layer| Some(Self([DenseLayer::of(&layer.first)?, DenseLayer::of(&layer.second)?]))).collect()
    }

    /// From `x` to `out`, with `inner` as room between.
    fn apply(&self, x: &[f32], inner: &mut [f32], out: &mut [f32]) {
        self.0[0].apply(x, Finish::SWISH, inner);
        self.0[1].apply(inner, Finish { residual: Some(x), ..Finish::SWISH }, out);
    }
}

struct Embedding {
    radial: DenseLayer,
    radial_inner: DenseLayer,
    scalars: DenseLayer,
    /// Source's and target's part of each site, `[N, emb]`.
    sites: [Vec<f32>; 2],
}

impl Embedding {
    fn of(embedding: &EdgeEmbedding, batch: &GraphBatch) -> Option<Self> {
        let rows_of = |tensor: FlexTensor, index: &RowIndex, width: usize| -> Option<Vec<f32>> {
            let index = plain_indices(&index.index)?;
            let rows = floats(&tensor);
            let row = |&row: &i32| &rows[row as usize * width..(row as usize + 1) * width];
            Some(indices(&index).iter().flat_map(row).copied().collect())
        };
        let width = embedding.levels.dims()[1];
        let elements = rows_of(plain(&embedding.element_rows())?, &batch.elements, width)?;
        let levels = rows_of(plain(&embedding.levels.val())?, &batch.levels, width)?;
        let part = |layer: &Linear, residual: Option<&[f32]>| -> Option<Vec<f32>> {
            let mut part = vec![0.0; elements.len()];
            DenseLayer::of(layer)?.apply(&elements, Finish { residual, ..Finish::NONE }, &mut part);
            Some(part)
        };
        Some(Self {
            radial: DenseLayer::of(&embedding.radial)?,
            radial_inner: DenseLayer::of(&embedding.radial_inner)?,
            scalars: DenseLayer::of(&embedding.scalars)?,
            sites: [part(&embedding.source, Some(&levels))?, part(&embedding.target, None)?],
        })
    }
}

struct Interaction {
    radial: Matrix,
    angular: Matrix,
    same: DenseLayer,
    neighbour: DenseLayer,
    down: DenseLayer,
    up: DenseLayer,
    before_skip: Vec<ResidualLayers>,
    skip: DenseLayer,
    after_skip: Vec<ResidualLayers>,
}

impl Interaction {
    fn of(block: &InteractionBlock) -> Option<Self> {
        let factors = |first: FlexTensor, second: FlexTensor, inner: usize| {
            Matrix::product(floats(&first), floats(&second), inner)
        };
        let (first, second) = (block.radial.first.weight.val(), block.radial.second.weight.val());
        let radial = factors(plain(&first)?, plain(&second)?, second.dims()[0]);
        let (first, second) = (block.angular.first.val(), block.angular.second.val());
        let angular = factors(plain(&first)?, plain(&second)?, second.dims()[0]);
        Some(Self {
            radial,
            angular,
            same: DenseLayer::of(&block.same)?,
            neighbour: DenseLayer::of(&block.neighbour)?,
            down: DenseLayer::of(&block.down)?,
            up: DenseLayer::of(&block.up)?,
            before_skip: ResidualLayers::of(&block.before_skip)?,
            skip: DenseLayer::of(&block.skip)?,
            after_skip: ResidualLayers::of(&block.after_skip)?,
        })
    }

    /// What comes before the messages change their direction.
    fn begin(&self, radial: &[f32], messages: &[f32], same: &mut [f32], down: &mut [f32], room: &mut Room) {
        let [filter, neighbour, ..] = room.messages(messages.len());
        self.same.apply(messages, Finish::SWISH, same);
        dense(radial, self.radial.rows(0..self.radial.weight.len() / self.radial.n_output), Finish::NONE, filter);
        self.neighbour.apply(messages, Finish { factor: Some(filter), ..Finish::SWISH }, neighbour);
        self.down.apply(neighbour, Finish::SWISH, down);
    }

    /// The angular message of the edges out of one site.
    fn angular_messages(&self, inputs: &Inputs, edges: std::ops::Range<usize>, down: &[f32], out: &mut [f32]) {
        let (n, width, degrees) = (edges.len(), self.angular.n_output, inputs.degrees);
        if n == 0 {
            return;
        }
        with_room(2 * n * width + degrees * degrees * width, |room| {
            let (incoming, room) = room.split_at_mut(n * width);
            let (value, sums) = room.split_at_mut(n * width);
            for (row, &reverse) in incoming.chunks_exact_mut(width).zip(&inputs.reverse[edges.clone()]) {
                row.copy_from_slice(&down[reverse as usize * width..(reverse as usize + 1) * width]);
            }
            let orders = degrees * degrees;
            let harmonics = &inputs.harmonics()[edges.start * orders..edges.end * orders];
            let mut sums = AngularSums::new(harmonics, degrees, width, sums);
            let n_radial = inputs.n_radial;
            for l in 0..degrees {
                let first = (l * inputs.n_edges + edges.start) * n_radial;
                let spherical = &inputs.spherical()[first..first + n * n_radial];
                let weights = self.angular.rows(l * n_radial..(l + 1) * n_radial);
                dense(spherical, weights, Finish { factor: Some(incoming), ..Finish::NONE }, value);
                sums.add(l, value);
            }
            sums.read(out);
        });
    }

    /// From the angular messages to the new messages.
    fn end(&self, angular: &[f32], same: &[f32], messages: &mut [f32], room: &mut Room) {
        let [mut update, mut next, inner] = room.messages(messages.len());
        self.up.apply(angular, Finish { residual: Some(same), ..Finish::SWISH }, update);
        for layer in &self.before_skip {
            layer.apply(update, inner, next);
            std::mem::swap(&mut update, &mut next);
        }
        self.skip.apply(update, Finish { residual: Some(messages), ..Finish::SWISH }, next);
        for layer in &self.after_skip {
            std::mem::swap(&mut update, &mut next);
            layer.apply(update, inner, next);
        }
        messages.copy_from_slice(next);
    }
}

struct Output {
    radial: DenseLayer,
    up: DenseLayer,
    gamma: FlexTensor,
    beta: FlexTensor,
    dense: Vec<DenseLayer>,
    last: DenseLayer,
}

impl Output {
    fn of(block: &OutputBlock) -> Option<Self> {
        let LayerNorm { gamma, beta, .. } = &block.norm;
        Some(Self {
            radial: DenseLayer::of(&block.radial)?,
            up: DenseLayer::of(&block.up)?,
            gamma: plain(&gamma.val())?,
            beta: plain(&beta.as_ref()?.val())?,
            dense: block.dense.iter().map(DenseLayer::of).collect::<Option<_>>()?,
            last: DenseLayer::of(&block.last)?,
        })
    }

    /// Adds the block's two numbers of each edge.
    fn add(&self, radial: &[f32], messages: &[f32], outputs: &mut [f32], room: &mut Room) {
        let n_rows = outputs.len() / self.last.n_output;
        let [weighted, ..] = room.messages(messages.len());
        self.radial.apply(radial, Finish { factor: Some(messages), ..Finish::NONE }, weighted);
        let (weighted, [mut x, mut next]) = room.wide(messages.len(), n_rows * self.up.n_output);
        self.up.apply(weighted, Finish::NONE, x);
        layer_norm(x, floats(&self.gamma), floats(&self.beta), EPSILON);
        for layer in &self.dense {
            layer.apply(x, Finish::SWISH, next);
            std::mem::swap(&mut x, &mut next);
        }
        let mut found = [0.0; 2 * PIECE];
        let found = &mut found[..outputs.len()];
        self.last.apply(x, Finish::NONE, found);
        outputs.iter_mut().zip(found).for_each(|(output, found)| *output += *found);
    }
}

/// Room for the rows of a piece: three times a message, twice what is in an output block.
struct Room<'a> {
    values: &'a mut [f32],
}

impl Room<'_> {
    /// Numbers that are needed for a piece.
    fn size(emb: usize, out_emb: usize) -> usize {
        PIECE * (3 * emb + 2 * out_emb)
    }

    fn messages(&mut self, len: usize) -> [&mut [f32]; 3] {
        let (a, rest) = self.values.split_at_mut(len);
        let (b, rest) = rest.split_at_mut(len);
        [a, b, &mut rest[..len]]
    }

    /// The first of [`Self::messages`], and two slices behind it.
    fn wide(&mut self, messages: usize, len: usize) -> (&[f32], [&mut [f32]; 2]) {
        let (first, rest) = self.values.split_at_mut(messages);
        let (a, b) = rest.split_at_mut(len);
        (first, [a, &mut b[..len]])
    }
}

/// What the network reads of a batch.
struct Inputs {
    n_edges: usize,
    n_radial: usize,
    degrees: usize,
    radial: FlexTensor,
    spherical: FlexTensor,
    harmonics: FlexTensor,
    scalars: FlexTensor,
    envelope: FlexTensor,
    offsets: Vec<i32>,
    source: Vec<i32>,
    target: Vec<i32>,
    reverse: Vec<i32>,
}

impl Inputs {
    fn of(batch: &GraphBatch) -> Option<Self> {
        let [degrees, n_edges, n_radial] = batch.spherical.dims();
        let index = |tensor| plain_indices(tensor).map(|tensor| indices(&tensor).into_owned());
        Some(Self {
            n_edges,
            n_radial,
            degrees,
            radial: plain(&batch.radial)?,
            spherical: plain(&batch.spherical)?,
            harmonics: plain(&batch.harmonics)?,
            scalars: plain(&batch.scalars)?,
            envelope: plain(&batch.envelope)?,
            offsets: index(&batch.source.offsets)?,
            source: index(&batch.source.index)?,
            target: index(&batch.target.index)?,
            reverse: index(&batch.reverse.index)?,
        })
    }

    fn spherical(&self) -> &[f32] {
        floats(&self.spherical)
    }

    fn harmonics(&self) -> &[f32] {
        floats(&self.harmonics)
    }

    /// The radial functions of some edges.
    fn radial(&self, first: usize, n_rows: usize) -> &[f32] {
        &floats(&self.radial)[first * self.n_radial..(first + n_rows) * self.n_radial]
    }
}

/// The whole network.
struct Network {
    embedding: Embedding,
    interactions: Vec<Interaction>,
    outputs: Vec<Output>,
    emb: usize,
    int_emb: usize,
    out_emb: usize,
}

/// What is kept of all edges between two loops.
struct Edges<'a> {
    messages: &'a mut [f32],
    same: &'a mut [f32],
    down: &'a mut [f32],
    angular: &'a mut [f32],
    outputs: &'a mut [f32],
}

/// The network's estimate, if network and batch lie on the processor, in single precision and without gradients.
pub(super) fn forward(network: &DimeNetPlusPlus, batch: &GraphBatch) -> Option<ScoreEstimate> {
    let inputs = Inputs::of(batch)?;
    let network = Network::of(network, batch)?;
    let outputs = network.evaluate(&inputs);
    let outputs = Tensor::from_data(TensorData::new(outputs, [inputs.n_edges, 2]), &batch.envelope.device());
    Some(readout(outputs, batch))
}

impl Network {
    fn of(network: &DimeNetPlusPlus, batch: &GraphBatch) -> Option<Self> {
        let embedding = Embedding::of(&network.embedding, batch)?;
        let outputs: Vec<Output> = network.outputs.iter().map(Output::of).collect::<Option<_>>()?;
        let interactions: Vec<Interaction> = network.interactions.iter().map(Interaction::of).collect::<Option<_>>()?;
        Some(Self {
            emb: embedding.radial_inner.n_output,
            int_emb: interactions.first().map_or(0, |block| block.down.n_output),
            out_emb: outputs[0].up.n_output,
            embedding,
            interactions,
            outputs,
        })
    }

    /// The two numbers of each edge, times its envelope, `[E, 2]`.
    fn evaluate(&self, inputs: &Inputs) -> Vec<f32> {
        let mut outputs = vec![0.0; 2 * inputs.n_edges];
        let (messages, inner) = (inputs.n_edges * self.emb, inputs.n_edges * self.int_emb);
        with_room(2 * messages + 2 * inner, |room| {
            let (of_messages, room) = room.split_at_mut(messages);
            let (same, room) = room.split_at_mut(messages);
            let (down, angular) = room.split_at_mut(inner);
            let mut edges = Edges { messages: of_messages, same, down, angular, outputs: &mut outputs };
            self.embed(inputs, &mut edges);
            for k in 0..self.interactions.len() {
                self.exchange(k, inputs, &mut edges);
                self.interact(k, inputs, &mut edges);
            }
        });
        for (output, envelope) in outputs.chunks_exact_mut(2).zip(floats(&inputs.envelope)) {
            output.iter_mut().for_each(|output| *output *= envelope);
        }
        outputs
    }

    /// Does something with every piece of rows: first row, messages, same, down, angular messages, outputs, room.
    fn pieces(&self, edges: &mut Edges, work: impl Fn(usize, Piece, &mut Room) + Sync) {
        let (wide, inner) = (PIECE * self.emb, (PIECE * self.int_emb).max(1));
        let messages = edges.messages.par_chunks_mut(wide).zip(edges.same.par_chunks_mut(wide));
        // Without interactions there is nothing in the rows between them.
        let (mut none, n_pieces) = (Vec::new(), edges.outputs.len().div_ceil(2 * PIECE));
        let (down, angular): (Vec<&mut [f32]>, Vec<&[f32]>) = if self.int_emb == 0 {
            none.resize_with(n_pieces, Default::default);
            (none, vec![&[]; n_pieces])
        } else {
            (edges.down.chunks_mut(inner).collect(), edges.angular.chunks(inner).collect())
        };
        let pieces = messages.zip(down).zip(angular).zip(edges.outputs.par_chunks_mut(2 * PIECE)).enumerate();
        pieces.for_each(|(piece, ((((messages, same), down), angular), outputs))| {
            with_room(Room::size(self.emb, self.out_emb), |values| {
                let n_rows = outputs.len() / 2;
                let piece_of = Piece { n_rows, messages, same, down, angular, outputs };
                work(piece * PIECE, piece_of, &mut Room { values });
            });
        });
    }

    /// The first messages, their output, and the begin of the first interaction.
    fn embed(&self, inputs: &Inputs, edges: &mut Edges) {
        let Embedding { radial, radial_inner, scalars, sites } = &self.embedding;
        let emb = self.emb;
        self.pieces(edges, |first, piece, room| {
            let Piece { n_rows, messages, same, down, outputs, .. } = piece;
            let of_radial = inputs.radial(first, n_rows);
            let [hidden, sum, _] = room.messages(messages.len());
            radial.apply(of_radial, Finish::SWISH, hidden);
            radial_inner.apply(hidden, Finish::NONE, sum);
            let n_scalars = scalars.get().n_input();
            let of_scalars = &floats(&inputs.scalars)[first * n_scalars..(first + n_rows) * n_scalars];
            scalars.apply(of_scalars, Finish { residual: Some(sum), ..Finish::NONE }, messages);
            for (k, row) in messages.chunks_exact_mut(emb).enumerate() {
                let site = |index: &[i32]| index[first + k] as usize * emb;
                let (source, target) = (site(&inputs.source), site(&inputs.target));
                let parts = sites[0][source..source + emb].iter().zip(&sites[1][target..target + emb]);
                row.iter_mut().zip(parts).for_each(|(sum, (source, target))| *sum += source + target);
            }
            swish_in_place(messages);
            self.outputs[0].add(of_radial, messages, outputs, room);
            if let Some(next) = self.interactions.first() {
                next.begin(of_radial, messages, same, down, room);
            }
        });
    }

    /// The angular messages of an interaction.
    fn exchange(&self, k: usize, inputs: &Inputs, edges: &mut Edges) {
        let mut rest = &mut *edges.angular;
        let mut sites = Vec::with_capacity(inputs.offsets.len());
        for range in inputs.offsets.windows(2) {
            let range = range[0] as usize..range[1] as usize;
            let (site, after) = std::mem::take(&mut rest).split_at_mut(range.len() * self.int_emb);
            rest = after;
            sites.push((range, site));
        }
        let down = &*edges.down;
        sites.into_par_iter().for_each(|(range, out)| self.interactions[k].angular_messages(inputs, range, down, out));
    }

    /// The new messages of an interaction, their output, and the begin of the next one.
    fn interact(&self, k: usize, inputs: &Inputs, edges: &mut Edges) {
        self.pieces(edges, |first, piece, room| {
            let Piece { n_rows, messages, same, down, angular, outputs } = piece;
            let radial = inputs.radial(first, n_rows);
            self.interactions[k].end(angular, same, messages, room);
            self.outputs[k + 1].add(radial, messages, outputs, room);
            if let Some(next) = self.interactions.get(k + 1) {
                next.begin(radial, messages, same, down, room);
            }
        });
    }
}

/// The rows of some edges.
struct Piece<'a> {
    n_rows: usize,
    messages: &'a mut [f32],
    same: &'a mut [f32],
    down: &'a mut [f32],
    angular: &'a [f32],
    outputs: &'a mut [f32],
}
