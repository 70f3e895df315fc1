//! Which structures are the same.

use metrics::StructureMatcher;
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::structures::{Plain, structures_of};
use crate::task::run;

/// `ltol`, `stol`, `angle_tol`.
type Tolerances = (f64, f64, f64);

fn matcher((ltol, stol, angle_tol): Tolerances) -> StructureMatcher {
    StructureMatcher { ltol, stol, angle_tol }
}

/// What became of a pair: whether they are the same in the sense of `fit`, root mean square and largest distance if
/// they are in that of `get_rms_dist`; only one of the two is asked for.
type Pair = (bool, Option<(f64, f64)>);

/// Compares the first of `a` with the first of `b`, and so on; `distances`: as `get_rms_dist`, else as `fit`.
#[pyfunction]
pub(crate) fn match_pairs(
    py: Python<'_>,
    a: Vec<Plain>,
    b: Vec<Plain>,
    tolerances: Tolerances,
    distances: bool,
) -> PyResult<Vec<Pair>> {
    let matcher = matcher(tolerances);
    run(py, None, |watch| {
        let (a, b) = (structures_of(a)?, structures_of(b)?);
        let compare = |(a, b)| {
            if watch.is_stopped() {
                return Ok((false, None));
            }
            if !distances {
                return Ok((matcher.fit(a, b)?, None));
            }
            let found = matcher.rms(a, b)?;
            Ok((found.is_some(), found.map(|found| (found.rms, found.max))))
        };
        a.par_iter().zip(&b).map(compare).collect()
    })
}

/// For each structure the index of the first that it equals; its own where it is the first of its kind, and where it
/// cannot be compared.
#[pyfunction]
pub(crate) fn first_equal(py: Python<'_>, structures: Vec<Plain>, tolerances: Tolerances) -> PyResult<Vec<usize>> {
    let matcher = matcher(tolerances);
    run(py, None, |_| {
        let first = matcher.unique(&structures_of(structures)?)?;
        Ok(first.into_iter().enumerate().map(|(own, first)| first.unwrap_or(own)).collect())
    })
}
