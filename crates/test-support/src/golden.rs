//! Golden values: what pymatgen, matminer, smact, spglib and scipy compute.

use std::fs::File;
use std::path::{Path, PathBuf};

use crystal_core::{Lattice, Site, Structure};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::shared;

/// Which golden values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoldenSet {
    /// `tests/golden` of the workspace: 40 structures of MP-20.
    Committed,
    /// `golden` of the shared data: more structures, made-up and awkward ones among them.
    Shared,
}

impl GoldenSet {
    /// The file of this name, which is gzipped JSON; both sets have the same files and fields.
    ///
    /// # Panics
    /// If the file is missing or is not what the caller takes it for.
    pub fn read<T: DeserializeOwned>(self, name: &str) -> T {
        let path = self.folder().join(format!("{name}.json.gz"));
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_reader(GzDecoder::new(file)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The smallest count of compared things that a test may pass with.
    pub fn at_least(self, committed: usize, shared: usize) -> usize {
        match self {
            Self::Committed => committed,
            Self::Shared => shared,
        }
    }

    fn folder(self) -> PathBuf {
        match self {
            Self::Committed => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden"),
            Self::Shared => shared("golden"),
        }
    }
}

/// A crystal as the golden files hold it.
#[derive(Debug, Clone, Deserialize)]
pub struct Crystal {
    /// Lattice vectors as rows, Å.
    pub lattice: [[f64; 3]; 3],
    /// Element symbols.
    pub species: Vec<String>,
    /// Fractional coordinates.
    pub frac: Vec<[f64; 3]>,
}

impl Crystal {
    /// The structure.
    ///
    /// # Panics
    /// If these are not a cell, elements and as many coordinates.
    pub fn structure(&self) -> Structure {
        assert_eq!(self.species.len(), self.frac.len(), "each atom has an element and a position");
        let site = |(symbol, frac): (&String, &[f64; 3])| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: (*frac).into(),
        };
        let sites = self.species.iter().zip(&self.frac).map(site).collect();
        // Golden values are of generated structures as well, whose atoms may be anywhere.
        Structure::allowing_overlap(Lattice::from_rows(self.lattice).expect("a cell"), sites).expect("a structure")
    }
}
