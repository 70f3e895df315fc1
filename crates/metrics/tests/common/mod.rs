//! Reading the golden values.

#![allow(dead_code, reason = "each test file uses a part of this module")]

use std::fs::File;
use std::path::PathBuf;

use crystal_core::{Lattice, Site, Structure};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The folder of shared data, or `None` with a message.
pub fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("DRUSE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    if folder.join("golden").is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} has no folder 'golden'", folder.display());
    None
}

/// A gzipped JSON file of golden values; `None` if the folder is missing.
pub fn golden<T: DeserializeOwned>(name: &str) -> Option<T> {
    let path = shared()?.join("golden").join(name);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_reader(GzDecoder::new(file)).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// A crystal as the golden files write it.
#[derive(Deserialize)]
pub struct Crystal {
    pub lattice: [[f64; 3]; 3],
    pub species: Vec<String>,
    pub frac: Vec<[f64; 3]>,
}

impl Crystal {
    pub fn structure(&self) -> Structure {
        let sites = self
            .species
            .iter()
            .zip(&self.frac)
            .map(|(symbol, frac)| Site { species: symbol.parse().expect("an element"), frac_coords: (*frac).into() })
            .collect();
        Structure::new(Lattice::from_rows(self.lattice).expect("a cell"), sites).expect("a structure")
    }
}

/// Largest difference between two lists of numbers.
pub fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}
