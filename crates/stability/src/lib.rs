//! How stable a crystal is: formation energies, the Materials Project's corrections, convex hulls, phase diagrams and
//! counts.
//!
//! # Units
//! Energies are eV, per atom unless a name says `per_cell`; lengths are Å. Fractions are of atoms and sum to 1.
//!
//! # From an energy to a verdict
//! 1. [`mp2020`] corrects a raw energy where its potential was trained on uncorrected ones.
//! 2. [`ElementalReferences`] turn it into a formation energy, `E_form = (E + Σ corrections − Σ n_i μ_i) / N`.
//! 3. A [`Hull`] of [`Phase`]s gives the energy above the hull, `e − min Σ w_k e_k` with `Σ w_k x_k = x`, `w ≥ 0`, and
//!    the decomposition `w`. A [`ReferenceSet`] holds the phases of many systems, names the potential and the data
//!    behind them, and refuses energies of any other potential.
//! 4. [`StabilityCounts`] counts stable, unique and novel structures; [`Agreement`] compares two columns of energies
//!    above the hull.
//!
//! # Architecture Invariant
//! This crate depends on `crystal-core` only and never sees a tensor library. It knows potentials by name and hash, not
//! by type.

mod agreement;
mod corrections;
mod counting;
mod diagram;
mod elements;
mod entries;
mod error;
mod formation;
mod fractions;
mod hull;
mod levels;
mod phase;
mod reference;
mod system;

pub use agreement::{Agreement, CorrectCalls};
pub use corrections::{
    Adjustment, Correction, CorrectionClass, OxideType, SulphideType, guess_oxidation_states, hubbard_u, mp2020,
    mp2020_of_formula, oxide_type, sulphide_type,
};
pub use counting::{Interval, METASTABLE_LIMIT, Share, StabilityCounts, Verdict};
pub use diagram::{Diagram, Mark, TableRow, phase_diagram, table, table_text};
pub use entries::{EnergyEntry, read_energies};
pub use error::StabilityError;
pub use formation::ElementalReferences;
pub use fractions::Fractions;
pub use hull::{ChemicalPotentialRange, Decomposition, Facet, Hull, Part, Placed, Placement, Product};
pub use levels::HullLevels;
pub use phase::Phase;
pub use reference::{CorrectionScheme, ReferenceBuilder, ReferencePhase, ReferenceSet, Source};
pub use system::SystemName;
