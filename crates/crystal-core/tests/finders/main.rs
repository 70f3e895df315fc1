//! What finds symmetry: every finder that is compiled in, on made and on real crystals. The only tests that spglib changes.

mod common;
mod data;
mod symmetry;
