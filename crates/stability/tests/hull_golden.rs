//! Hulls against golden values from exact rational arithmetic and pymatgen.

mod common;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use approx::assert_abs_diff_eq;
use crystal_core::Species;
use serde::Deserialize;
use stability::{Decomposition, Fractions, Hull, Phase, StabilityError};
use test_support::needs;

const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    entries: HashMap<String, Cell>,
    systems: Vec<System>,
    synthetic: Vec<Synthetic>,
    errors: Vec<Failing>,
}

#[derive(Deserialize)]
struct Cell {
    composition: BTreeMap<String, f64>,
    energy: Option<f64>,
}

#[derive(Deserialize)]
struct Part {
    id: String,
    fraction: f64,
}

#[derive(Deserialize)]
struct Expected {
    e_above_hull: Option<f64>,
    hull_energy_per_atom: Option<f64>,
    formation_energy_per_atom: Option<f64>,
    decomposition: Vec<Part>,
    unique: bool,
}

#[derive(Deserialize)]
struct System {
    id: String,
    elements: Vec<Species>,
    entries: usize,
    refs: Vec<String>,
    composition: BTreeMap<String, f64>,
    energy: f64,
    without_self: Expected,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    #[serde(flatten)]
    cell: Cell,
}

#[derive(Deserialize)]
struct Query {
    label: String,
    expect: Expected,
    #[serde(flatten)]
    cell: Cell,
}

#[derive(Deserialize)]
struct Synthetic {
    name: String,
    elements: Vec<Species>,
    entries: Vec<Named>,
    queries: Vec<Query>,
}

#[derive(Deserialize)]
struct Failing {
    name: String,
    error: String,
    #[serde(default)]
    missing: Vec<Species>,
    elements: Vec<Species>,
    entries: Vec<Named>,
    query: Cell,
}

fn atoms(cell: &Cell) -> f64 {
    cell.composition.values().sum()
}

fn fractions(cell: &Cell) -> Result<Fractions, StabilityError> {
    Fractions::from_amounts(
        cell.composition.iter().map(|(symbol, amount)| (symbol.parse().expect("a symbol"), *amount)),
    )
}

fn phase(id: &str, cell: &Cell) -> Arc<Phase> {
    let energy = cell.energy.expect("an energy") / atoms(cell);
    Arc::new(Phase::new(id, &common::composition(&cell.composition), energy).expect("a phase"))
}

fn hull(elements: &[Species], entries: &[Named]) -> Hull {
    Hull::new(elements.iter().copied(), entries.iter().map(|entry| phase(&entry.id, &entry.cell)))
}

/// The fractions give the composition and the energy; where the decomposition is unique, it is the golden one.
fn check_decomposition(what: &str, query: &Fractions, found: &Decomposition, expected: &Expected) {
    let total: f64 = found.parts.iter().map(|part| part.fraction).sum();
    assert_abs_diff_eq!(total, 1.0, epsilon = 1e-12);
    for (element, fraction) in query.iter() {
        let of_part = |part: &stability::Part| {
            part.fraction * Fractions::of(part.phase.composition()).expect("a composition").of_element(element)
        };
        let sum: f64 = found.parts.iter().map(of_part).sum();
        assert!((sum - fraction).abs() < 1e-11, "{what}: {element} {sum} {fraction}");
    }
    let energy: f64 = found.parts.iter().map(|part| part.fraction * part.phase.energy_per_atom()).sum();
    assert!((energy - found.energy_per_atom).abs() < TOLERANCE, "{what}: the parts give {energy}");
    if expected.unique {
        assert_eq!(found.parts.len(), expected.decomposition.len(), "{what}");
        for part in &expected.decomposition {
            let same = found.parts.iter().find(|found| found.phase.id() == part.id);
            let same = same.unwrap_or_else(|| panic!("{what}: {} is missing", part.id));
            assert!((same.fraction - part.fraction).abs() < TOLERANCE, "{what}: {}", part.id);
        }
    }
}

fn check(what: &str, hull: &Hull, cell: &Cell, expected: &Expected) {
    let query = fractions(cell).expect("a composition");
    let Some(energy) = cell.energy.map(|energy| energy / atoms(cell)) else {
        let found = hull.decompose(&query).unwrap_or_else(|error| panic!("{what}: {error}"));
        check_decomposition(what, &query, &found, expected);
        assert_abs_diff_eq!(
            found.energy_per_atom,
            expected.hull_energy_per_atom.expect("a level"),
            epsilon = TOLERANCE
        );
        return;
    };
    let found = hull.place(&query, energy).unwrap_or_else(|error| panic!("{what}: {error}"));
    check_decomposition(what, &query, &found.decomposition, expected);
    let above = expected.e_above_hull.expect("an energy above the hull");
    assert!((found.energy_above_hull - above).abs() < TOLERANCE, "{what}: {} {above}", found.energy_above_hull);
    if let Some(formation) = expected.formation_energy_per_atom {
        assert!((found.formation_energy_per_atom - formation).abs() < TOLERANCE, "{what}");
    }
}

fn golden() -> Golden {
    common::shared_json("golden/hull-golden.json")
}

#[needs(shared)]
#[test]
fn compositions_of_mp_20() {
    let golden = golden();
    assert_eq!(golden.systems.len(), 150);
    for system in &golden.systems {
        let listed = golden.entries.iter().filter(|(id, cell)| {
            let within =
                cell.composition.keys().all(|symbol| system.elements.iter().any(|element| element.symbol() == symbol));
            within && (!id.starts_with("ref-") || system.refs.contains(id))
        });
        let hull = Hull::new(system.elements.iter().copied(), listed.map(|(id, cell)| phase(id, cell)));
        assert_eq!(hull.phases().len(), system.entries, "{}", system.id);
        let cell = Cell { composition: system.composition.clone(), energy: Some(system.energy) };
        check(&system.id, &hull, &cell, &system.expected);
        check(&format!("{} without itself", system.id), &hull.without(&[&system.id]), &cell, &system.without_self);
    }
}

#[needs(shared)]
#[test]
fn synthetic_systems() {
    let golden = golden();
    assert_eq!(golden.synthetic.len(), 9);
    for system in &golden.synthetic {
        let hull = hull(&system.elements, &system.entries);
        for query in &system.queries {
            check(&format!("{}, {}", system.name, query.label), &hull, &query.cell, &query.expect);
        }
    }
}

#[needs(shared)]
#[test]
fn failures_are_named() {
    let golden = golden();
    assert_eq!(golden.errors.len(), 4);
    for failing in &golden.errors {
        let hull = hull(&failing.elements, &failing.entries);
        let error = fractions(&failing.query).and_then(|query| hull.decompose(&query)).expect_err(&failing.name);
        match (failing.error.as_str(), error) {
            ("missing_end_member", StabilityError::MissingEndMember { missing }) => {
                let mut expected = failing.missing.clone();
                expected.sort();
                assert_eq!(missing, expected, "{}", failing.name);
            }
            ("empty_composition", StabilityError::EmptyComposition) => {}
            (expected, error) => panic!("{}: {error:?} where {expected} is expected", failing.name),
        }
    }
}

/// Hulls of relaxed crystals by the potential, without corrections; pymatgen placed them.
#[needs(shared)]
#[test]
fn hulls_of_the_potential() {
    #[derive(Deserialize)]
    struct Structure {
        id: String,
        numbers: Vec<i64>,
        energy_per_atom: f64,
        formation_energy_per_atom: f64,
        e_above_hull: f64,
        decomposition: HashMap<String, f64>,
    }
    #[derive(Deserialize)]
    struct System {
        structures: Vec<Structure>,
        stable: Vec<String>,
    }
    let systems = common::shared_json::<HashMap<String, System>>("golden/potential/hull_nequix-oam-1-pft.json");
    for (name, system) in systems {
        let elements = name.split(' ').map(|symbol| symbol.parse::<Species>().expect("a symbol"));
        let phases = system.structures.iter().map(|structure| {
            let atoms =
                structure.numbers.iter().map(|number| Species::from_atomic_number(*number).expect("an element"));
            Arc::new(Phase::new(structure.id.clone(), &atoms.collect(), structure.energy_per_atom).expect("a phase"))
        });
        let hull = Hull::new(elements, phases);
        for structure in &system.structures {
            let phase = hull.phases().iter().find(|phase| phase.id() == structure.id).expect("a phase");
            let placement = hull.place_phase(phase).expect("a place");
            // pymatgen works with a tolerance of 1e-8 eV/atom.
            assert_abs_diff_eq!(
                placement.formation_energy_per_atom,
                structure.formation_energy_per_atom,
                epsilon = 1e-9
            );
            assert_abs_diff_eq!(placement.energy_above_hull, structure.e_above_hull, epsilon = 1e-8);
            for part in &placement.decomposition.parts {
                assert_abs_diff_eq!(part.fraction, structure.decomposition[part.phase.id()], epsilon = 1e-6);
            }
        }
        let mut stable: Vec<&str> = hull.stable().expect("corners").map(|phase| phase.id()).collect();
        let mut expected: Vec<&str> = system.stable.iter().map(String::as_str).collect();
        stable.sort_unstable();
        expected.sort_unstable();
        assert_eq!(stable, expected, "{name}");
    }
}
