//! Files of real crystals: what `to_cif_symmetric` writes, read back, is the expansion of the asymmetric unit.

use std::fs::File;
use std::path::Path;

use crystal_core::io::{self, Format};
use crystal_core::{AsymmetricUnit, Finder, Lattice, Site, Structure};
use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;

use test_support::{needs, shared};

/// Every fifth structure is enough to meet all crystal systems and keeps the test short.
const STRIDE: usize = 5;

/// The largest distance (Å) of an atom of `found` from its partner in `expected`; `None` if they are not one to one.
fn largest_gap(found: &Structure, expected: &Structure) -> Option<f64> {
    let mut free = vec![true; expected.n_sites()];
    let mut largest: f64 = 0.0;
    for site in found.sites() {
        let same = expected.sites().iter().enumerate().filter(|(_, other)| other.species == site.species);
        let distance = |other: &Site| expected.lattice().min_image_distance(&site.frac_coords, &other.frac_coords);
        let (gap, partner) = same.map(|(index, other)| (distance(other), index)).min_by(|a, b| a.0.total_cmp(&b.0))?;
        largest = largest.max(gap);
        free[partner] = false;
    }
    (found.n_sites() == expected.n_sites() && free.iter().all(|free| !free)).then_some(largest)
}

#[needs(shared)]
#[test]
fn symmetric_cifs_of_mp_20_are_their_expansions() {
    let path = shared("data/mp_20/test.csv.zst");
    let decoder = zstd::Decoder::new(File::open(path).expect("a readable file")).expect("zstd data");
    let mut reader = csv::Reader::from_reader(decoder);
    let headers = reader.headers().expect("a header").clone();
    let column =
        |name: &str| headers.iter().position(|header| header == name).expect("the column that data/README.md names");
    let [id, lattice, species, frac_coords] = ["material_id", "lattice", "species", "frac_coords"].map(column);
    let rows: Vec<csv::StringRecord> = reader.records().step_by(STRIDE).map(|row| row.expect("a row")).collect();
    let numbers = |text: &str| text.split_whitespace().map(|x| x.parse().expect("a number")).collect::<Vec<f64>>();
    let compared = rows.par_iter().filter(|row| {
        let sites = row[species]
            .split_whitespace()
            .zip(numbers(&row[frac_coords]).chunks_exact(3).map(Vector3::from_column_slice).collect::<Vec<_>>());
        let sites =
            sites.map(|(symbol, frac_coords)| Site { species: symbol.parse().expect("an element"), frac_coords });
        let cell = Lattice::new(Matrix3::from_row_slice(&numbers(&row[lattice]))).expect("a cell");
        let structure = Structure::new(cell, sites.collect()).expect("a structure");
        // What the finder refuses is the matter of the symmetry tests.
        let Ok(unit) = AsymmetricUnit::from_structure(&structure, 0.01, Finder::Moyo) else { return false };
        let expected = unit.expand_conventional().expect("an expansion");
        let text = io::to_cif_symmetric(&unit, &row[id]);
        let found = io::read_bytes(text.as_bytes(), Format::Cif, Path::new("a.cif")).remove(0).structure;
        let found = found.unwrap_or_else(|error| panic!("{}: {error}\n{text}", &row[id]));
        let gap = largest_gap(&found, &expected).unwrap_or_else(|| panic!("{} has other atoms:\n{text}", &row[id]));
        assert!(gap < 1e-6, "{}: {gap} Å\n{text}", &row[id]);
        true
    });
    let compared = compared.count();
    assert!(compared * 100 >= rows.len() * 99, "only {compared} of {} structures were compared", rows.len());
}
