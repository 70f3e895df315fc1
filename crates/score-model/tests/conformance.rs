//! A model that lacks a property is refused, by the check of that property.
#![cfg(feature = "cpu")]

use std::sync::atomic::{AtomicU32, Ordering};

use burn::Tensor;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int};
use crystal_core::ConfigError;
use score_model::conformance::{ConformanceError, check_model, check_states};
use score_model::{BasisConfig, GraphBatch, ModelConfig, ScoreEstimate, ScoreModelError, ScoreNetwork, readout};
use serde::{Deserialize, Serialize};
use tensor_ops::{ParameterSource, dense_swish, gather_rows, linear, segment_sum};

/// What is wrong with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Fault {
    /// Nothing.
    None,
    /// The configuration makes no sense.
    Nonsense,
    /// The position estimate is zero.
    NoPosition,
    /// The lattice estimate is zero.
    NoLattice,
    /// Another answer each time.
    Forgetful,
    /// The place of an edge in the batch counts.
    CountsRows,
    /// Components of directions count.
    ReadsDirections,
    /// Directions of different sites are compared, as if they had one frame.
    ComparesFrames,
    /// The other structures of the batch count.
    LooksAround,
    /// All rows of a structure count, those of padding too.
    CountsPadding,
    /// Edges do not fade out at the cut-off.
    ForgetsEnvelope,
    /// The lattice estimate has a constant part.
    ConstantLattice,
    /// The lattice estimate has parts beyond the free coordinates.
    UnmaskedLattice,
    /// A structure without edges turns the estimates of the others.
    FearsEmptiness,
    /// No gradient comes through.
    Detached,
    /// Half of the gradient is lost.
    HalfDetached,
    /// A part of the network is not among its parameters.
    HidesANumber,
    /// A part of the configuration is not written.
    HidesASetting,
}

/// Two dense layers on the radial functions of an edge, and a fault.
#[derive(Module, Debug)]
struct Faulty {
    hidden: Linear,
    output: Linear,
    #[module(skip)]
    fault: Fault,
    #[module(skip)]
    number: u32,
}

/// Networks and answers so far.
static MADE: AtomicU32 = AtomicU32::new(0);
static ANSWERED: AtomicU32 = AtomicU32::new(0);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Config {
    fault: Fault,
    #[serde(skip)]
    hidden: u32,
}

impl ModelConfig for Config {
    type Model = Faulty;

    const KIND: &'static str = "faulty";

    fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless(self.fault != Fault::Nonsense, "fault", self.fault, "another one")
    }

    fn n_levels(&self) -> usize {
        10
    }

    fn with_seed(&self, _: u64) -> Self {
        self.clone()
    }

    fn init(&self, device: &Device) -> Faulty {
        let mut source = ParameterSource::new(3, device);
        let (hidden, output) = (source.dense(4, 8), source.dense(8, 2));
        Faulty { hidden, output, fault: self.fault, number: MADE.fetch_add(1, Ordering::Relaxed) }
    }
}

/// Whether a structure of the batch has no edges.
fn some_are_empty(batch: &GraphBatch) -> bool {
    let offsets: Vec<i64> = batch.edge_structure.offsets.clone().into_data().iter::<i64>().collect();
    offsets.windows(2).any(|range| range[0] == range[1])
}

impl ScoreNetwork for Faulty {
    fn basis(&self) -> BasisConfig {
        BasisConfig { n_radial: 4, n_spherical: 1, envelope_exponent: 5, n_gaussians: 0, n_levels: 10 }
    }

    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate {
        let edges = linear(&self.output, dense_swish(&self.hidden, batch.radial.clone()));
        let device = edges.device();
        let n_edges = batch.n_edges();
        let log_length = batch.scalars.clone().narrow(1, 2, 1);
        let edges = match self.fault {
            Fault::Forgetful => edges * f64::from(1 + ANSWERED.fetch_add(1, Ordering::Relaxed)),
            Fault::CountsRows => {
                let rows = i64::try_from(n_edges).expect("few edges");
                edges + Tensor::<1, Int>::arange(0..rows, &device).float().reshape([n_edges, 1])
            }
            Fault::ReadsDirections => edges + batch.directions.clone().narrow(1, 0, 2),
            Fault::ComparesFrames => {
                let reverse = gather_rows(batch.directions.clone(), &batch.reverse);
                edges + (batch.directions.clone() * reverse).sum_dim(1)
            }
            Fault::LooksAround => edges + batch.radial.clone().mean().reshape([1, 1]),
            Fault::CountsPadding => {
                let counts = segment_sum(Tensor::<2>::ones([n_edges, 1], &device), &batch.edge_structure);
                edges * gather_rows(counts, &batch.edge_structure)
            }
            Fault::ForgetsEnvelope => return readout(edges + log_length, batch),
            Fault::FearsEmptiness if some_are_empty(batch) => edges.neg(),
            Fault::Detached => edges.detach(),
            Fault::HalfDetached => edges.clone() * edges.detach(),
            Fault::HidesANumber => edges * f64::from(1 + self.number),
            _ => edges,
        };
        let ScoreEstimate { position, lattice } = readout(edges * batch.envelope.clone(), batch);
        let zero_where = |fault: Fault, tensor: Tensor<2>| if self.fault == fault { tensor * 0.0 } else { tensor };
        let lattice = match self.fault {
            Fault::ConstantLattice => lattice + batch.free_mask.clone(),
            Fault::UnmaskedLattice => {
                lattice
                    + segment_sum(batch.envelope.clone(), &batch.edge_structure) * (batch.free_mask.clone().neg() + 1.0)
            }
            _ => lattice,
        };
        ScoreEstimate {
            position: zero_where(Fault::NoPosition, position),
            lattice: zero_where(Fault::NoLattice, lattice),
        }
    }
}

fn checked(fault: Fault) -> Result<(), ConformanceError> {
    let hidden = u32::from(fault == Fault::HidesASetting);
    check_model(&Config { fault, hidden }, &Device::flex())
}

/// Asserts that the fault is found by the check whose property begins like this.
#[track_caller]
fn refused(fault: Fault, property: &str) {
    match checked(fault) {
        Err(ConformanceError::Violation(violation)) => {
            assert!(violation.property.starts_with(property), "{fault:?} was refused for another reason: {violation}");
            assert!(violation.to_string().contains(property), "{violation}");
        }
        other => panic!("{fault:?} was not refused: {other:?}"),
    }
}

#[test]
fn a_right_model_passes() {
    if let Err(error) = checked(Fault::None) {
        panic!("{error}");
    }
}

#[test]
fn a_configuration_that_makes_no_sense() {
    let error = checked(Fault::Nonsense).expect_err("nonsense");
    assert!(
        matches!(&error, ConformanceError::Model(ScoreModelError::Config(problem)) if problem.field == "fault"),
        "{error}"
    );
}

#[test]
fn a_network_of_zeros() {
    refused(Fault::NoPosition, "an estimate of position noise that is not zero everywhere");
    refused(Fault::NoLattice, "an estimate of lattice noise that is not zero everywhere");
}

#[test]
fn an_answer_that_changes() {
    refused(Fault::Forgetful, "the same input twice");
}

#[test]
fn an_order_of_edges() {
    refused(Fault::CountsRows, "permutation of sites and of edges");
}

#[test]
fn absolute_directions() {
    refused(Fault::ReadsDirections, "rotation of the crystal");
}

#[test]
fn one_frame_for_all_sites() {
    refused(Fault::ComparesFrames, "choice of representative");
}

#[test]
fn other_structures_of_the_batch() {
    refused(Fault::LooksAround, "alone or in a batch");
}

#[test]
fn rows_of_padding() {
    refused(Fault::CountsPadding, "padding");
}

#[test]
fn edges_beyond_the_cutoff() {
    refused(Fault::ForgetsEnvelope, "edges beyond the cut-off");
}

#[test]
fn structures_without_edges() {
    refused(Fault::ConstantLattice, "a structure without edges gets zero");
    refused(Fault::FearsEmptiness, "structures without edges leave the others alone");
}

#[test]
fn lattice_coordinates_that_are_not_free() {
    refused(Fault::UnmaskedLattice, "zero for lattice coordinates that are not free");
}

/// The graph holds nothing that a model could take amiss here and nowhere else, so the check is made alone.
#[test]
fn real_states() {
    let checked = |fault| check_states(&Config { fault, hidden: 0 }.init(&Device::flex()), &Device::flex());
    assert!(checked(Fault::None).is_ok());
    match checked(Fault::ReadsDirections) {
        Err(ConformanceError::Violation(found)) => {
            assert_eq!(found.property, "representatives and periodic images of real states");
        }
        other => panic!("absolute directions were not refused: {other:?}"),
    }
}

#[test]
fn gradients_that_are_lost() {
    refused(Fault::Detached, "a gradient by the parameters that is not zero");
    refused(Fault::HalfDetached, "gradients by the parameters agree with differences");
}

#[test]
fn what_a_file_does_not_keep() {
    refused(Fault::HidesANumber, "the network comes back from a file");
    refused(Fault::HidesASetting, "configuration and description come back from a file");
}
