//! Crystal data sets: MP-20, embedded prototypes, download and cache.
//!
//! ```no_run
//! # fn main() -> Result<(), datasets::DatasetError> {
//! use datasets::{LoadOptions, Split, load, locate};
//!
//! let data = load(&locate(None), &LoadOptions { min_space_group: 16, ..LoadOptions::default() })?;
//! println!("{} structures to train on", data.split(Split::Train).len());
//! # Ok(())
//! # }
//! ```
//!
//! [`locate`] chooses the source (`--data DIR`, else `DRUSE_DATA`, else the user's cache, else the embedded
//! prototypes), [`load`] reads, filters and reduces it to asymmetric units, and keeps the reduced form in the user's
//! cache. [`fetch`] fills that cache from the network. [`read_raw`] and [`read_table`] read rows as they are, without
//! their reduced form.
//!
//! # Architecture Invariant
//! This crate never sees a tensor library, and only [`fetch`] touches the network.

mod cache;
mod data_set;
pub mod embedded;
mod error;
pub mod fetch;
mod hashing;
mod load;
mod raw;
mod reduce;
mod source;
mod table;

pub use data_set::{DataSet, Record, Split};
pub use embedded::{StructureType, structure_types};
pub use error::DatasetError;
pub use load::{LoadOptions, load};
pub use raw::{RawSet, read_raw, read_table};
pub use source::{Source, locate, user_cache_dir};
pub use table::{Row, Table};
