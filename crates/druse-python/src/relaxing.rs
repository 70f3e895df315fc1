//! Relaxation.

use std::ops::ControlFlow;

use ::relax::{Crystal as ToRelax, Mode, Options, Rattle, RelaxError, Relaxation, RelaxedNumbers};
use crystal_core::Composition;
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
        let steps = usize::try_from(self.steps).ok().filter(|steps| *steps > 0);
        let options = Options {
            mode: if self.free {
                Mode::Free { rattle: self.rattle.then(|| Rattle::with_seed(self.seed)) }
            } else {
                Mode::Symmetric { symprec: self.symprec }
            },
            cell: self.cell.parse()?,
            pressure_gpa: self.pressure,
            fmax: self.fmax,
            smax_gpa: self.smax,
            max_steps: steps.ok_or_else(|| Failure::request(format!("steps is {}; give 1 or more", self.steps)))?,
            method: self.optimiser.parse()?,
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
    #[serde(flatten)]
    numbers: RelaxedNumbers,
    cif: String,
}

impl Relaxed {
    fn of(index: usize, relaxation: &Relaxation) -> Self {
        let formula = Composition::of(&relaxation.structure).reduced().formula();
        Self {
            crystal: Crystal::of(&relaxation.structure),
            numbers: relaxation.into(),
            cif: relaxation.to_cif(&format!("{formula}_{index}")),
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
