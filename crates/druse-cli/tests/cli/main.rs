//! The `druse` command from outside: exit status, documents, messages, files.
//!
//! One test binary for all, as each would be linked against the tensor library anew.

mod bad_input;
mod candidates;
mod convert;
mod documents;
mod network;
mod support;
mod text;
