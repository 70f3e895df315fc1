//! Annealed Langevin sampling of lattices and atomic positions (the paper's §3.3; method §6), and sampling in a few
//! steps.
//!
//! Both processes run from the highest noise level to the lowest, batched over structures of different space groups.
//! What is drawn for a structure depends on the seed and on its place in its order alone, never on the batch it runs
//! in.

mod batch_limits;
mod config;
mod dynamics;
mod error;
mod few_step;
mod finish;
mod order;
mod plan;
mod sampler;
mod selection;

pub use config::{Fixed, Method, SamplerConfig};
pub use error::SamplingError;
pub use few_step::{FewStep, Moves, Renewal};
pub use finish::{Finishing, finish};
pub use order::{OrderedSites, SamplingOrder};
pub use sampler::{Outcome, Sample, Sampler, Template, check_orders};
pub use selection::Selection;
