//! The commands behind `cargo xtask`, one module each.
//!
//! # Architecture Invariant
//! This crate depends on no other crate of the workspace and on no tensor library: it starts `cargo` and looks at
//! files, so that it builds in seconds on a machine where nothing else has been built yet.

pub mod bench;
#[cfg(test)]
mod command_lines;
mod dispatch;
pub mod dist;
pub mod fetch_data;
pub mod new_model;
pub mod reproduce;
pub mod robustness;
pub mod site;
pub mod tidy;
pub mod web;
