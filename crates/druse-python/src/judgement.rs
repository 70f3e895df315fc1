//! Symmetry, fingerprints, and sets of structures beside each other.

use std::sync::atomic::{AtomicUsize, Ordering};

use crystal_core::{Composition, Finder, Structure, find_symmetry};
use druse::{DeviceName, crystal_features};
use metrics::{Fingerprints, crystalnn_fingerprint, magpie_features};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::failure::Failure;
use crate::structures::{Plain, Row, generated_structures, structures_of, to_json};
use crate::task::{Watch, run};

/// Applies something to every structure in parallel. Ends early, with fewer results, if nobody waits for them.
fn of_each<T: Send>(structures: &[Structure], watch: &Watch, work: impl Fn(&Structure) -> T + Sync) -> Vec<T> {
    let (done, total) = (AtomicUsize::new(0), structures.len() as f64);
    let one = |structure| {
        let result = (!watch.is_stopped()).then(|| work(structure));
        watch.tell(done.fetch_add(1, Ordering::Relaxed) as f64 + 1.0, total);
        result
    };
    structures.par_iter().filter_map(one).collect()
}

/// Space group, Wyckoff letters, site symmetries and orbits of each structure, as JSON.
#[pyfunction]
pub(crate) fn symmetry(py: Python<'_>, structures: Vec<Plain>, symprec: f64) -> PyResult<String> {
    run(py, None, |watch| {
        let structures = structures_of(structures)?;
        let one = |structure: &Structure| {
            Row::from(find_symmetry(structure, symprec, Finder::default()).map_err(Failure::from))
        };
        to_json(&of_each(&structures, watch, one))
    })
}

/// A fingerprint, or class and message of why there is none.
type Vector = (Option<Vec<f64>>, Option<(&'static str, String)>);

/// Fingerprints by name: `crystalnn` (61 numbers) or `magpie` (132).
#[pyfunction]
#[pyo3(signature = (structures, kind, progress=None))]
pub(crate) fn fingerprint(
    py: Python<'_>,
    structures: Vec<Plain>,
    kind: &str,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Vector>> {
    feature_labels(kind)?;
    let vector = |structure: &Structure| -> Vector {
        if kind == "magpie" {
            return (Some(magpie_features(&Composition::of(structure)).to_vec()), None);
        }
        match crystalnn_fingerprint(structure).map_err(Failure::from) {
            Ok(found) => (Some(found.mean.to_vec()), None),
            Err(Failure { kind, message }) => (None, Some((kind, message))),
        }
    };
    run(py, progress, |watch| Ok(of_each(&structures_of(structures)?, watch, vector)))
}

/// Names of the numbers of a fingerprint.
#[pyfunction]
pub(crate) fn feature_labels(kind: &str) -> PyResult<Vec<String>> {
    match kind {
        "crystalnn" => Ok(metrics::feature_labels().to_vec()),
        "magpie" => Ok(metrics::magpie_labels().to_vec()),
        other => Err(Failure::request(format!("'{other}' is not a fingerprint; give crystalnn or magpie")).into()),
    }
}

/// Coverage, Fréchet and Wasserstein distances and validity of a set beside a reference set, as JSON.
#[pyfunction]
#[pyo3(signature = (generated, reference, device, progress=None))]
pub(crate) fn evaluate(
    py: Python<'_>,
    generated: Vec<Plain>,
    reference: Vec<Plain>,
    device: &str,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let device: DeviceName = device.parse().map_err(Failure::from)?;
    run(py, progress, |watch| {
        let device = device.open()?;
        let weights = crystal_features::load(None, &device)?;
        let sets = [generated_structures(generated), structures_of(reference)];
        let mut measured = Vec::new();
        for set in sets {
            let set = set?;
            let mut fingerprints = of_each(&set, watch, Fingerprints::of);
            if watch.is_stopped() {
                return Ok(String::new());
            }
            // What has no features lacks them in the result, too.
            let _ = crystal_features::add_features(&weights.model, &set, &mut fingerprints, |_| {});
            measured.push(fingerprints);
        }
        to_json(&metrics::evaluate(&measured[0], &measured[1])?)
    })
}
