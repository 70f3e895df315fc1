//! From a chemical system to certified candidates: sampled, relaxed, on the hull, through phonons.
//!
//! # The chain
//! 1. A plan of orders: formulas, space groups and Wyckoff positions from the proposer, or the paper's section 5.4
//!    ([`Orders`]). Sample n has its order and its random numbers, whatever the device and the budget.
//! 2. Samples are drawn in few steps, relaxed inside their space groups, and put on the hull of a
//!    [`stability::ReferenceSet`], with its corrections.
//! 3. The different ones are told apart, the best relaxed tightly and put through phonons, compared with what is known,
//!    and ranked ([`Candidate`]).
//! 4. [`write_results`] writes structures, table, report, and a [`Certificate`] of each, which [`verify()`] recomputes.
//!
//! Work is counted in rounds of [`ROUND`] samples: a budget of time says how many are done, and as many rounds again
//! give the same candidates. Everything finished is in a journal; a search that was killed goes on.
//!
//! # Units
//! Energies in eV/atom, lengths in Å, stress in GPa, frequencies in THz (imaginary ones negative).

mod candidates;
mod certificate;
mod error;
mod journal;
mod known;
mod output;
mod page;
mod plan;
mod record;
mod run;
mod settings;
mod tools;
mod verify;

pub use candidates::{Candidate, Counts, KJ_PER_MOL, Kind, METASTABLE, milli};
pub use certificate::{Certificate, Energies, OriginRecord, SpaceGroups};
pub use error::SearchError;
pub use journal::Identity;
pub use known::{Basis, KnownStructures, Nearest, Novelty};
pub use output::{Document, DocumentRow, write_results};
pub use page::{REPORT, write_report};
pub use record::{OrderRecord, PhononOutcome, PhononRecord, Relaxed, UnitRecord};
pub use run::{Best, Budget, EndedBy, Found, Stage, Told, search};
pub use settings::{KnownLimits, Orders, ROUND, Relaxation, Sameness, Settings};
pub use tools::{Tool, Tools, open_reference};
pub use verify::{Statement, verify};
