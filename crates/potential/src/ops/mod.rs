//! Own tensor operations of the equivariant network. None uses atomics: the same input gives the same bits.
//!
//! | operation | forward | backward |
//! | --- | --- | --- |
//! | [`message`] | products of features and harmonics, summed over neighbours | by features and edge vectors |
//! | [`gate`] | norm over all channels and gated activation | by its input |
//! | [`images`] | features of the images of each site, turned | turned back and summed over images |
//!
//! Each folder holds a plain `reference` in double precision, which the parity tests compare with, the processor's
//! loops (`flex`) and the GPU kernels (`cube`).

mod backend;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;
mod gate;
mod images;
mod message;
mod real;
mod tensors;
#[cfg(all(test, feature = "cpu"))]
mod tests;

pub(crate) use backend::{GateOptions, MessageOptions};
pub(crate) use real::Real;
pub(crate) use tensors::{
    Degrees, Edges, Images, LayerTables, gate, gate_backward, images, images_backward, message, message_backward,
};
