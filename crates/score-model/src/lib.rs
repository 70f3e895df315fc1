//! What a score model is: the trait, the readout, the noise schedule, the losses, conformance, and the trained model as
//! it is kept in a file.
//!
//! A model lives in its own crate, `dimenetpp` being the first: it implements [`ScoreNetwork`] for its module and
//! [`ModelConfig`] for its configuration. [`conformance`] checks what every model must obey. A sampler takes a
//! [`Trained`] model, which knows its noise levels, its graph and its mode.
//!
//! ```
//! use score_model::NoiseSchedule;
//!
//! let schedule = NoiseSchedule::default();
//! assert!((schedule.position_sigma(schedule.n_levels - 1) - 6.0).abs() < 1e-9);
//! ```

pub mod conformance;
mod error;
mod model;
mod noising;
mod objective;
mod schedule;
mod trained;
mod training;

pub use error::ScoreModelError;
pub use model::{Evaluator, ModelConfig, ScoreEstimate, ScoreNetwork, at_sources, at_targets, readout};
pub use noising::{NoisedBatch, noised_batch};
pub use objective::{DenoisingObjective, LATTICE_LOSS, POSITION_LOSS};
pub use schedule::NoiseSchedule;
pub use trained::{AnyModel, DataIdentity, Description, Trained};
pub use training::TrainingConfig;

pub use crystal_states::{BasisConfig, GraphBatch};
