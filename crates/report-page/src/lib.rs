//! Pages of one file that need nothing beside themselves, with crystals that can be turned.
//!
//! A page is a template with places `{{name}}` that [`fill`] fills: with [`STYLE`], tables ([`html_table`]), data
//! ([`for_script`]) and programs. A [`Report`] has the template that all reports share around their sections.
//! [`GALLERY_HTML`] is the place of the crystals; [`LIBRARY`], [`NODES`], [`VIEWER`] and [`GALLERY`] draw them there
//! from [`Crystal`]s and [`looks`]: `startGallery(crystals, looks)`.
//!
//! # Architecture Invariant
//! This crate never sees a tensor library, and a page asks for nothing outside itself.

mod crystals;
mod elements;
mod frame;
mod geometry;
mod page;

pub use crystals::{Atom, Crystal};
pub use elements::{Look, look};
pub use frame::{Report, may_stand_in_script, plain_rows};
pub use geometry::{nearest_distances, shortest_distance};
pub use page::{escaped, fill, for_script, html_table, looks};

/// The style sheet.
pub const STYLE: &str = include_str!("style.css");
/// Where the crystals are shown: the large picture with its facts, and the small ones.
pub const GALLERY_HTML: &str = include_str!("gallery.html");
/// Program: the elements of a page.
pub const NODES: &str = include_str!("nodes.js");
/// Program: one crystal.
pub const VIEWER: &str = include_str!("viewer.js");
/// Program: the gallery, `startGallery(crystals, looks)`.
pub const GALLERY: &str = include_str!("gallery.js");
/// 3Dmol.js, as its makers built it. Its text goes into a script element as it stands: a test looks whether it could
/// end one.
pub const LIBRARY: &str = include_str!("../assets/vendor/3Dmol-min.js");
/// Its licence.
pub const LIBRARY_LICENCE: &str = include_str!("../assets/vendor/3Dmol-LICENSE.txt");

/// A template and its values that do not agree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A place without an end.
    #[error("a place for a value is not closed: {text}")]
    Open {
        /// How it begins.
        text: String,
    },
    /// A place for a value that is not given.
    #[error("there is no value named '{name}' for the page")]
    Missing {
        /// The name in the template.
        name: String,
    },
    /// A program that would end the element in which it stands.
    #[error("a program of the page would end its own element")]
    Program,
    /// Data that cannot be written as JSON.
    #[error("the data of the page cannot be written: {0}")]
    Data(#[from] serde_json::Error),
}
