//! A transformer that proposes crystals before they have coordinates: how many atoms of which element, in which space
//! group, on which Wyckoff positions.
//!
//! A crystal is a sequence: the elements of the primitive cell with their counts, the space group, then the position of
//! every non-equivalent site, element by element. [`WyckoffModel`] gives the probability of each next part. What it may
//! be is known exactly ([`wyckoff_assignment::SiteChoices`]), so no probability goes to what cannot be completed and
//! every draw is an assignment. A sequence that begins with the formula of the cell answers for that formula; the other
//! conditions, the set of elements and the space group, are told with the first token, or not, at random in training.
//!
//! Elements come in any order: one is chosen at random in training, and [`Proposer`] averages over several. Assignments
//! that differ by the choice of origin are one: the model learns their standard form.
//!
//! [`train`] fits a model, [`Proposer`] draws, ranks and lists.
//!
//! # Architecture Invariant
//! Every assignment that leaves this crate was made by admissible choices; what the network believes decides between
//! them and nothing else.

mod batch;
mod config;
mod error;
mod features;
mod network;
mod proposer;
mod sequence;
mod training;
mod weights;

pub use config::WyckoffModelConfig;

pub use error::WyckoffModelError;
pub use network::WyckoffModel;
pub use proposer::{Asked, Invention, Proposal, Proposer};
pub use sequence::MOST_ATOMS;
pub use training::{CurvePoint, Losses, Trained, TrainingConfig, TrainingData, train};
pub use weights::Weights;
