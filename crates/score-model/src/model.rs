//! What every score network offers.

use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use crystal_core::ConfigError;
use crystal_states::{BasisConfig, GraphBatch};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tensor_ops::{gather_rows, segment_sum, tanh};

/// Scale of the soft bound on an edge's position output (method §5: `15·tanh(s/15)`).
const POSITION_BOUND: f64 = 15.0;

/// The noise that the network sees in a batch. Both parts are estimates ε̂ of unit-variance noise; the score is −ε̂/σ.
#[derive(Debug, Clone)]
pub struct ScoreEstimate {
    /// Noise of the Cartesian coordinates, `[sites, 3]`, in the frame of each stored site. Rows beyond the graph's
    /// sites, if the batch was padded ([`crystal_states::Padding`]), are 0.
    pub position: Tensor<2>,
    /// Noise of the free lattice coordinates y, `[structures, 6]`; exactly 0 beyond the free ones.
    pub lattice: Tensor<2>,
}

/// A network that estimates the noise of structures: all that a sampler needs.
///
/// Any crate can implement it: compute two numbers per edge from invariants of the graph and hand them to [`readout`],
/// which makes the vectors. An implementation should pass [`crate::conformance::check`].
pub trait ScoreNetwork: std::fmt::Debug + Send + Sync {
    /// The features this network reads.
    fn basis(&self) -> BasisConfig;

    /// Estimates the noise. The batch must have been made with [`ScoreNetwork::basis`] on the network's device.
    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate;

    /// [`ScoreNetwork::forward`] for one who calls it again and again, as a sampler does: what depends on the
    /// parameters alone is done here, once. By default there is no such thing. It keeps the precision of products
    /// of this moment. A network whose parameters change afterwards needs a new evaluator, and no gradient goes through
    /// one.
    fn evaluator(&self) -> Evaluator<'_> {
        Box::new(|batch| self.forward(batch))
    }
}

/// A network as a function ([`ScoreNetwork::evaluator`]).
pub type Evaluator<'a> = Box<dyn Fn(&GraphBatch) -> ScoreEstimate + Send + Sync + 'a>;

impl<N: ScoreNetwork + ?Sized> ScoreNetwork for Box<N> {
    fn basis(&self) -> BasisConfig {
        (**self).basis()
    }

    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate {
        (**self).forward(batch)
    }

    fn evaluator(&self) -> Evaluator<'_> {
        (**self).evaluator()
    }
}

/// The configuration of an architecture, from which its networks are made and trained. Its type is what the registry of
/// `druse` lists.
pub trait ModelConfig: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug {
    /// The network.
    type Model: ScoreNetwork + Module + 'static;

    /// Name of the architecture in configurations and checkpoints.
    const KIND: &'static str;

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    fn check(&self) -> Result<(), ConfigError>;

    /// Number of noise levels that the network tells apart.
    fn n_levels(&self) -> usize;

    /// The same with another seed of the initial parameters.
    #[must_use]
    fn with_seed(&self, seed: u64) -> Self;

    /// A network with random parameters, the same on every device. On a device with autodiff, it can be trained.
    fn init(&self, device: &Device) -> Self::Model;
}

/// Vectors from two numbers per edge.
///
/// Position of site i: `Σ_{e out of i} 15·tanh(s_e/15)·r̂_e`. Lattice: mean over the structure's edges of
/// `ℓ_e·g_e/(1e-3 + |g_e|²)`, g = ∂d/∂y (method §5). The sums run over the edges in the frame of their source, so the
/// position turns with the representative of the orbit. Sites without edges get 0, structures without edges too.
///
/// # Shapes
/// - edge_outputs: `[E, 2]`, column 0: s, column 1: ℓ
pub fn readout(edge_outputs: Tensor<2>, batch: &GraphBatch) -> ScoreEstimate {
    let column = |k: usize| edge_outputs.clone().narrow(1, k, 1);
    let strength = tanh(column(0).div_scalar(POSITION_BOUND)).mul_scalar(POSITION_BOUND);
    let position = segment_sum(strength * batch.directions.clone(), &batch.source);
    let lattice = segment_sum(column(1) * batch.lattice_weights.clone(), &batch.edge_structure);
    ScoreEstimate { position, lattice: lattice * batch.free_mask.clone() }
}

/// The value of each edge's source site; `[N, C]` → `[E, C]`.
pub fn at_sources(sites: Tensor<2>, batch: &GraphBatch) -> Tensor<2> {
    gather_rows(sites, &batch.source)
}

/// The value of each edge's target site; `[N, C]` → `[E, C]`.
pub fn at_targets(sites: Tensor<2>, batch: &GraphBatch) -> Tensor<2> {
    gather_rows(sites, &batch.target)
}
