//! Generator and critic.

mod batch_norm;
mod config;
mod convolution;
mod critic;
mod generator;

pub(crate) use batch_norm::{Moments, near_root};
pub use config::PgcgmConfig;
pub(crate) use critic::Critic;
pub(crate) use generator::{Generator, NOISE};
