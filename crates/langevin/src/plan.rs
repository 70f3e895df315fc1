//! What a sampler does to a structure, evaluation by evaluation.

use crystal_core::whole;
use crystal_states::LangevinStep;
use score_model::NoiseSchedule;

use crate::dynamics::langevin_step;
use crate::{Fixed, Method, SamplerConfig};

/// One evaluation of the network and what is moved by it.
///
/// Positions move before the lattice, in the cell that the network saw: so the noise of training was put on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Update {
    /// Noise level that the network is told.
    pub level: usize,
    /// Step of the positions, if they move.
    pub position: Option<LangevinStep>,
    /// Step of the lattice, if it moves.
    pub lattice: Option<LangevinStep>,
}

impl SamplerConfig {
    /// Network evaluations that one structure takes with a model of these noise levels, its candidates and the choice
    /// between them included.
    pub fn evaluations_per_structure(&self, schedule: &NoiseSchedule) -> usize {
        self.with_candidates(self.plan(schedule).len())
    }

    /// The same, for draws of `evaluations_per_draw`.
    pub(crate) fn with_candidates(&self, evaluations_per_draw: usize) -> usize {
        let choosing = self.selection.as_ref().map_or(0, crate::Selection::evaluations);
        self.candidates() * (evaluations_per_draw + choosing)
    }

    /// All updates of a structure, from the highest level to the lowest. Each has its own random numbers (`draw`).
    pub(crate) fn plan(&self, schedule: &NoiseSchedule) -> Vec<Update> {
        let mut updates = match &self.method {
            Method::Annealed => self.annealed(schedule),
            Method::FewStep(few_step) => few_step.plan(schedule, (self.position_temperature, self.lattice_temperature)),
        };
        for update in &mut updates {
            match self.fixed {
                Some(Fixed::Lattice) => update.lattice = None,
                Some(Fixed::Positions) => update.position = None,
                None => {}
            }
        }
        updates.retain(|update| update.position.is_some() || update.lattice.is_some());
        updates
    }

    /// The paper's: positions and lattice in turn, as often at every level.
    fn annealed(&self, schedule: &NoiseSchedule) -> Vec<Update> {
        let mut updates: Vec<Update> = Vec::with_capacity(2 * schedule.n_levels * self.steps_per_level);
        for level in (0..schedule.n_levels).rev() {
            let position = (schedule.position_sigma(level), self.position_step, self.position_temperature);
            let lattice = (schedule.lattice_sigma(level), self.lattice_step, self.lattice_temperature);
            for _ in 0..self.steps_per_level {
                let draw = whole::compact(updates.len()) + 1;
                updates.push(Update { level, position: Some(langevin_step(position, draw)), lattice: None });
                updates.push(Update { level, position: None, lattice: Some(langevin_step(lattice, draw + 1)) });
            }
        }
        updates
    }
}
