//! One crystal on its way: its coordinates, its optimiser, and when it is done.

use crystal_core::{Finder, SpaceGroupNumber, SphereSearch, Structure, find_symmetry};
use nalgebra::{DVector, Vector3};
use potential::{Evaluation, GPA_PER_EV_PER_CUBIC_ANGSTROM, PotentialError};

use crate::coordinates::{Cell, Coordinates, Placement};
use crate::optimiser::Optimiser;
use crate::rattle::rattled;
use crate::strain::{count, largest_strain};
use crate::{CellFreedom, Crystal, Displacement, Divergence, Mode, Options, RelaxError, Relaxation};

/// A rise of the energy by less, eV/atom, is rounding of single precision.
const NOISE_PER_ATOM: f64 = 2e-5;
/// Tolerance of the space groups that are reported, Å.
const SYMPREC: f64 = 0.01;

/// A crystal that waits for the evaluation of `placement`.
#[derive(Debug)]
pub(crate) struct Task {
    pub index: usize,
    options: Options,
    coordinates: Coordinates,
    optimiser: Optimiser,
    z: DVector<f64>,
    placement: Placement,
    steps: usize,
    /// The crystal as given, for its space group; `None` where the group is kept.
    given: Option<Structure>,
    start: Option<Start>,
    kept: Option<(Placement, Evaluation)>,
}

#[derive(Debug, Clone, Copy)]
struct Start {
    energy: f64,
    volume: f64,
}

impl Task {
    /// Number `index` of a run.
    ///
    /// # Errors
    /// Those of the crystal, and [`Divergence::Distance`] at the start.
    pub fn new(index: usize, crystal: Crystal, options: &Options) -> Result<Self, RelaxError> {
        let (coordinates, given) = match options.mode {
            Mode::Symmetric { symprec } => (Coordinates::symmetric(crystal.into_unit(symprec)?, options.cell)?, None),
            Mode::Free { rattle } => {
                let given = crystal.into_structure()?;
                let start = match rattle {
                    Some(rattle) => rattled(&given, &rattle, index as u64, options.cell)?,
                    None => given.clone(),
                };
                (Coordinates::free(start, &given, options.cell), Some(given))
            }
        };
        let z = DVector::zeros(coordinates.len());
        let placement = coordinates.placement(&z)?;
        let optimiser = Optimiser::new(options.method, coordinates.len());
        let task = Self {
            index,
            options: *options,
            coordinates,
            optimiser,
            z,
            placement,
            steps: 0,
            given,
            start: None,
            kept: None,
        };
        task.check_distances()?;
        Ok(task)
    }

    /// What the potential is to evaluate.
    pub fn cell(&self) -> &Cell {
        &self.placement.cell
    }

    /// Sites that the potential sees.
    pub fn n_sites(&self) -> usize {
        self.coordinates.n_sites()
    }

    /// Takes an evaluation and moves on; `Some` when it is done.
    pub fn advance(
        &mut self,
        evaluation: Result<Evaluation, PotentialError>,
    ) -> Option<Result<Relaxation, RelaxError>> {
        self.try_advance(evaluation).transpose()
    }

    fn try_advance(
        &mut self,
        evaluation: Result<Evaluation, PotentialError>,
    ) -> Result<Option<Relaxation>, RelaxError> {
        let evaluation = match evaluation {
            Ok(evaluation) => evaluation,
            Err(error) if self.start.is_none() => return Err(RelaxError::Start(error)),
            Err(error) => return Err(self.diverged(Divergence::Evaluation(error))),
        };
        let volume = self.placement.volume;
        let start = *self.start.get_or_insert(Start { energy: evaluation.energy, volume });
        self.check_evaluation(&evaluation, volume / start.volume)?;

        let converged = self.is_converged(&evaluation);
        if converged || self.coordinates.len() == 0 {
            self.kept = Some((self.placement.clone(), evaluation));
            return self.finish(start, converged).map(Some);
        }
        let pressure = self.pressure();
        let gradient = self.coordinates.gradient(&self.placement, &evaluation, pressure);
        let value = evaluation.energy + pressure * volume;
        let noise = NOISE_PER_ATOM * count(self.coordinates.n_atoms());
        let coordinates = &self.coordinates;
        let proposal = self.optimiser.next(&self.z, value, noise, &gradient, |step| coordinates.allowed_part(step));
        if proposal.accepted {
            self.kept = Some((self.placement.clone(), evaluation));
        }
        if self.steps == self.options.max_steps {
            return self.finish(start, false).map(Some);
        }
        self.steps += 1;
        self.z = proposal.next;
        self.placement =
            self.coordinates.placement(&self.z).map_err(|error| self.diverged(Divergence::Cell(error.to_string())))?;
        self.check_distances()?;
        Ok(None)
    }

    /// eV/Å³; zero where the volume cannot follow.
    fn pressure(&self) -> f64 {
        match self.options.cell {
            CellFreedom::Free => self.options.pressure_gpa / GPA_PER_EV_PER_CUBIC_ANGSTROM,
            CellFreedom::ConstantVolume | CellFreedom::Fixed => 0.0,
        }
    }

    fn is_converged(&self, evaluation: &Evaluation) -> bool {
        evaluation.max_force() <= self.options.fmax && self.residual_stress(evaluation) <= self.options.smax_gpa
    }

    fn residual_stress(&self, evaluation: &Evaluation) -> f64 {
        self.coordinates.residual_stress_gpa(evaluation, self.options.cell, self.pressure())
    }

    fn diverged(&self, reason: Divergence) -> RelaxError {
        RelaxError::Diverged { steps: self.steps, reason }
    }

    fn check_evaluation(&self, evaluation: &Evaluation, volume_ratio: f64) -> Result<(), RelaxError> {
        let limits = &self.options.limits;
        let energy_per_atom = evaluation.energy / count(self.coordinates.n_atoms());
        let finite = |vector: &Vector3<f64>| vector.iter().all(|x| x.is_finite());
        let all_finite = energy_per_atom.is_finite()
            && evaluation.forces.iter().all(finite)
            && evaluation.stress.iter().all(|x| x.is_finite());
        if !all_finite {
            return Err(self.diverged(Divergence::NotFinite));
        }
        let [lowest, highest] = limits.energy_per_atom;
        if !(lowest..=highest).contains(&energy_per_atom) {
            return Err(self.diverged(Divergence::Energy { energy_per_atom, lowest, highest }));
        }
        let limit = limits.volume_factor;
        if volume_ratio > limit || volume_ratio < 1.0 / limit {
            return Err(self.diverged(Divergence::Volume { ratio: volume_ratio, limit }));
        }
        Ok(())
    }

    /// Before the evaluation: a potential need not make sense at such distances.
    fn check_distances(&self) -> Result<(), RelaxError> {
        let least = self.options.limits.distance;
        let search = SphereSearch::new(&self.placement.lattice);
        let mut shortest = f64::INFINITY;
        let atoms = self.coordinates.atom_positions(&self.placement);
        // Every pair has, among its images, one that begins at a site.
        for point in &self.placement.points {
            for atom in &atoms {
                let complete = search.visit(&(atom - point), least * least, |_, _, squared| {
                    // The site itself.
                    if squared > 1e-12 {
                        shortest = shortest.min(squared.sqrt());
                    }
                    true
                });
                if !complete {
                    return Err(self.diverged(Divergence::Cell("the lattice collapsed".to_owned())));
                }
            }
        }
        if shortest < least { Err(self.diverged(Divergence::Distance { distance: shortest, least })) } else { Ok(()) }
    }

    fn finish(&mut self, start: Start, converged: bool) -> Result<Relaxation, RelaxError> {
        let (placement, evaluation) = self.kept.take().expect("the start is always kept");
        let n_atoms = count(self.coordinates.n_atoms());
        let (displacements, start_lattice) = self.coordinates.displacements(&placement);
        let squares: f64 = displacements.iter().map(Vector3::norm_squared).sum();
        let displacement = Displacement {
            max: displacements.iter().map(Vector3::norm).fold(0.0, f64::max),
            rms: (squares / n_atoms).sqrt(),
            strain: largest_strain(start_lattice.matrix(), placement.lattice.matrix()).unwrap_or(0.0),
        };
        let (structure, unit) = match placement.cell {
            Cell::Free(structure) => (structure, None),
            Cell::Symmetric(unit) => (unit.expand()?, Some(unit)),
        };
        let group_of = |structure: &Structure| Some(find_symmetry(structure, SYMPREC, Finder::default()).ok()?.number);
        let kept_group: Option<SpaceGroupNumber> = unit.as_ref().map(|unit| unit.space_group().number());
        Ok(Relaxation {
            energy_start_per_atom: start.energy / n_atoms,
            energy_per_atom: evaluation.energy / n_atoms,
            volume_start_per_atom: start.volume / n_atoms,
            volume_per_atom: placement.volume / n_atoms,
            steps: self.steps,
            converged,
            max_force: evaluation.max_force(),
            max_stress_gpa: self.residual_stress(&evaluation),
            stress: evaluation.stress,
            space_group_start: self.given.as_ref().map_or(kept_group, group_of),
            space_group: kept_group.or_else(|| group_of(&structure)),
            displacement,
            structure,
            unit,
        })
    }
}
