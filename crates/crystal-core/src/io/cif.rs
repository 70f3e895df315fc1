//! Crystallographic Information Files.

mod claims;
mod document;
mod evidence;
mod expand;
mod labels;
mod prepare;
mod read;
mod symmetry;
mod triplet;
mod words;
mod write;

pub(super) use read::read;
pub use write::{to_cif, to_cif_symmetric};
