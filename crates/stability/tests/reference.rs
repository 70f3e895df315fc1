//! Reference sets: files, refusals, hulls of MP-20's own energies against the column of the data.

mod common;

use std::time::Instant;

use approx::assert_abs_diff_eq;
use crystal_core::{Composition, SpaceGroupNumber, Species};
use stability::{
    Agreement, CorrectionScheme, Fractions, HullLevels, ReferenceBuilder, ReferencePhase, ReferenceSet, Source,
    StabilityError, mp2020,
};
use test_support::needs;

fn source(name: &str, digit: char) -> Source {
    Source { name: name.to_owned(), sha256: digit.to_string().repeat(64) }
}

fn element(symbol: &str) -> Species {
    symbol.parse().expect("a symbol")
}

fn phase(id: &str, formula: &str, energy: f64, group: i64) -> ReferencePhase {
    ReferencePhase {
        id: id.to_owned(),
        composition: Composition::from_formula(formula).expect("a formula"),
        raw_energy_per_atom: energy,
        correction_per_atom: if formula.contains("Cl") && formula != "Cl2" { -0.614 / 2.0 } else { 0.0 },
        space_group: SpaceGroupNumber::new(group).expect("a group"),
    }
}

fn small() -> ReferenceBuilder {
    let scheme = CorrectionScheme::MaterialsProject2020;
    let mut builder =
        ReferenceBuilder::new(source("a potential", 'a'), source("some data", 'b'), scheme, "FIRE, 0.05 eV/Å");
    for phase in [
        phase("mp-127", "Na", -1.3, 229),
        phase("mp-22848", "Cl2", -1.8, 64),
        phase("mp-22862", "Na4Cl4", -3.068_000_4, 225),
        phase("my salt", "NaCl", -3.0, 221),
        phase("mp-007", "NaCl", -2.9, 1),
    ] {
        builder.push_phase(phase).expect("a sound phase");
    }
    builder
}

#[test]
fn a_file_holds_what_was_put_in() -> Result<(), StabilityError> {
    let set = small().finish()?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hull.postcard.zst");
    set.write(&path)?;
    let read = ReferenceSet::read(&path)?;
    assert_eq!(read.phases().collect::<Vec<_>>(), set.phases().collect::<Vec<_>>());
    assert_eq!((read.sha256(), read.potential(), read.data()), (set.sha256(), set.potential(), set.data()));
    assert_eq!((read.scheme(), read.settings()), (CorrectionScheme::MaterialsProject2020, "FIRE, 0.05 eV/Å"));
    let salt = read.phases().find(|phase| phase.id == "mp-22862").expect("the phase");
    assert_abs_diff_eq!(salt.raw_energy_per_atom, -3.068, epsilon = 5e-7);
    assert_eq!(salt.composition.formula(), "NaCl");
    assert_eq!(salt.space_group.get(), 225);
    assert_eq!(read.to_bytes()?, set.to_bytes()?);
    Ok(())
}

#[test]
fn the_order_of_phases_does_not_matter() -> Result<(), StabilityError> {
    let set = small().finish()?;
    let mut turned = ReferenceBuilder::new(set.potential().clone(), set.data().clone(), set.scheme(), set.settings());
    for phase in set.phases().collect::<Vec<_>>().into_iter().rev() {
        turned.push_phase(phase)?;
    }
    assert_eq!(turned.finish()?.to_bytes()?, set.to_bytes()?);
    Ok(())
}

#[test]
fn other_potentials_are_refused() -> Result<(), StabilityError> {
    let set = small().finish()?;
    let rows = [("Na", [0.0, 0.0, 0.0]), ("Cl", [0.5, 0.5, 0.5])];
    let lattice =
        crystal_core::Lattice::from_rows([[3.4, 0.0, 0.0], [0.0, 3.4, 0.0], [0.0, 0.0, 3.4]]).expect("a cell");
    let sites = rows.map(|(symbol, place)| crystal_core::Site { species: element(symbol), frac_coords: place.into() });
    let salt = crystal_core::Structure::new(lattice, sites.to_vec()).expect("a structure");
    let placement = set.place(&source("the same, renamed", 'A'), &salt, -6.0)?;
    // -6 eV with the correction of one Cl, against the stable salt of the set.
    assert_abs_diff_eq!(placement.energy_above_hull, (-6.0 - 0.614) / 2.0 + 3.068 + 0.307, epsilon = 1e-9);
    assert_eq!(placement.decomposition.parts[0].phase.id(), "mp-22862");
    let error = set.place(&source("another", 'c'), &salt, -6.0).expect_err("another potential").to_string();
    assert!(
        error.contains("another (SHA-256 cccccccccccc…)") && error.contains("a potential (SHA-256 aaaaaaaaaaaa…)"),
        "{error}"
    );
    let error = set.place(set.potential(), &salt, f64::NAN).expect_err("no energy");
    assert!(matches!(error, StabilityError::Energy { .. }));
    Ok(())
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let mut builder = small();
    for (bad, said) in [
        (phase("mp-127", "Na", -1.0, 229), "there already"),
        (phase("x", "Na", 2500.0, 229), "2500"),
        (phase("y", "Na", f64::INFINITY, 229), "inf"),
    ] {
        let error = builder.push_phase(bad).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn damage_is_named() {
    let bytes = small().finish().and_then(|set| set.to_bytes()).expect("bytes");
    for (bytes, said) in [
        (b"PK\x03\x04".to_vec(), "does not begin"),
        (bytes[..bytes.len() - 1].to_vec(), "cut off"),
        ([&bytes[..], &[0]].concat(), "added to"),
        (bytes.iter().enumerate().map(|(index, byte)| if index == 90 { byte ^ 4 } else { *byte }).collect(), "damaged"),
    ] {
        let error = ReferenceSet::from_bytes(&bytes).expect_err(said).to_string();
        assert!(error.contains(said) && error.contains("hull-reference"), "{error}");
    }
}

/// MP-20's own formation energies as a reference set, with elements at zero: the spec's hull H1.
fn hull_of_the_data() -> (ReferenceSet, Vec<common::Row>) {
    let (train, val, test) = (common::mp_20("train"), common::mp_20("val"), common::mp_20("test"));
    let mut builder = ReferenceBuilder::new(
        source("Materials Project", 'd'),
        source("MP-20", 'e'),
        CorrectionScheme::None,
        "as published",
    );
    let group = SpaceGroupNumber::new(1).expect("a group");
    for number in 1..=94 {
        let element = Species::from_atomic_number(number).expect("an element");
        let composition = [(element, 1)].into_iter().collect();
        builder
            .push_phase(ReferencePhase {
                id: element.to_string(),
                composition,
                raw_energy_per_atom: 0.0,
                correction_per_atom: 0.0,
                space_group: group,
            })
            .expect("an element");
    }
    for row in train.iter().chain(&val).chain(&test) {
        builder
            .push_phase(ReferencePhase {
                id: row.id.clone(),
                composition: row.composition(),
                raw_energy_per_atom: row.formation_energy,
                correction_per_atom: mp2020(&row.structure).per_atom(),
                space_group: group,
            })
            .expect("a sound row");
    }
    let rows: Vec<common::Row> = val.into_iter().chain(test).filter(|row| row.energy_above_hull.is_some()).collect();
    // Corrections were there for the size of the file only: the data's energies have theirs in them.
    let set = builder.finish().expect("a set");
    let bytes = set.to_bytes().expect("bytes");
    println!("{} phases in {} bytes", set.n_phases(), bytes.len());
    assert!(bytes.len() < 3_000_000);
    let mut plain = ReferenceBuilder::new(set.potential().clone(), set.data().clone(), set.scheme(), set.settings());
    for phase in set.phases() {
        plain.push_phase(ReferencePhase { correction_per_atom: 0.0, ..phase }).expect("a sound phase");
    }
    (plain.finish().expect("a set"), rows)
}

#[needs(shared)]
#[test]
fn the_hull_of_the_data_agrees_with_its_column() {
    let (set, rows) = hull_of_the_data();
    let place = |row: &common::Row| {
        let composition = row.composition();
        let hull = set.hull(composition.iter().map(|(element, _)| element));
        let fractions = Fractions::of(&composition).expect("a composition");
        hull.place(&fractions, row.formation_energy).expect("a place").energy_above_hull
    };
    let sample: Vec<&common::Row> = rows.iter().step_by(5).collect();
    let start = Instant::now();
    let pairs: Vec<(f64, f64)> =
        sample.iter().map(|row| (place(row), row.energy_above_hull.expect("filtered"))).collect();
    let first = start.elapsed();
    let start = Instant::now();
    sample.iter().for_each(|row| assert!(place(row).is_finite()));
    let again = start.elapsed();
    println!("{} places: {first:?} with hulls to make, {again:?} with hulls kept", sample.len());
    let agreement = Agreement::of(&pairs, 1e-6).expect("pairs");
    println!("{agreement:?}");
    // Missing phases make it too low, never too high (up to the rounding of the column).
    assert!(pairs.iter().all(|(ours, data)| *ours < data + 1e-3), "{pairs:?}");
    assert!(agreement.within_1_mev > 0.83 && agreement.within_10_mev > 0.90, "{agreement:?}");
    assert!(agreement.mean < 0.0 && agreement.mean > -0.004, "{agreement:?}");

    let levels = HullLevels::from_records(
        rows.iter().map(|row| (row.composition(), row.formation_energy, row.energy_above_hull.expect("filtered"))),
    );
    for row in &sample {
        let above = levels.energy_above_hull(&row.composition(), row.formation_energy).expect("a level");
        assert!(above >= row.energy_above_hull.expect("filtered") - 1e-9, "{}", row.id);
    }
}
