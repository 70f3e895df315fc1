//! The native half of the Python package `druse`: plain numbers and JSON in and out. What Python's users see, with the
//! conversions to pymatgen, ASE and pandas, is in `python/druse`.
//!
//! Work runs on a second thread without the interpreter's lock, while the calling thread asks for signals and tells
//! the progress (`task`); errors become the exceptions of `druse.errors` with the messages of the command
//! (`failure`).

mod failure;
mod hulls;
mod judgement;
mod matching;
mod phonons;
mod potentials;
mod relaxing;
mod sampling;
mod structures;
mod task;

use pyo3::prelude::*;

/// The `druse` command with the given arguments, of which the first is the program; returns its exit status.
#[pyfunction]
fn command(py: Python<'_>, arguments: Vec<std::ffi::OsString>) -> u8 {
    py.detach(|| druse_cli::run(arguments))
}

/// The module `druse._druse`.
#[pymodule]
fn _druse(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<sampling::Model>()?;
    module.add_class::<potentials::Potential>()?;
    module.add_class::<hulls::Reference>()?;
    module.add_function(wrap_pyfunction!(command, module)?)?;
    module.add_function(wrap_pyfunction!(structures::read, module)?)?;
    module.add_function(wrap_pyfunction!(structures::parse, module)?)?;
    module.add_function(wrap_pyfunction!(judgement::symmetry, module)?)?;
    module.add_function(wrap_pyfunction!(judgement::fingerprint, module)?)?;
    module.add_function(wrap_pyfunction!(judgement::feature_labels, module)?)?;
    module.add_function(wrap_pyfunction!(judgement::evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(relaxing::relax, module)?)?;
    module.add_function(wrap_pyfunction!(phonons::phonons, module)?)?;
    module.add_function(wrap_pyfunction!(matching::match_pairs, module)?)?;
    module.add_function(wrap_pyfunction!(matching::first_equal, module)?)
}
