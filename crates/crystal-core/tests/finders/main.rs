//! What finds symmetry: every finder that is compiled in, on made and on real crystals. No other tests are changed by
//! spglib.

mod common;
mod data;
mod symmetry;
