//! The `druse` command from outside: exit status, documents, messages, files.
//!
//! One test binary for all, as each would be linked against the tensor library anew.

mod advice;
mod bad_input;
mod candidates;
mod checkpoints;
mod convert;
mod dft_check;
mod dft_inputs;
mod documents;
mod example_model;
mod find;
mod formulas;
mod hull;
mod kills;
mod network;
mod new_crystals;
mod proposals;
mod support;
mod text;
mod training;
