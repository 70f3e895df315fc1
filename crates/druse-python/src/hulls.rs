//! Energies above the hull.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crystal_core::{Composition, Structure};
use potential::Potential as _;
use pyo3::prelude::*;
use serde::Serialize;
use stability::{Placed, ReferenceSet, Source, StabilityError, SystemName};

use crate::failure::Failure;
use crate::potentials::Potential;
use crate::structures::{Plain, Row, structures_of, to_json};
use crate::task::run;

/// Phases that structures are compared with.
#[pyclass(frozen)]
pub(crate) struct Reference {
    set: Arc<ReferenceSet>,
}

/// The place of a structure or of a phase of the set; only phases have ids.
#[derive(Serialize)]
struct Entry {
    id: String,
    #[serde(flatten)]
    placed: Placed,
}

/// The set that is compiled in takes a while to unpack, and is unpacked once.
fn shipped() -> Result<Arc<ReferenceSet>, Failure> {
    static SET: OnceLock<Arc<ReferenceSet>> = OnceLock::new();
    if let Some(set) = SET.get() {
        return Ok(Arc::clone(set));
    }
    let set = Arc::new(ReferenceSet::shipped()?);
    Ok(Arc::clone(SET.get_or_init(|| set)))
}

#[pymethods]
impl Reference {
    /// The set of a file, or the one that is compiled in.
    #[new]
    fn new(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Self> {
        run(py, None, |_| {
            let set = match path {
                Some(path) => Arc::new(ReferenceSet::read(&path)?),
                None => shipped()?,
            };
            Ok(Self { set })
        })
    }

    /// Name and SHA-256 of the potential, and SHA-256 of the set.
    fn identity(&self) -> (String, String, String) {
        let Source { name, sha256 } = self.set.potential().clone();
        (name, sha256, self.set.sha256().to_owned())
    }

    /// Where each structure lies against the hull, with energies of the potential; JSON.
    #[pyo3(signature = (potential, structures, progress=None))]
    fn place(
        &self,
        py: Python<'_>,
        potential: &Potential,
        structures: Vec<Plain>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let (name, sha256) = {
            let identity = potential.nequix.identity();
            (identity.name.clone(), identity.sha256.clone())
        };
        let source = Source { name, sha256 };
        run(py, progress, |watch| {
            self.set.check(&source)?;
            let structures = structures_of(structures)?;
            let total = structures.len();
            let energies = potential.until(watch).energies(&structures)?;
            let place = |structure: &Structure, energy: f64| {
                let placement = self.set.place(&source, structure, energy)?;
                let placed = Placed::candidate(&Composition::of(structure), &placement);
                Ok::<_, Failure>(Entry { id: String::new(), placed })
            };
            let row = |(index, (structure, energy)): (usize, (&Structure, Result<f64, _>))| {
                let placed = energy.map_err(Failure::from).and_then(|energy| place(structure, energy));
                Row::from(placed.map_err(|failure| failure.in_list(index, total)))
            };
            let rows: Vec<Row<Entry>> = structures.iter().zip(energies).enumerate().map(row).collect();
            watch.tell(total as f64, total as f64);
            to_json(&rows)
        })
    }

    /// The phases in a chemical system such as `Cu-Si-K`, with their places; JSON.
    fn phases(&self, py: Python<'_>, system: &str) -> PyResult<String> {
        let system: SystemName = system.parse().map_err(|error| Failure::of(crate::failure::REQUEST, &error))?;
        run(py, None, |_| {
            let hull = self.set.hull(system.elements().clone());
            // Says which elements have no end member before any phase is placed.
            let _ = hull.stable()?;
            let placed = hull.phases().iter().map(|phase| {
                let placement = hull.place_phase(phase)?;
                Ok(Entry { id: phase.id().to_owned(), placed: Placed::phase(phase, &placement) })
            });
            to_json(&placed.collect::<Result<Vec<Entry>, StabilityError>>()?)
        })
    }
}
