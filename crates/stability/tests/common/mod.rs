//! What the tests share.
#![allow(dead_code, reason = "every test binary uses its own part of this module")]

use std::io::Read;

use crystal_core::whole;
use crystal_core::{Composition, Lattice, Site, Structure};
use nalgebra::Vector3;
use serde::de::DeserializeOwned;
use test_support::shared;

/// A JSON file of the shared data.
pub fn shared_json<T: DeserializeOwned>(path: &str) -> T {
    let text = std::fs::read_to_string(shared(path)).expect("a readable file");
    serde_json::from_str(&text).expect("the expected layout")
}

/// The text of a zstd-compressed file of the shared data.
pub fn shared_zst(path: &str) -> String {
    let file = std::fs::File::open(shared(path)).expect("a readable file");
    let mut text = String::new();
    zstd::Decoder::new(file).expect("a zstd frame").read_to_string(&mut text).expect("text");
    text
}

/// A row of MP-20.
pub struct Row {
    pub id: String,
    pub structure: Structure,
    pub formation_energy: f64,
    pub energy_above_hull: Option<f64>,
}

impl Row {
    pub fn composition(&self) -> Composition {
        Composition::of(&self.structure)
    }
}

/// The rows of a part of MP-20: train, val or test.
pub fn mp_20(part: &str) -> Vec<Row> {
    let text = shared_zst(&format!("data/mp_20/{part}.csv.zst"));
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let headers = table.headers().expect("a header").clone();
    let column = |name: &str| headers.iter().position(|header| header == name).expect("a column");
    let (id, lattice, species, coordinates) =
        (column("material_id"), column("lattice"), column("species"), column("frac_coords"));
    let (formation, above) = (column("formation_energy_per_atom"), column("e_above_hull"));
    let numbers =
        |text: &str| -> Vec<f64> { text.split_whitespace().map(|number| number.parse().expect("a number")).collect() };
    let row = |record: csv::StringRecord| {
        let rows: Vec<[f64; 3]> = numbers(&record[lattice]).chunks(3).map(|row| [row[0], row[1], row[2]]).collect();
        let places = numbers(&record[coordinates]);
        let sites = record[species].split_whitespace().zip(places.chunks(3)).map(|(symbol, place)| Site {
            species: symbol.parse().expect("a symbol"),
            frac_coords: Vector3::from_column_slice(place),
        });
        let lattice = Lattice::from_rows([rows[0], rows[1], rows[2]]).expect("a cell");
        Row {
            id: record[id].to_owned(),
            structure: Structure::new(lattice, sites.collect()).expect("a structure"),
            formation_energy: record[formation].parse().expect("an energy"),
            energy_above_hull: record[above].parse().ok(),
        }
    };
    table.records().map(|record| row(record.expect("a row"))).collect()
}

/// A composition from counts by symbol.
pub fn composition<'a>(counts: impl IntoIterator<Item = (&'a String, &'a f64)>) -> Composition {
    let count = |(symbol, count): (&String, &f64)| {
        assert_eq!(count.fract(), 0.0, "a whole number of {symbol}");
        (symbol.parse().expect("a symbol"), whole::compact(whole::count(*count)))
    };
    counts.into_iter().map(count).collect()
}
