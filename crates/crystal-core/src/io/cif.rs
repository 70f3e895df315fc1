//! Crystallographic Information Files.

mod document;
mod locate;
mod read;
mod symmetry;
mod triplet;
mod write;

pub(super) use read::read;
pub use write::{to_cif, to_cif_symmetric};
