//! The network.

use burn::Tensor;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Device;
use burn::tensor::activation::{log_sigmoid, sigmoid};
use crystal_core::ConfigError;
use crystal_states::N_DESCRIPTORS;
use serde::{Deserialize, Serialize};
use tensor_ops::{BatchNorm, Moments, ParameterSource, gather_rows, linear, matrix_product, segment_sum};

use crate::GraphBatch;
use crate::batch::N_GAUSSIANS;
use crate::batch_norm::normalised;

/// Widths and layers beyond this are no network anybody has trained; a damaged file may name them.
const MOST: usize = 4096;

/// Sizes of the network; the default are those of the published one for formation energies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CgcnnConfig {
    /// Features of an atom.
    pub atom_width: usize,
    /// Number of convolutions.
    pub n_convolutions: usize,
    /// Features of a crystal: the layer before the energy, the one that FD CGCNN compares.
    pub feature_width: usize,
    /// Seed of the initial weights.
    pub seed: u64,
}

impl Default for CgcnnConfig {
    fn default() -> Self {
        Self { atom_width: 64, n_convolutions: 4, feature_width: 32, seed: 0 }
    }
}

impl CgcnnConfig {
    /// Whether the sizes make a network.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("atom_width", self.atom_width),
            ("n_convolutions", self.n_convolutions),
            ("feature_width", self.feature_width),
        ];
        sizes
            .into_iter()
            .try_for_each(|(field, size)| ConfigError::unless((1..=MOST).contains(&size), field, size, "1 to 4096"))
    }

    /// A network with random weights on a device. Its energies are those of [`Normaliser::default`] until it is
    /// trained.
    pub fn init(&self, device: &Device) -> Cgcnn {
        let mut source = ParameterSource::new(self.seed, device);
        let width = self.atom_width;
        Cgcnn {
            embedding: source.dense(N_DESCRIPTORS, width),
            convolutions: (0..self.n_convolutions).map(|_| Convolution::new(width, &mut source, device)).collect(),
            features: source.dense(width, self.feature_width),
            output: source.dense(self.feature_width, 1),
            normaliser: Normaliser::default(),
        }
    }
}

/// From the network's number to an energy: `number·std + mean`, eV/atom.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normaliser {
    /// Mean of the training energies, eV/atom.
    pub mean: f64,
    /// Their standard deviation, eV/atom.
    pub std: f64,
}

impl Default for Normaliser {
    fn default() -> Self {
        Self { mean: 0.0, std: 1.0 }
    }
}

/// The network. Made by [`CgcnnConfig::init`] or read by [`crate::Weights`].
#[derive(Module, Debug)]
pub struct Cgcnn {
    embedding: Linear,
    convolutions: Vec<Convolution>,
    features: Linear,
    output: Linear,
    #[module(skip)]
    normaliser: Normaliser,
}

/// What the network says of S structures.
#[derive(Debug, Clone)]
pub struct CgcnnOutput {
    /// Mean of the atoms' features, `[S, 64]`.
    pub pooled: Tensor<2>,
    /// The layer before the energy, `[S, 32]`.
    pub features: Tensor<2>,
    /// The energy in units of the [`Normaliser`], `[S, 1]`.
    pub energy: Tensor<2>,
}

impl Cgcnn {
    /// Name of the architecture in checkpoints.
    pub const KIND: &'static str = "cgcnn";

    /// The scale of the energies.
    pub fn normaliser(&self) -> Normaliser {
        self.normaliser
    }

    /// The same network with another scale.
    pub fn with_normaliser(self, normaliser: Normaliser) -> Self {
        Self { normaliser, ..self }
    }

    /// The device that the weights lie on.
    pub fn device(&self) -> Device {
        self.embedding.weight.val().device()
    }

    /// Sizes of this network. The seed is not known any more.
    pub fn config(&self) -> CgcnnConfig {
        let [atom_width, feature_width] = self.features.weight.dims();
        CgcnnConfig { atom_width, n_convolutions: self.convolutions.len(), feature_width, seed: 0 }
    }

    /// Features and energies with the stored moments of the batch norms.
    pub fn forward(&self, batch: &GraphBatch) -> CgcnnOutput {
        let edges = batch.edge_features();
        let atoms = self.convolutions.iter().fold(self.embed(batch), |atoms, convolution| {
            convolution.forward(atoms, &edges, batch, |norm, x, _| norm.forward(x))
        });
        self.read_out(atoms, batch)
    }

    /// As [`Self::forward`] with the moments of the batch, which are returned in the order that [`Self::with_moments`]
    /// takes.
    pub(crate) fn forward_training(&self, batch: &GraphBatch) -> (CgcnnOutput, Vec<Moments>) {
        let edges = batch.edge_features();
        let mut all = Vec::with_capacity(2 * self.convolutions.len());
        let atoms = self.convolutions.iter().fold(self.embed(batch), |atoms, convolution| {
            convolution.forward(atoms, &edges, batch, |norm, x, rows| {
                let (output, moments) = match rows {
                    Rows::Edges => normalised(norm, x, &batch.edge_rows()),
                    Rows::Atoms => normalised(norm, x, &batch.atom_rows()),
                };
                all.push(moments);
                output
            })
        });
        (self.read_out(atoms, batch), all)
    }

    /// The same network with other stored moments.
    pub(crate) fn with_moments(self, moments: Vec<Moments>) -> Self {
        let mut moments = moments.into_iter();
        let mut next = || moments.next().expect("two moments for each convolution");
        let convolutions = self.convolutions.into_iter().map(|convolution| Convolution {
            edge_norm: convolution.edge_norm.with_moments(next()),
            atom_norm: convolution.atom_norm.with_moments(next()),
            ..convolution
        });
        Self { convolutions: convolutions.collect(), ..self }
    }

    /// `a⁰ = W·x + b`, `[N, 64]`.
    fn embed(&self, batch: &GraphBatch) -> Tensor<2> {
        linear(&self.embedding, gather_rows(batch.atom_vectors.clone(), &batch.elements))
    }

    fn read_out(&self, atoms: Tensor<2>, batch: &GraphBatch) -> CgcnnOutput {
        let means = segment_sum(atoms, &batch.structures) * batch.inverse_atoms.clone();
        let pooled = means.narrow(0, 0, batch.n_structures());
        let features = softplus(linear(&self.features, softplus(pooled.clone())));
        let energy = linear(&self.output, features.clone());
        CgcnnOutput { pooled, features, energy }
    }
}

/// What the rows of a batch norm represent.
#[derive(Debug, Clone, Copy)]
enum Rows {
    Edges,
    Atoms,
}

/// `a_i ← softplus(a_i + BN(Σ_j σ(f_ij)·softplus(c_ij)))`, `(f, c) = BN(W·(a_i ⊕ a_j ⊕ e_ij))` (the paper's eq. 5).
///
/// The published layer is one dense layer on the concatenation; here it is the sum of one per part, which is the same
/// map, so that those of the atoms are multiplied once per atom and not once per edge. It has no bias, because the
/// batch norm that follows would take it out again.
#[derive(Module, Debug)]
struct Convolution {
    centre: Linear,
    neighbour: Linear,
    edge: Linear,
    edge_norm: BatchNorm,
    atom_norm: BatchNorm,
}

impl Convolution {
    fn new(width: usize, source: &mut ParameterSource, device: &Device) -> Self {
        // Glorot's bound for the concatenation of all parts.
        let bound = (6.0 / (4 * width + N_GAUSSIANS) as f32).sqrt();
        let mut part = |n_input: usize| Linear { weight: source.uniform([n_input, 2 * width], bound), bias: None };
        Self {
            centre: part(width),
            neighbour: part(width),
            edge: part(N_GAUSSIANS),
            edge_norm: BatchNorm::new(2 * width, device),
            atom_norm: BatchNorm::new(width, device),
        }
    }

    /// atoms `[N, C]`, edges `[E, 41]` → `[N, C]`.
    fn forward(
        &self,
        atoms: Tensor<2>,
        edges: &Tensor<2>,
        batch: &GraphBatch,
        mut normalise: impl FnMut(&BatchNorm, Tensor<2>, Rows) -> Tensor<2>,
    ) -> Tensor<2> {
        let [_, width] = atoms.dims();
        let centres = gather_rows(matrix_product(atoms.clone(), self.centre.weight.val()), &batch.centres);
        let neighbours = gather_rows(matrix_product(atoms.clone(), self.neighbour.weight.val()), &batch.neighbours);
        let joint = centres + neighbours + matrix_product(edges.clone(), self.edge.weight.val());
        let joint = normalise(&self.edge_norm, joint, Rows::Edges);
        let gate = sigmoid(joint.clone().narrow(1, 0, width));
        let messages = gate * softplus(joint.narrow(1, width, width));
        let sums = segment_sum(messages, &batch.centres);
        softplus(atoms + normalise(&self.atom_norm, sums, Rows::Atoms))
    }
}

/// `ln(1 + eˣ) = −ln σ(−x)`: the latter is one operation, stable on both sides.
fn softplus(x: Tensor<2>) -> Tensor<2> {
    log_sigmoid(x.neg()).neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CrystalGraph;
    use burn::optim::GradientsParams;
    use crystal_core::{Lattice, Site, Structure};
    use crystal_states::Padding;

    fn graph(anion: &str, edge: f64) -> CrystalGraph {
        let lattice = Lattice::from_rows([[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.3, 0.0, edge]]).expect("a cell");
        let site =
            |symbol: &str, x: f64| Site { species: symbol.parse().expect("an element"), frac_coords: [x; 3].into() };
        let structure = Structure::new(lattice, vec![site("Na", 0.0), site(anion, 0.48)]).expect("a structure");
        CrystalGraph::of(&structure).expect("a graph")
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    fn assert_close(found: &[f32], expected: &[f32], what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{what}: {a} and {b}");
        }
    }

    #[test]
    fn atoms_that_stand_for_nothing_change_nothing() {
        let device = Device::flex().autodiff();
        let config = CgcnnConfig { atom_width: 6, n_convolutions: 2, feature_width: 4, seed: 2 };
        let model = config.init(&Device::flex()).to_device(&device).train();
        let graphs = [graph("Cl", 3.4), graph("O", 3.1), graph("F", 2.9)];
        let graphs: Vec<&CrystalGraph> = graphs.iter().collect();
        let run = |padding| {
            let batch = GraphBatch::padded(&graphs, padding, &device);
            let stored = model.forward(&batch);
            let (output, moments) = model.forward_training(&batch);
            let loss = (output.energy.clone() * output.energy.clone()).sum();
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let gradient =
                |layer: &Linear| values(gradients.get::<2>(layer.weight.id).expect("a gradient of every weight"));
            let moments: Vec<f32> =
                moments.into_iter().flat_map(|m| [values(m.mean), values(m.variance)].concat()).collect();
            let gradients =
                [gradient(&model.embedding), gradient(&model.convolutions[0].edge), gradient(&model.output)];
            (values(stored.features), values(output.energy), moments, gradients.concat())
        };
        let (padded, plain) = (run(Padding::Rounded), run(Padding::None));
        assert_close(&padded.0, &plain.0, "features");
        assert_close(&padded.1, &plain.1, "energies");
        assert_close(&padded.2, &plain.2, "moments");
        assert_close(&padded.3, &plain.3, "gradients");
        assert!(plain.3.iter().any(|x| x.abs() > 1e-3));
    }
}
