//! Which elements stand on which Wyckoff positions: reading, counting, listing, and how likely it is.
//!
//! ```
//! use crystal_core::{Composition, SpaceGroup};
//! use wyckoff_assignment::{AssignmentSpace, Demand};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Perovskites: SrTiO3, one formula unit in the primitive cell of P m -3 m.
//! let formula: Composition = "Sr:1,Ti:1,O:3".parse()?;
//! let space = AssignmentSpace::new(SpaceGroup::from_number(221)?, Demand::of_formula(&formula, 1))?;
//! let listed: Vec<String> = space.iter().map(|assignment| assignment.to_string()).collect();
//! assert_eq!(listed, ["O@3c Ti@1a Sr@1b", "O@3c Ti@1b Sr@1a", "O@3d Ti@1a Sr@1b", "O@3d Ti@1b Sr@1a"]);
//! # Ok(())
//! # }
//! ```
//!
//! A [`WyckoffAssignment`] is the discrete half of a structure in one space group. A [`Demand`] gives exact counts per
//! element, of atoms or of sites; an [`AssignmentSpace`] holds all assignments that meet it. An [`AssignmentPrior`],
//! learned from reduced structures, makes an [`AssignmentDistribution`] of a space; a [`FormulaPrior`] says which space
//! groups and cell sizes a formula likely has. [`Priors::shipped`] are those of MP-20.
//!
//! Multiplicities in texts are those of the CONVENTIONAL cell, as in the International Tables; counts of atoms in a
//! [`Demand`] are those of the PRIMITIVE cell.
//!
//! # Architecture Invariant
//! This crate never sees a tensor library.

mod assignment;
mod demand;
mod distribution;
mod error;
mod evaluation;
mod graph;
mod help;
mod most_likely;
mod origin;
mod periodic_table;
mod prior;
mod space;
mod text;
mod walk;

pub use assignment::{AssignedSite, WyckoffAssignment};
pub use demand::{Demand, formula_units};
pub use distribution::AssignmentDistribution;
pub use error::AssignmentError;
pub use evaluation::{Evaluation, FormulaEvaluation};
pub use help::Help;
pub use most_likely::MostLikely;
pub use prior::{
    AssignmentPrior, CellChoice, FormulaPrior, FormulaSmoothing, Origin, Priors, Smoothing, anonymous_formula,
};
pub use space::{AssignmentSpace, Listing};
pub use walk::{SiteChoices, Walk};
