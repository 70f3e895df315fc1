//! PGCGM, a generative adversarial network for crystals of three elements, one orbit each, in 20 space groups (Zhao et
//! al., npj Comput. Mater. 9, 38, 2023).
//!
//! A generator makes three positions of each element and the lengths of the cell from noise, the elements and the
//! operations of a space group; a critic with a penalty on its slope tells them from real ones. The images of a
//! position under the group, merged where they meet, are the atoms ([`finish`]).
//!
//! The training program was never published: the form of the losses and the settings are ours
//! (`docs/src/models/pgcgm.md` says which).
//!
//! [`train`] fits a model to [`Crystal`]s, [`Sampler`] draws from it. Draw n depends on the seed and on n alone.

mod conditions;
mod crystal;
mod elements;
mod error;
pub mod finish;
mod groups;
mod image;
mod losses;
mod networks;
mod sampler;
mod scaling;
#[cfg(test)]
mod testing;
mod training;
mod weights;

pub use crystal::{Candidate, Crystal, Unfit};
pub use elements::ElementSet;
pub use error::PgcgmError;
pub use groups::{N_GROUPS, group_index, groups, published_counts};
pub use losses::Contacts;
pub use networks::PgcgmConfig;
pub use sampler::{Draw, ElementDraws, Generation, Sampler, Wanted};
pub use training::{CurvePoint, Measurement, PenaltyPoints, Trained, TrainingConfig, TrainingData, train};
pub use weights::Weights;
