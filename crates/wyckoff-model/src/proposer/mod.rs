//! A trained network that is asked.

mod asked;
mod beam;
mod draw;
mod invent;

use crystal_core::{Composition, SpaceGroupNumber, Species};
use wyckoff_assignment::WyckoffAssignment;

use crate::network::Tables;
use crate::sequence::{MOST_ATOMS, is_describable};
use crate::{Weights, WyckoffModelError};

pub use asked::Asked;
pub use invent::Invention;

/// A trained network, ready to be asked.
#[derive(Debug)]
pub struct Proposer {
    weights: Weights,
    tables: Tables,
}

/// A group with positions, and how likely it is among all that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Group and positions, at the standard origin.
    pub assignment: WyckoffAssignment,
    /// Natural logarithm of the probability.
    pub log_probability: f64,
}

impl Proposal {
    /// The probability.
    pub fn probability(&self) -> f64 {
        self.log_probability.exp()
    }

    /// Formula units in the PRIMITIVE cell.
    pub fn formula_units(&self) -> u32 {
        let atoms = self.assignment.primitive_composition();
        atoms.total() / atoms.reduced().total().max(1)
    }
}

impl Proposer {
    /// Asks this network.
    pub fn new(weights: Weights) -> Self {
        let tables = weights.model.tables();
        Self { weights, tables }
    }

    /// The network and its file.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The elements of a formula that the network has not learned from: it goes by their properties, which is a guess.
    pub fn unseen(&self, formula: &Composition) -> Vec<Species> {
        formula.iter().map(|(species, _)| species).filter(|species| !self.weights.elements.contains(species)).collect()
    }

    /// Whether the network can be asked for cells of these atoms.
    ///
    /// # Errors
    /// [`WyckoffModelError::TooManyAtoms`], [`WyckoffModelError::UnknownElement`].
    pub fn check(&self, cells: &[Composition]) -> Result<(), WyckoffModelError> {
        for cell in cells {
            if cell.total() > MOST_ATOMS {
                return Err(WyckoffModelError::TooManyAtoms { atoms: cell.total(), most: MOST_ATOMS });
            }
            if let Some((species, _)) = cell.iter().find(|(species, _)| !is_describable(*species)) {
                return Err(WyckoffModelError::UnknownElement { species });
            }
        }
        Ok(())
    }

    /// Asks for one of these cells, atoms of a PRIMITIVE cell each, all of one formula; in one space group, if it is
    /// given.
    ///
    /// # Errors
    /// Those of [`Self::check`]; [`WyckoffModelError::Nowhere`] if no group holds any of the cells, or the one that is
    /// given does not; [`WyckoffModelError::Assignment`].
    pub fn ask(
        &self,
        cells: &[Composition],
        space_group: Option<SpaceGroupNumber>,
    ) -> Result<Asked<'_>, WyckoffModelError> {
        self.check(cells)?;
        Asked::new(self, cells, space_group)
    }
}
