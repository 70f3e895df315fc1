//! What is likely, learned from reduced structures.

mod assignments;
mod chain;
mod files;
mod formulas;
mod proposals;
mod usage;

pub use assignments::{AssignmentPrior, Smoothing};
pub use files::{Origin, Priors};
pub use formulas::{CellChoice, FormulaPrior, FormulaSmoothing, anonymous_formula};
