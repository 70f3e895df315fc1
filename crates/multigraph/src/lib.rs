//! The symmetry-consistent crystal multigraph (the paper's §4, method without its four defects).
//!
//! Nodes are the non-equivalent sites. The neighbours of site i are the images `y = W_o·x_j + w_o + T` of every site j
//! under every operation o and every lattice translation T, within one cut-off per structure. An edge's vector `r = (y
//! − x_i)·P` is in the frame of its source i; its reverse (j → o⁻¹·i) has the vector `−R_o⁻¹·r`, in the frame of j.

mod batch;
mod builder;
mod cutoff;
mod error;
mod graph;
mod group;
mod images;
mod search;

pub use batch::BatchedMultiGraph;
pub use builder::build;
pub use cutoff::GraphConfig;
pub use error::GraphError;
pub use graph::MultiGraph;
pub use group::GroupTable;
