//! Data that lie beside the workspace and not in it: golden values, data sets, published weights.

use std::fs::File;
use std::path::PathBuf;

use crystal_core::{Lattice, Site, Structure};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A structure as the golden files hold it.
#[derive(Deserialize)]
pub struct Crystal {
    /// Lattice vectors in Å.
    lattice: [[f64; 3]; 3],
    /// Element symbols.
    species: Vec<String>,
    /// Fractional coordinates.
    frac: Vec<[f64; 3]>,
}

impl Crystal {
    /// The structure.
    ///
    /// # Panics
    /// If the file is not what it was.
    pub fn structure(&self) -> Structure {
        let site = |(symbol, frac): (&String, &[f64; 3])| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: (*frac).into(),
        };
        let sites = self.species.iter().zip(&self.frac).map(site).collect();
        Structure::new(Lattice::from_rows(self.lattice).expect("a cell"), sites).expect("a structure")
    }
}

/// A file below the folder of shared data, `DRUSE_SHARED` or else `../shared`; `None` with a message that the test is skipped.
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let path = std::env::var_os("DRUSE_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// A file of golden values; `None` as for [`shared`].
///
/// # Panics
/// If the file is not what it was.
pub fn golden<T: DeserializeOwned>(name: &str) -> Option<T> {
    let path = shared(&format!("golden/{name}"))?;
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_reader(GzDecoder::new(file)).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
