//! The potential: energies, forces and stress.

use std::path::PathBuf;

use crystal_core::{AsymmetricUnit, Species, Structure};
use druse::DeviceName;
use potential::{Evaluation, Identity, Nequix, PotentialError};
use pyo3::prelude::*;
use serde::Serialize;

use crate::failure::Failure;
use crate::structures::{Plain, Row, structures_of, to_json};
use crate::task::{Watch, run};

/// A potential on a device.
#[pyclass(frozen)]
pub(crate) struct Potential {
    // Python's objects lie at multiples of 16 bytes, tensors at multiples of 64.
    pub nequix: Box<Nequix>,
}

const _: () = assert!(align_of::<Potential>() <= 16);

#[derive(Serialize)]
struct Evaluated {
    energy: f64,
    forces: Vec<[f64; 3]>,
    stress: [[f64; 3]; 3],
}

impl From<Evaluation> for Evaluated {
    fn from(found: Evaluation) -> Self {
        let forces = found.forces.iter().map(|force| (*force).into()).collect();
        // Symmetric: columns are rows.
        Self { energy: found.energy, forces, stress: found.stress.into() }
    }
}

#[pymethods]
impl Potential {
    /// The potential of a file, or the one that is compiled in.
    #[new]
    #[pyo3(signature = (path, device))]
    fn new(py: Python<'_>, path: Option<PathBuf>, device: &str) -> PyResult<Self> {
        let device: DeviceName = device.parse().map_err(Failure::from)?;
        let nequix = run(py, None, |_| {
            let device = device.open()?;
            Ok(match path {
                Some(path) => Nequix::load(&path, &device)?,
                None => Nequix::bundled(&device)?,
            })
        })?;
        Ok(Self { nequix: Box::new(nequix) })
    }

    /// Name and SHA-256.
    fn identity(&self) -> (String, String) {
        let Identity { name, sha256 } = potential::Potential::identity(self.nequix.as_ref()).clone();
        (name, sha256)
    }

    /// Energy (eV), forces (eV/Å) and stress (eV/Å³, positive under tension) of each structure, as JSON.
    fn evaluate(&self, py: Python<'_>, structures: Vec<Plain>) -> PyResult<String> {
        run(py, None, |watch| {
            let structures = structures_of(structures)?;
            let found = potential::Potential::evaluate(&self.until(watch), &structures)?;
            let row = |found: Result<Evaluation, PotentialError>| {
                Row::from(found.map(Evaluated::from).map_err(Failure::from))
            };
            to_json(&found.into_iter().map(row).collect::<Vec<_>>())
        })
    }
}

impl Potential {
    /// The potential as long as somebody waits for the result.
    pub(crate) fn until<'a>(&'a self, watch: &'a Watch) -> Until<'a> {
        Until { nequix: &self.nequix, watch }
    }
}

/// A potential that fails once nobody waits for the result, between two calls of a size that keeps the device busy:
/// what uses it ends then.
#[derive(Debug)]
pub(crate) struct Until<'a> {
    nequix: &'a Nequix,
    watch: &'a Watch,
}

impl Until<'_> {
    fn by_parts<S, T>(
        &self,
        all: &[S],
        size: impl Fn(&S) -> usize,
        call: impl Fn(&[S]) -> Result<Vec<T>, PotentialError>,
    ) -> Result<Vec<T>, PotentialError> {
        let full = potential::Potential::full_call(self.nequix);
        let mut results = Vec::with_capacity(all.len());
        let mut rest = all;
        while !rest.is_empty() {
            if self.watch.is_stopped() {
                return Err(PotentialError::Device { reason: "it was told to stop".to_owned() });
            }
            let mut sites = 0;
            let fits = |one: &&S| {
                sites += size(one);
                sites <= full
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (part, others) = rest.split_at(count);
            results.extend(call(part)?);
            rest = others;
        }
        Ok(results)
    }
}

impl potential::Potential for Until<'_> {
    fn identity(&self) -> &Identity {
        self.nequix.identity()
    }

    fn elements(&self) -> &[Species] {
        self.nequix.elements()
    }

    fn full_call(&self) -> usize {
        self.nequix.full_call()
    }

    fn energies(&self, structures: &[Structure]) -> Result<Vec<Result<f64, PotentialError>>, PotentialError> {
        self.by_parts(structures, Structure::n_sites, |part| self.nequix.energies(part))
    }

    fn evaluate(&self, structures: &[Structure]) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
        self.by_parts(structures, Structure::n_sites, |part| self.nequix.evaluate(part))
    }

    fn evaluate_symmetric(
        &self,
        units: &[AsymmetricUnit],
    ) -> Result<Vec<Result<Evaluation, PotentialError>>, PotentialError> {
        self.by_parts(units, |unit| unit.sites().len(), |part| self.nequix.evaluate_symmetric(part))
    }
}
