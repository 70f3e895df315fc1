//! Structures as Python's plain numbers.

use std::path::{Path, PathBuf};

use crystal_core::io::{self, Entry, Format};
use crystal_core::{CrystalError, Lattice, Site, Structure};
use nalgebra::Vector3;
use pyo3::prelude::*;
use serde::Serialize;

use crate::failure::{Failure, STRUCTURE};

/// Lattice vectors as rows in Å, symbols of the elements, fractional coordinates.
pub(crate) type Plain = ([[f64; 3]; 3], Vec<String>, Vec<[f64; 3]>);

/// The structures of a list, as the readers of files accept them.
pub(crate) fn structures_of(list: Vec<Plain>) -> Result<Vec<Structure>, Failure> {
    of_list(list, Structure::new)
}

/// The structures of a list, in which atoms may stand at the same place: those are counted as invalid.
pub(crate) fn generated_structures(list: Vec<Plain>) -> Result<Vec<Structure>, Failure> {
    of_list(list, Structure::allowing_overlap)
}

/// The structure of plain numbers.
pub(crate) fn structure_of(plain: Plain) -> Result<Structure, Failure> {
    of_plain(plain, Structure::new)
}

type Make = fn(Lattice, Vec<Site>) -> Result<Structure, CrystalError>;

fn of_list(list: Vec<Plain>, make: Make) -> Result<Vec<Structure>, Failure> {
    let length = list.len();
    let all = list.into_iter().enumerate();
    all.map(|(index, plain)| of_plain(plain, make).map_err(|failure| failure.in_list(index, length))).collect()
}

fn of_plain((lattice, symbols, frac_coords): Plain, make: Make) -> Result<Structure, Failure> {
    if symbols.len() != frac_coords.len() {
        let (elements, points) = (symbols.len(), frac_coords.len());
        let message = format!("{elements} elements stand beside {points} coordinates; give one of each for every site");
        return Err(Failure { kind: STRUCTURE, message });
    }
    let site = |(symbol, point): (String, [f64; 3])| {
        Ok::<_, CrystalError>(Site { species: symbol.parse()?, frac_coords: Vector3::from(point) })
    };
    let sites = symbols.into_iter().zip(frac_coords).map(site).collect::<Result<Vec<Site>, CrystalError>>()?;
    Ok(make(Lattice::from_rows(lattice)?, sites)?)
}

/// A structure in a document.
#[derive(Debug, Serialize)]
pub(crate) struct Crystal {
    lattice: [[f64; 3]; 3],
    species: Vec<&'static str>,
    frac_coords: Vec<[f64; 3]>,
}

impl Crystal {
    pub(crate) fn of(structure: &Structure) -> Self {
        let sites = structure.sites();
        Self {
            lattice: structure.lattice().rows(),
            species: sites.iter().map(|site| site.species.symbol()).collect(),
            frac_coords: sites.iter().map(|site| site.frac_coords.into()).collect(),
        }
    }
}

/// A structure, or class and message of what is wrong with it.
#[derive(Debug, Serialize)]
pub(crate) struct Row<T> {
    #[serde(flatten)]
    result: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<(&'static str, String)>,
}

impl<T> From<Result<T, Failure>> for Row<T> {
    fn from(result: Result<T, Failure>) -> Self {
        match result {
            Ok(result) => Self { result: Some(result), failure: None },
            Err(Failure { kind, message }) => Self { result: None, failure: Some((kind, message)) },
        }
    }
}

/// A document as text.
pub(crate) fn to_json(document: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(document).map_err(|error| Failure::of("DruseError", &error))
}

#[derive(Serialize)]
struct Read {
    id: String,
    #[serde(flatten)]
    structure: Row<Crystal>,
    notes: Vec<String>,
}

fn read_entries(entries: Vec<Entry>) -> Result<String, Failure> {
    let read = |entry: Entry| Read {
        id: entry.id,
        structure: entry.structure.map(|structure| Crystal::of(&structure)).map_err(Failure::from).into(),
        notes: entry.notes.iter().map(ToString::to_string).collect(),
    };
    to_json(&entries.into_iter().map(read).collect::<Vec<_>>())
}

/// All structures of a file or folder, as JSON.
#[pyfunction]
pub(crate) fn read(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    Ok(py.detach(|| io::read_all(&path).map_err(Failure::from).and_then(read_entries))?)
}

/// The structures in a text of pymatgen's JSON, as JSON.
#[pyfunction]
pub(crate) fn parse(py: Python<'_>, text: &str) -> PyResult<String> {
    let entries = || io::read_bytes(text.as_bytes(), Format::PymatgenJson, Path::new("structure"));
    Ok(py.detach(|| read_entries(entries()))?)
}
