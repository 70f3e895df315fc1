//! Phonons.

use crystal_core::Structure;
use nalgebra::Vector3;
use phonon::{Crystal, PhononError, Phonons, Settings, compute};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::potentials::Potential;
use crate::structures::{Plain, Row, structures_of, to_json};
use crate::task::run;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    supercell: Option<[usize; 3]>,
    qpoints: Vec<[f64; 3]>,
    displacement: f64,
    symprec: f64,
}

#[derive(Serialize)]
struct Found {
    supercell: [usize; 3],
    n_displacements: usize,
    qpoints: Vec<[f64; 3]>,
    frequencies_thz: Vec<Vec<f64>>,
    min_frequency_thz: f64,
    dynamically_stable: bool,
    threshold_thz: f64,
    mesh: [usize; 3],
    residual_force: f64,
    warnings: Vec<String>,
}

impl Found {
    fn of(phonons: &Phonons, qpoints: &[[f64; 3]]) -> Result<Self, PhononError> {
        let stability = phonons.stability(&phonons.on_mesh()?);
        let at = |qpoint: &[f64; 3]| phonons.frequencies(&phonons.crystal().qpoint_of_input(&Vector3::from(*qpoint)));
        Ok(Self {
            supercell: phonons.supercell().multiples(),
            n_displacements: phonons.displacements().len(),
            qpoints: qpoints.to_vec(),
            frequencies_thz: qpoints.iter().map(at).collect(),
            min_frequency_thz: stability.min_frequency_thz,
            dynamically_stable: stability.dynamically_stable,
            threshold_thz: stability.threshold_thz,
            mesh: stability.mesh,
            residual_force: phonons.residual_force(),
            warnings: phonons.warnings().iter().map(ToString::to_string).collect(),
        })
    }
}

/// Phonons of each structure as the JSON asks; JSON.
#[pyfunction]
#[pyo3(signature = (potential, structures, asked, progress=None))]
pub(crate) fn phonons(
    py: Python<'_>,
    potential: &Potential,
    structures: Vec<Plain>,
    asked: &str,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let Asked { supercell, qpoints, displacement, symprec } =
        serde_json::from_str(asked).map_err(|error| Failure::of(crate::failure::REQUEST, &error))?;
    if qpoints.iter().flatten().any(|x| !x.is_finite()) {
        return Err(Failure::request("a wave vector is not three finite numbers").into());
    }
    let settings = Settings { supercell, displacement, symprec, ..Settings::default() };
    run(py, progress, |watch| {
        settings.check()?;
        let structures = structures_of(structures)?;
        let one = |structure: &Structure| {
            let crystal = Crystal::from_structure(structure, symprec)?;
            let phonons = compute(&potential.until(watch), vec![crystal], &settings)?;
            Found::of(&phonons.into_iter().next().expect("one crystal was given")?, &qpoints)
        };
        let mut rows: Vec<Row<Found>> = Vec::with_capacity(structures.len());
        for (index, structure) in structures.iter().enumerate() {
            rows.push(match one(structure) {
                Err(error @ PhononError::Device(_)) => return Err(error.into()),
                result => result.map_err(|error| Failure::from(error).in_list(index, structures.len())).into(),
            });
            watch.tell(index as f64 + 1.0, structures.len() as f64);
        }
        to_json(&rows)
    })
}
