//! CGCNN's features beside the fingerprints: what FD CGCNN needs.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use cgcnn::{Cgcnn, CgcnnError, Weights, features_of};
use crystal_core::Structure;
use metrics::Fingerprints;

/// The weights that are used when none are named, with their name in messages; their model card lies beside them.
const SHIPPED: Option<(&str, &[u8])> = None;

/// What is said where there are no weights.
pub const NO_WEIGHTS: &str = "not computed; give --cgcnn-weights FILE";

/// Reads a file of weights onto a device, or the compiled-in ones; `None` if neither is there.
///
/// # Errors
/// [`CgcnnError`] (in the chain) if the file cannot be read or holds something else.
pub fn load(path: Option<&Path>, device: &Device) -> Result<Option<Weights>> {
    match (path, SHIPPED) {
        (Some(path), _) => Ok(Some(Weights::load(path, device)?)),
        (None, Some((name, content))) => Ok(Some(Weights::from_bytes(content, Path::new(name), device)?)),
        (None, None) => Ok(None),
    }
}

/// Puts the features of structures into their fingerprints. Returns the structures that have none, by index, with the reason. `progress` is told
/// how many more are done.
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
