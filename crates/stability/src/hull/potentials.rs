//! Chemical potentials at which a phase is stable.

use crystal_core::Species;
use microlp::{ComparisonOp, Error, OptimizationDirection, Problem, SolveOptions, Variable};

use super::{Column, Hull, SAME_ENERGY};
use crate::StabilityError;

/// Costs go to the solver in units of 0.1 meV, as its tolerances are absolute.
const SCALE: f64 = 1e4;
/// Tolerance of the constraints, in those units.
const FEASIBILITY: f64 = 1e-9;

/// Between which chemical potentials of an element a phase is stable, whatever those of the other elements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChemicalPotentialRange {
    /// The element.
    pub element: Species,
    /// The least potential, eV/atom against the elementary phase. `None` if there is no lower limit: for elements the
    /// phase does not hold, and for the other elements of an elementary phase.
    pub lower: Option<f64>,
    /// The highest potential, eV/atom against the elementary phase; at most 0, where the element itself precipitates.
    pub upper: f64,
}

impl Hull {
    /// The ranges of chemical potentials in which a phase is stable: the extremes of each `μ_i` over all μ with `Σ_i
    /// x_i μ_i = e` for the phase and `Σ_i x_i μ_i ≤ e` for every other one, by element of the hull.
    ///
    /// # Errors
    /// [`StabilityError::UnknownPhase`]; [`StabilityError::NotStable`] for a phase above the hull; otherwise as
    /// [`Hull::stable`].
    pub fn chemical_potentials(&self, id: &str) -> Result<Vec<ChemicalPotentialRange>, StabilityError> {
        let unknown = || StabilityError::UnknownPhase { id: id.to_owned(), n_phases: self.phases.len() };
        let index = self.phases.iter().position(|phase| phase.id() == id).ok_or_else(unknown)?;
        let placement = self.place_phase(&self.phases[index])?;
        let stable = self.stable_columns()?;
        // A polymorph as low as the one that is kept has the same column.
        let same = |column: &&&Column| self.phases[column.phase].composition() == self.phases[index].composition();
        let above = placement.energy_above_hull;
        let column = stable.iter().find(same).filter(|_| above <= SAME_ENERGY);
        let column = column.ok_or_else(|| StabilityError::NotStable { id: id.to_owned(), energy_above_hull: above })?;
        let range = |(index, element): (usize, &Species)| {
            Ok(ChemicalPotentialRange {
                element: *element,
                lower: self.extreme(&stable, column, index, OptimizationDirection::Minimize)?,
                upper: self.extreme(&stable, column, index, OptimizationDirection::Maximize)?.unwrap_or(0.0),
            })
        };
        self.elements.iter().enumerate().map(range).collect()
    }

    /// The extreme potential of one element; `None` if there is no limit.
    fn extreme(
        &self,
        stable: &[&Column],
        phase: &Column,
        element: usize,
        direction: OptimizationDirection,
    ) -> Result<Option<f64>, StabilityError> {
        let mut problem = Problem::new(direction);
        // No potential is above that of the elementary phase.
        let potentials: Vec<Variable> = (0..self.elements.len())
            .map(|index| problem.add_var(if index == element { 1.0 } else { 0.0 }, (f64::NEG_INFINITY, 0.0)))
            .collect();
        for column in stable {
            let itself = column.phase == phase.phase;
            let is_end = column.mask.count_ones() == 1;
            if is_end && !itself {
                continue;
            }
            let terms = potentials.iter().zip(&column.fractions).filter(|(_, fraction)| **fraction != 0.0);
            let comparison = if itself { ComparisonOp::Eq } else { ComparisonOp::Le };
            let terms = terms.map(|(potential, fraction)| (*potential, *fraction));
            problem.add_constraint(terms, comparison, column.formation_energy * SCALE);
        }
        let mut options = SolveOptions::default();
        options.tolerances.feasibility = FEASIBILITY;
        match problem.solve_with(options) {
            Ok(outcome) => {
                let interrupted = |_| self.solver("it was interrupted".to_owned());
                let value = outcome.into_solution().map_err(interrupted)?.objective() / SCALE;
                // Not −0.
                Ok(Some(value + 0.0))
            }
            Err(Error::Unbounded) => Ok(None),
            Err(error) => Err(self.solver(error.to_string())),
        }
    }

    fn solver(&self, reason: String) -> StabilityError {
        StabilityError::Solver { system: self.system(), reason }
    }
}
