//! Data that lie outside the workspace: data sets, published weights, the large golden set.

use std::env;
use std::path::{Path, PathBuf};

/// A file or folder of the shared data: below `DRUSE_SHARED`, else below `../shared` beside the workspace.
///
/// Tests that call it stand under `#[needs(shared)]`.
///
/// # Panics
/// If it is not there.
pub fn shared(path: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let found = env::var_os("DRUSE_SHARED").map_or_else(beside, PathBuf::from).join(path);
    assert!(found.exists(), "there is no {}; set DRUSE_SHARED to the folder of the shared data", found.display());
    found
}
