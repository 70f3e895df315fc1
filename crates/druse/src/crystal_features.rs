//! CGCNN's features beside the fingerprints: what FD CGCNN needs.

use std::path::Path;

use burn::tensor::Device;
use cgcnn::{Cgcnn, CgcnnError, Weights, features_of};
use crystal_core::Structure;
use metrics::Fingerprints;

/// The weights that are used when none are named; their model card lies beside them.
const SHIPPED: &[u8] = include_bytes!("../assets/weights/cgcnn-mp20.safetensors");
/// Their name in messages.
const SHIPPED_NAME: &str = "assets/weights/cgcnn-mp20.safetensors";

/// Reads a file of weights onto a device, or the compiled-in ones.
///
/// # Errors
/// [`CgcnnError`] if the file cannot be read or holds something else.
pub fn load(path: Option<&Path>, device: &Device) -> Result<Weights, CgcnnError> {
    match path {
        Some(path) => Weights::load(path, device),
        None => Weights::from_bytes(SHIPPED, Path::new(SHIPPED_NAME), device),
    }
}

/// Puts the features of structures into their fingerprints. Returns the structures that have none, by index, with the
/// reason. `progress` is told how many more are done.
///
/// # Panics
/// If there are not as many fingerprints as structures.
pub fn add_features(
    model: &Cgcnn,
    structures: &[Structure],
    fingerprints: &mut [Fingerprints],
    progress: impl FnMut(usize),
) -> Vec<(usize, CgcnnError)> {
    assert_eq!(structures.len(), fingerprints.len(), "one fingerprint for each structure");
    let mut lost = Vec::new();
    for (index, features) in features_of(model, structures, progress).into_iter().enumerate() {
        match features {
            Ok(features) => fingerprints[index].cgcnn = Some(features.features.into_iter().map(f64::from).collect()),
            Err(error) => lost.push((index, error)),
        }
    }
    lost
}
