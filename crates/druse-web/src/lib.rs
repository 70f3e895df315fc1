//! Druse as a page of the browser: the sampler in WebAssembly.
//!
//! The page (`web/`) hands an [`Order`] to a worker; the worker calls [`grow`], which tells of every structure as soon
//! as it is there, as a [`Shown`]. Nothing leaves the machine. `cargo xtask web` builds the page.
//!
//! The structures are those of `druse sample` on the processor with the same seed, to the last digit of their CIFs: see
//! `docs/src/page.md`.
#![cfg_attr(
    target_family = "wasm",
    allow(
        unsafe_code,
        reason = "what the bindings to the page's program expand to; all of it is made by wasm-bindgen"
    )
)]

#[cfg(target_family = "wasm")]
mod bindings;
mod grow;
mod order;
mod shown;
mod tables;

pub use grow::{Network, Told, WebError, grow};
pub use order::Order;
pub use shown::{Position, Shown};
pub use tables::{Group, GroupPosition, groups, positions};
