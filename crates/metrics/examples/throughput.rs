//! Fingerprints per second on one core and on all: `cargo run --release -p druse-metrics --example throughput --
//! mp_20/test.csv.zst [LIMIT]`.
//!
//! Reads the columns `lattice` (9 numbers, rows, Å), `species` and `frac_coords` of a CSV file, zstd-compressed or
//! plain. RAYON_NUM_THREADS sets the number of threads of the second measurement.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::time::Instant;

use crystal_core::{Lattice, Site, Structure};
use metrics::{Fingerprints, fingerprints};

fn numbers(text: &str) -> Result<Vec<f64>, std::num::ParseFloatError> {
    text.split_whitespace().map(str::parse).collect()
}

fn read(path: &str) -> Result<Vec<Structure>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let input: Box<dyn Read> =
        if path.ends_with(".zst") { Box::new(zstd::Decoder::new(file)?) } else { Box::new(file) };
    let mut reader = csv::Reader::from_reader(input);
    let headers = reader.headers()?.clone();
    let column =
        |name: &str| headers.iter().position(|header| header == name).ok_or(format!("{path} has no column '{name}'"));
    let (lattice, species, frac_coords) = (column("lattice")?, column("species")?, column("frac_coords")?);
    let mut structures = Vec::new();
    for record in reader.records() {
        let record = record?;
        let rows = numbers(&record[lattice])?;
        let [a, b, c] = [0, 3, 6].map(|first| <[f64; 3]>::try_from(&rows[first..first + 3]));
        let coordinates = numbers(&record[frac_coords])?;
        let sites = record[species]
            .split_whitespace()
            .zip(coordinates.chunks_exact(3))
            .map(|(symbol, frac)| {
                Ok(Site { species: symbol.parse()?, frac_coords: nalgebra::Vector3::from_column_slice(frac) })
            })
            .collect::<Result<_, crystal_core::CrystalError>>()?;
        structures.push(Structure::new(Lattice::from_rows([a?, b?, c?])?, sites)?);
    }
    Ok(structures)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: throughput FILE.csv[.zst] [LIMIT]")?;
    let limit: usize = arguments.next().map_or(Ok(usize::MAX), |limit| limit.parse())?;
    let mut structures = read(&path)?;
    structures.truncate(limit);
    let n_sites: usize = structures.iter().map(Structure::n_sites).sum();
    println!("{} structures, {:.1} sites on average", structures.len(), n_sites as f64 / structures.len() as f64);

    let start = Instant::now();
    let crystalnn = structures.iter().filter(|structure| metrics::crystalnn_fingerprint(structure).is_ok()).count();
    report("CrystalNN alone, one core", structures.len(), start);
    let start = Instant::now();
    let serial: Vec<_> = structures.iter().map(Fingerprints::of).collect();
    report("all fingerprints, one core", structures.len(), start);
    let start = Instant::now();
    let parallel = fingerprints(&structures, &|_| {});
    report("all fingerprints, rayon", structures.len(), start);
    let same = serial.iter().zip(&parallel).all(|(a, b)| a == b);
    println!("{crystalnn} have a CrystalNN vector; one core and all cores agree: {same}");
    for (index, found) in parallel.iter().enumerate() {
        if let Some(error) = &found.error {
            println!("structure {index}: {error}");
        }
    }
    Ok(())
}

fn report(what: &str, n_structures: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{what}: {seconds:.2} s, {:.0} structures/s, {:.3} ms each",
        n_structures as f64 / seconds,
        1e3 * seconds / n_structures as f64
    );
}
