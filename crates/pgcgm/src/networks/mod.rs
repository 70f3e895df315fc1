//! Generator and critic.

mod batch_norm;
mod config;
mod convolution;
mod critic;
mod generator;

pub(crate) use batch_norm::near_root;
pub use config::PgcgmConfig;
pub(crate) use convolution::Shifts;
pub(crate) use critic::Critic;
pub(crate) use generator::{Generator, LARGEST_SIDE, NOISE};
