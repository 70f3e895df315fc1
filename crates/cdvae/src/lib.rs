//! CDVAE (Xie, Fu, Ganea, Barzilay, Jaakkola, ICLR 2022, arXiv 2110.06197), trained and sampled here.
//!
//! A crystal is a Niggli-reduced cell of at most 20 atoms without symmetry. An encoder ([`dimenetpp`]'s blocks) makes a
//! latent vector of it; heads read number of atoms, cell and composition from the vector; a decoder, GemNet-dT, moves
//! noised atoms back and tells their elements, given the vector. New crystals begin with a vector from the prior
//! ([`generate`]).
//!
//! The network is CDVAE's; what differs is how it is fed and trained: graphs have one symmetric cut-off per crystal
//! and all images within it (the published ones depend on the order of the atoms and miss neighbours in short cells);
//! the encoder reads the same kind of graph and the lengths in Å beside those over the cut-off; the scale constants are
//! fitted ([`fit_scales`]) instead of taken over; the true cell is used under the noise throughout; a cell without
//! atoms is impossible; gradients are clipped by their norm, the learning rate rises and falls, weights are averaged;
//! initial weights are uniform instead of orthogonal; the branch of the decoder that nothing reads is left out.
//!
//! ```
//! use cdvae::CdvaeConfig;
//! # use tensor_ops::device::available_devices;
//!
//! # for device in available_devices().into_iter().take(1) {
//! let model = CdvaeConfig::small().init(&device);
//! assert_eq!(model.config().latent, 32);
//! # }
//! ```
//!
//! # Architecture Invariant
//! The decoder is never told how large the noise is, and the heads see nothing but the latent vector.

mod batch;
mod config;
mod crystals;
mod decoder;
mod encoder;
mod error;
mod heads;
mod losses;
mod network;
mod sampler;
mod settings;
mod trained;

pub use config::{CdvaeConfig, DecoderConfig, Levels, N_COUNTS, N_TYPES};
pub use crystals::{CellNumbers, Crystals, LatticeScaler, MOST_ATOMS, cell_of};
pub use decoder::Denoised;
pub use error::CdvaeError;
pub use losses::{CdvaeObjective, CrystalSource, LOSS_NAMES, fit_scales, measure};
pub use network::{Cdvae, Encoding, Predicted};
pub use sampler::{CdvaeSampling, Generated, GeneratedSet, generate};
pub use settings::{CdvaeTraining, LossWeights, PositionTarget};
pub use trained::{Description, Trained};
