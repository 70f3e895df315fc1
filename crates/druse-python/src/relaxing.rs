//! Relaxation.

use std::ops::ControlFlow;

use ::relax::{CellFreedom, Crystal as ToRelax, Method, Mode, Options, Rattle, RelaxError, Relaxation};
use crystal_core::{Composition, io};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::potentials::Potential;
use crate::structures::{Crystal, Plain, Row, structures_of, to_json};
use crate::task::run;

/// How structures are relaxed, as `druse relax` takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    free: bool,
    rattle: bool,
    seed: u64,
    fmax: f64,
    smax: f64,
    pressure: f64,
    cell: String,
    steps: i64,
    optimiser: String,
    symprec: f64,
}

impl Asked {
    fn options(&self) -> Result<Options, Failure> {
        let cell = match self.cell.as_str() {
            "free" => CellFreedom::Free,
            "constant-volume" => CellFreedom::ConstantVolume,
            "fixed" => CellFreedom::Fixed,
            other => return Err(Failure::request(format!("cell is '{other}'; give free, constant-volume or fixed"))),
        };
        let method = match self.optimiser.as_str() {
            "lbfgs" => Method::Lbfgs,
            "fire" => Method::Fire,
            other => return Err(Failure::request(format!("optimiser is '{other}'; give lbfgs or fire"))),
        };
        let steps = usize::try_from(self.steps).ok().filter(|steps| *steps > 0);
        let options = Options {
            mode: if self.free {
                Mode::Free { rattle: self.rattle.then(|| Rattle::with_seed(self.seed)) }
            } else {
                Mode::Symmetric { symprec: self.symprec }
            },
            cell,
            pressure_gpa: self.pressure,
            fmax: self.fmax,
            smax_gpa: self.smax,
            max_steps: steps.ok_or_else(|| Failure::request(format!("steps is {}; give 1 or more", self.steps)))?,
            method,
            ..Options::default()
        };
        options.check()?;
        Ok(options)
    }
}

#[derive(Serialize)]
struct Relaxed {
    #[serde(flatten)]
    crystal: Crystal,
    formula: String,
    energy_start_per_atom: f64,
    energy_per_atom: f64,
    volume_start_per_atom: f64,
    volume_per_atom: f64,
    steps: usize,
    converged: bool,
    max_force: f64,
    max_stress_gpa: f64,
    space_group_start: Option<u8>,
    space_group: Option<u8>,
    max_displacement: f64,
    rms_displacement: f64,
    strain: f64,
    cif: String,
}

impl Relaxed {
    fn of(index: usize, relaxation: &Relaxation) -> Self {
        let formula = Composition::of(&relaxation.structure).reduced().formula();
        let id = format!("{formula}_{index}");
        Self {
            crystal: Crystal::of(&relaxation.structure),
            energy_start_per_atom: relaxation.energy_start_per_atom,
            energy_per_atom: relaxation.energy_per_atom,
            volume_start_per_atom: relaxation.volume_start_per_atom,
            volume_per_atom: relaxation.volume_per_atom,
            steps: relaxation.steps,
            converged: relaxation.converged,
            max_force: relaxation.max_force,
            max_stress_gpa: relaxation.max_stress_gpa,
            space_group_start: relaxation.space_group_start.map(|group| group.get()),
            space_group: relaxation.space_group.map(|group| group.get()),
            max_displacement: relaxation.displacement.max,
            rms_displacement: relaxation.displacement.rms,
            strain: relaxation.displacement.strain,
            cif: match &relaxation.unit {
                Some(unit) => io::to_cif_symmetric(unit, &id),
                None => io::to_cif(&relaxation.structure, &id),
            },
            formula,
        }
    }
}

/// Relaxes each structure as the JSON asks; JSON.
#[pyfunction]
#[pyo3(signature = (potential, structures, asked, progress=None))]
pub(crate) fn relax(
    py: Python<'_>,
    potential: &Potential,
    structures: Vec<Plain>,
    asked: &str,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let asked: Asked = serde_json::from_str(asked).map_err(|error| Failure::of(crate::failure::REQUEST, &error))?;
    run(py, progress, |watch| {
        let (options, structures) = (asked.options()?, structures_of(structures)?);
        let total = structures.len();
        let mut rows: Vec<Option<Row<Relaxed>>> = Vec::new();
        rows.resize_with(total, || None);
        let mut done = 0.0;
        let inputs = structures.into_iter().map(ToRelax::from).enumerate();
        let keep = |index: usize, result: Result<Relaxation, RelaxError>| {
            let result = result.map(|relaxation| Relaxed::of(index, &relaxation));
            rows[index] = Some(result.map_err(|error| Failure::from(error).in_list(index, total)).into());
            done += 1.0;
            watch.tell(done, total as f64);
            if watch.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        ::relax::relax(&potential.until(watch), &options, inputs.collect::<Vec<_>>(), keep)?;
        to_json(&rows.into_iter().flatten().collect::<Vec<_>>())
    })
}
