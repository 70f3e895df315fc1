//! Symmetry on real crystals: MP-20's test split and the golden structures.

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::catch_unwind;
use std::time::Instant;

use crystal_core::{
    CrystalError, Finder, Lattice, LatticeParameters, Reduction, Site, Species, Structure, find_symmetry,
};
use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;
use serde::Deserialize;
use test_support::robustness::{number, tell};
use test_support::{Crystal, GoldenSet, golden_tests, needs, shared};

use super::common::{finders, largest_gap};

struct Row {
    id: String,
    structure: Structure,
    /// spglib's space-group number at 0.1 Å and at 0.01 Å, where it is known.
    numbers: [Option<u8>; 2],
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().map(|x| x.parse().expect("a number")).collect()
}

fn structure(lattice: &[f64], species: &[&str], frac_coords: &[f64]) -> Structure {
    let lattice = Lattice::new(Matrix3::from_row_slice(lattice)).expect("a cell");
    let sites = species
        .iter()
        .zip(frac_coords.chunks_exact(3))
        .map(|(symbol, x)| Site {
            species: symbol.parse::<Species>().expect("an element"),
            frac_coords: Vector3::from_column_slice(x),
        })
        .collect();
    Structure::new(lattice, sites).expect("a structure")
}

fn mp_20_test_split() -> Vec<Row> {
    mp_20("test")
}

fn mp_20(split: &str) -> Vec<Row> {
    let path = shared(&format!("data/mp_20/{split}.csv.zst"));
    let decoder = zstd::Decoder::new(File::open(path).expect("a readable file")).expect("zstd data");
    let mut reader = csv::Reader::from_reader(decoder);
    let headers = reader.headers().expect("a header").clone();
    let column =
        |name: &str| headers.iter().position(|header| header == name).expect("the column that data/README.md names");
    let [id, coarse, fine, lattice, species, frac_coords] =
        ["material_id", "space_group_0.1", "space_group_0.01", "lattice", "species", "frac_coords"].map(column);
    let rows = reader.records().map(|record| {
        let record = record.expect("a row");
        Row {
            id: record[id].to_owned(),
            structure: structure(
                &numbers(&record[lattice]),
                &record[species].split_whitespace().collect::<Vec<_>>(),
                &numbers(&record[frac_coords]),
            ),
            numbers: [coarse, fine].map(|index| Some(record[index].parse().expect("a space group"))),
        }
    });
    rows.collect()
}

/// The Materials Project's structures of at most 20 atoms, with spglib's numbers.
fn materials_project() -> Vec<Row> {
    #[derive(Deserialize)]
    struct Line {
        id: String,
        space_group: u8,
        #[serde(rename = "space_group_0.01")]
        fine: Option<u8>,
        lattice: [[f64; 3]; 3],
        species: Vec<String>,
        frac_coords: Vec<[f64; 3]>,
    }
    let path = shared("data/novelty/mp_2024_07.jsonl.zst");
    let decoder = zstd::Decoder::new(File::open(path).expect("a readable file")).expect("zstd data");
    let lines = serde_json::Deserializer::from_reader(decoder).into_iter::<Line>();
    let row = |line: Result<Line, serde_json::Error>| {
        let line = line.expect("a structure");
        let species: Vec<&str> = line.species.iter().map(String::as_str).collect();
        Row {
            id: line.id,
            structure: structure(line.lattice.as_flattened(), &species, line.frac_coords.as_flattened()),
            numbers: [Some(line.space_group), Some(line.fine.unwrap_or(line.space_group))],
        }
    };
    lines.map(row).collect()
}

/// The paper's stable set: without numbers, which spglib gives where it is compiled in.
fn mp_stable(split: &str) -> Vec<Row> {
    let path = shared(&format!("data/mp_stable/{split}.csv.zst"));
    let decoder = zstd::Decoder::new(File::open(path).expect("a readable file")).expect("zstd data");
    let mut reader = csv::Reader::from_reader(decoder);
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.expect("a row");
        let [a, b, c, alpha, beta, gamma] = [1, 2, 3, 4, 5, 6].map(|column| record[column].parse().expect("a number"));
        let lattice = Lattice::from_parameters(LatticeParameters { a, b, c, alpha, beta, gamma }).expect("a cell");
        let rows = lattice.matrix().transpose();
        let species: Vec<&str> = record[7].split_whitespace().collect();
        let structure = structure(rows.as_slice(), &species, &numbers(&record[8]));
        Row { id: record[0].to_owned(), structure, numbers: [None; 2] }
    };
    reader.records().map(row).collect()
}

#[cfg(feature = "spglib")]
fn by_spglib(structure: &Structure, symprec: f64) -> Option<u8> {
    find_symmetry(structure, symprec, Finder::Spglib).ok().map(|found| found.number.get())
}

#[cfg(not(feature = "spglib"))]
fn by_spglib(_: &Structure, _: f64) -> Option<u8> {
    None
}

/// Every structure of the shared data at two tolerances (`DRUSE_SYMMETRY_EVERY`th of them, 200 by default): none makes
/// the finder panic, and it mostly agrees with spglib, whose numbers are stored or found. `DRUSE_SYMMETRY_LIST` names a
/// file for the structures on which the two differ.
#[needs(shared)]
#[test]
fn a_load_of_structures() {
    let every = usize::try_from(number("DRUSE_SYMMETRY_EVERY").unwrap_or(200).max(1)).expect("a step");
    let mut rows = materials_project();
    rows.extend(["train", "val", "test"].iter().flat_map(|split| mp_20(split)));
    rows.extend(["train", "test"].iter().flat_map(|split| mp_stable(split)));
    let rows: Vec<&Row> = rows.iter().step_by(every).collect();
    let mut list = String::from("symprec,id,moyo,spglib\n");
    for (column, symprec) in [(0, 0.1), (1, 0.01)] {
        let found: Vec<_> = rows
            .par_iter()
            .map(|row| {
                let found = catch_unwind(|| find_symmetry(&row.structure, symprec, Finder::Moyo));
                let found = found.map(|found| found.map(|found| found.number.get()).map_err(|error| error.to_string()));
                (*row, row.numbers[column].or_else(|| by_spglib(&row.structure, symprec)), found)
            })
            .collect();
        let (mut panics, mut refused, mut other, mut compared) = (0, 0, 0, 0);
        for (row, spglib, found) in &found {
            compared += usize::from(spglib.is_some());
            match found {
                Err(_) => panics += 1,
                Ok(Err(reason)) => {
                    refused += 1;
                    println!("{symprec} Å: {} refused: {reason}", row.id);
                }
                Ok(Ok(found)) => {
                    if let Some(spglib) = spglib.filter(|spglib| spglib != found) {
                        other += 1;
                        list += &format!("{symprec},{},{found},{spglib}\n", row.id);
                    }
                }
            }
        }
        assert!(panics == 0, "{panics} panics");
        assert!(other * 50 < rows.len(), "{other} of {} are not as spglib has them", rows.len());
        tell(
            &format!("symmetry at {symprec} Å"),
            &serde_json::json!({
                "structures": rows.len(),
                "panics": panics,
                "refused": refused,
                "compared_with_spglib": compared,
                "other_than_spglib": other,
            }),
            &format!(
                "{} structures: {panics} panics, {refused} refused; {other} of {compared} are not as spglib has them",
                rows.len()
            ),
        );
    }
    if let Some(path) = std::env::var_os("DRUSE_SYMMETRY_LIST") {
        std::fs::write(&path, list).expect("the list can be written");
    }
}

/// What came of one structure.
enum Outcome {
    Refused(String),
    RoundTrip { number: u8, gap: f64, displacement: f64, raised: Option<u8> },
}

/// Tolerance (Å) for an expansion, which is symmetric to rounding.
const TIGHT: f64 = 1e-4;

/// structure → reduced → expanded → reduced → expanded: the second expansion must be the first, brought into its frame.
/// Making a structure symmetric can bring it so close to a higher group that the same tolerance now reaches that one
/// (`raised`): then the way back is taken at a tolerance that fits what the expansion is.
fn round_trip(structure: &Structure, symprec: f64, finder: Finder) -> Result<Outcome, String> {
    let first = match Reduction::new(structure, symprec, finder) {
        Ok(first) => first,
        Err(error @ CrystalError::SymmetryNotFound { .. }) => return Ok(Outcome::Refused(error.to_string())),
        Err(error) => return Err(error.to_string()),
    };
    let expanded = first.unit.expand().map_err(|error| error.to_string())?;
    let reduce =
        |symprec| Reduction::new(&expanded, symprec, finder).map_err(|error| format!("second reduction: {error}"));
    let number = first.unit.space_group().number();
    let mut again = reduce(symprec)?;
    let mut raised = None;
    if again.unit.space_group().number() != number {
        raised = Some(again.unit.space_group().number().get());
        again = reduce(TIGHT)?;
    }
    let number_again = again.unit.space_group().number();
    if number != number_again {
        return Err(format!("group {number}, of its expansion {number_again}"));
    }
    if again.max_strain > 1e-8 {
        return Err(format!("group {number}: the lattice changed by {}", again.max_strain));
    }
    let gap = largest_gap(&expanded, &again).ok_or_else(|| format!("group {number}: atoms without partners"))?;
    Ok(Outcome::RoundTrip { number: number.get(), gap, displacement: first.max_displacement, raised })
}

#[needs(shared)]
#[test]
fn mp_20_makes_the_round_trip() {
    let all_rows = mp_20_test_split();
    for finder in finders() {
        for (column, symprec) in [(0, 0.1), (1, 0.01)] {
            // All structures once; samples where the same is shown again, or by spglib, which takes six times as long.
            let step = match (finder, column) {
                (Finder::Moyo, 0) => 1,
                (Finder::Moyo, _) => 4,
                #[cfg(feature = "spglib")]
                (Finder::Spglib, _) => 10,
            };
            let rows: Vec<&Row> = all_rows.iter().step_by(step).collect();
            let start = Instant::now();
            let outcomes: Vec<_> =
                rows.par_iter().map(|row| (*row, round_trip(&row.structure, symprec, finder))).collect();
            let seconds = start.elapsed().as_secs_f64();
            let (mut n_round_trips, mut n_same_number, mut n_refused, mut n_raised) = (0, 0, 0, 0);
            let (mut largest, mut farthest): (f64, f64) = (0.0, 0.0);
            let mut failures = Vec::new();
            for (row, outcome) in &outcomes {
                match outcome {
                    Ok(Outcome::Refused(reason)) => {
                        n_refused += 1;
                        println!("{finder:?} {symprec}: {} refused: {reason}", row.id);
                    }
                    Ok(Outcome::RoundTrip { number, gap, displacement, raised }) => {
                        if let Some(raised) = raised {
                            n_raised += 1;
                            println!(
                                "{finder:?} {symprec}: {}: group {number}, its expansion at this tolerance {raised}",
                                row.id
                            );
                        }
                        n_round_trips += 1;
                        n_same_number += usize::from(row.numbers[column] == Some(*number));
                        largest = largest.max(*gap);
                        farthest = farthest.max(*displacement);
                        if *gap > 1e-6 {
                            failures.push(format!("{}: {gap} Å", row.id));
                        }
                    }
                    Err(reason) => failures.push(format!("{}: {reason}", row.id)),
                }
            }
            println!(
                "{finder:?} at {symprec} Å: {n_round_trips} of {} round trips, largest gap {largest:.1e} Å, atoms moved by at most \
                 {farthest:.3} Å; {n_same_number} with the number of the data set; {n_refused} refused; \
                 {n_raised} expansions of higher symmetry; {seconds:.1} s",
                rows.len()
            );
            assert!(failures.is_empty(), "{finder:?} at {symprec} Å: {} failures: {failures:#?}", failures.len());
            assert!(
                n_raised * 200 <= rows.len(),
                "{finder:?} at {symprec} Å: {n_raised} expansions have another group"
            );
            assert!(n_refused * 200 <= rows.len(), "{finder:?} at {symprec} Å refused {n_refused}");
            assert!(n_same_number * 100 >= rows.len() * 98, "{finder:?} at {symprec} Å: {n_same_number} numbers agree");
        }
    }
}

/// Numbers of atoms by element and order of the orbit: independent of origin and setting.
fn orbit_sizes(elements: &[String], orbits: &[usize]) -> BTreeMap<(String, usize), usize> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (site, orbit) in orbits.iter().enumerate() {
        members.entry(*orbit).or_default().push(site);
    }
    let mut sizes = BTreeMap::new();
    for sites in members.values() {
        *sizes.entry((elements[sites[0]].clone(), sites.len())).or_default() += 1;
    }
    sizes
}

#[derive(Deserialize)]
struct GoldenStructure {
    id: String,
    #[serde(flatten)]
    crystal: Crystal,
    symmetry: BTreeMap<String, Option<GoldenSymmetry>>,
}

#[derive(Deserialize)]
struct GoldenSymmetry {
    number: Option<u8>,
    #[serde(default)]
    equivalent_atoms: Vec<usize>,
}

golden_tests!(symmetry_is_spglibs);

fn symmetry_is_spglibs(golden: GoldenSet) {
    let golden: Vec<GoldenStructure> = golden.read("structures");
    for finder in finders() {
        for symprec in ["0.01", "0.1"] {
            let (mut n_known, mut n_same, mut n_same_orbits) = (0, 0, 0);
            for entry in &golden {
                let Some(known) = &entry.symmetry[symprec] else { continue };
                let Some(number) = known.number else { continue };
                n_known += 1;
                let structure = entry.crystal.structure();
                match find_symmetry(&structure, symprec.parse().expect("a tolerance"), finder) {
                    Ok(report) if report.number.get() == number => {
                        n_same += 1;
                        let elements = &entry.crystal.species;
                        let same =
                            orbit_sizes(elements, &known.equivalent_atoms) == orbit_sizes(elements, &report.orbits);
                        n_same_orbits += usize::from(same);
                        if !same {
                            println!("{finder:?} {symprec}: {} ({number}): other orbits", entry.id);
                        }
                    }
                    Ok(report) => println!("{finder:?} {symprec}: {}: {} instead of {number}", entry.id, report.number),
                    Err(error) => println!("{finder:?} {symprec}: {}: {error}, known as {number}", entry.id),
                }
            }
            println!(
                "{finder:?} at {symprec} Å: {n_same} of {n_known} golden numbers, {n_same_orbits} with the same orbits"
            );
            assert_eq!(n_known, golden.len(), "every structure has a group");
            assert!(n_same * 100 >= n_known * 97, "{finder:?} at {symprec} Å: {n_same} of {n_known}");
            assert!(n_same_orbits * 100 >= n_same * 97, "{finder:?} at {symprec} Å: {n_same_orbits} of {n_same}");
        }
    }
}
