//! The transformer (Vaswani et al., arXiv 1706.03762), layer norms before each half of a layer (Xiong et al., arXiv
//! 2002.04745), no code of the order: what a token must know of its place is in it.

mod blocks;
mod losses;

pub use blocks::WyckoffModel;
pub(crate) use blocks::{Cache, Tables};
