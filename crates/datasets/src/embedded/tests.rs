use std::collections::{BTreeMap, BTreeSet};

use crystal_core::{Composition, Finder, find_symmetry};
use rayon::prelude::*;

use super::*;

/// Tolerance in Å at which the prototypes must show the stated group: far below the distortions that tell kin apart.
const TIGHT: f64 = 0.01;

fn radii() -> Radii {
    read(RADII.0, RADII.1).expect("the radii can be read")
}

#[test]
fn enough_and_all_different() {
    let rows = rows().expect("the tables are sound");
    let all = TABLES.iter().flat_map(|(file, text)| read::<Vec<Prototype>>(file, text).expect("a table"));
    let prototypes: BTreeSet<String> = all.map(|prototype| prototype.name).collect();
    eprintln!("{} structures of {} prototypes", rows.len(), prototypes.len());
    let mut seen = BTreeSet::new();
    for row in &rows {
        assert!(seen.insert(row.id.as_str()), "{} stands there twice", row.id);
    }
    assert!((300..=600).contains(&rows.len()), "{}", rows.len());
    assert!(prototypes.len() >= 25);
}

#[test]
fn every_structure_has_its_stated_space_group() {
    let rows = rows().expect("the tables are sound");
    let wrong: Vec<String> = rows
        .par_iter()
        .filter_map(|row| {
            let stated = row.space_group.expect("the tables state the group");
            match find_symmetry(&row.structure, TIGHT, Finder::Moyo) {
                Ok(report) if report.number.get() == stated => None,
                Ok(report) => Some(format!("{}: stated {stated}, found {}", row.id, report.number)),
                Err(error) => Some(format!("{}: {error}", row.id)),
            }
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.iter().all(|row| row.space_group.is_some_and(|number| number > 15)));
}

#[test]
fn every_structure_is_reduced_at_the_default_tolerance() {
    let rows = rows().expect("the tables are sound");
    let wrong: Vec<String> = rows
        .par_iter()
        .filter_map(|row| match crate::reduce::unit_of(&row.structure, 0.1) {
            Ok(unit) if Some(unit.space_group().number().get()) == row.space_group => None,
            Ok(unit) => Some(format!("{}: found {} at 0.1 Å", row.id, unit.space_group().number())),
            Err(reason) => Some(format!("{}: {reason}", row.id)),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_pair_is_too_close_or_lost() {
    let covalent = radii().covalent;
    let rows = rows().expect("the tables are sound");
    let wrong: Vec<String> = rows
        .par_iter()
        .filter_map(|row| {
            let sites = row.structure.sites();
            let mut closest: Option<(f64, f64, String)> = None;
            for (i, a) in sites.iter().enumerate() {
                for b in &sites[i..] {
                    let distance = build::separation(row.structure.lattice(), a, b);
                    let ratio = distance / (covalent[&a.species] + covalent[&b.species]);
                    if closest.as_ref().is_none_or(|(smallest, ..)| ratio < *smallest) {
                        closest = Some((ratio, distance, format!("{}-{}", a.species, b.species)));
                    }
                }
            }
            let (ratio, distance, pair) = closest.expect("a structure has sites");
            let fine = (0.75..=1.3).contains(&ratio) && distance > 0.5;
            (!fine).then(|| format!("{}: {pair} {distance:.3} Å, {ratio:.3} of the covalent radii", row.id))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn well_known_lattice_constants_come_out() {
    // Conventional a in Å; measured values from textbooks, 6 % allowed since radii are what they are.
    let measured = BTreeMap::from([
        ("rock-salt-Na-Cl", (5.640, 4.0)),
        ("copper-Cu", (3.615, 4.0)),
        ("diamond-Si", (5.431, 4.0)),
        ("cesium-chloride-Cs-Cl", (4.123, 1.0)),
        ("zinc-blende-Ga-As", (5.653, 4.0)),
        ("fluorite-Ca-F", (5.463, 4.0)),
        ("perovskite-Sr-Ti-O", (3.905, 1.0)),
        ("spinel-Mg-Al-O", (8.081, 4.0)),
        ("heusler-Mn-Al-Cu", (5.95, 4.0)),
        ("laves-c15-Mg-Cu", (7.03, 4.0)),
        ("half-heusler-Ti-Sn-Ni", (5.92, 4.0)),
        ("copper-three-gold-Au-Cu", (3.75, 1.0)),
    ]);
    let rows = rows().expect("the tables are sound");
    for (id, (a, lattice_points)) in measured {
        let row = rows.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("{id} is in the tables"));
        let found = (row.structure.lattice().volume().abs() * lattice_points).cbrt();
        assert!((found / a - 1.0).abs() < 0.06, "{id}: {found:.3} Å, measured {a} Å");
    }
}

#[test]
fn formulas_follow_from_the_wyckoff_positions() {
    let rows = rows().expect("the tables are sound");
    for (id, formula, n_sites) in [
        ("spinel-Mg-Al-O", "O4Mg1Al2", 14),
        ("rutile-Ti-O", "O2Ti1", 6),
        ("corundum-Al-O", "O3Al2", 10),
        ("hexachloroplatinate-K-Pt-Cl", "Cl6K2Pt1", 9),
        ("thorium-chromium-silicide-Th-Cr-Si", "Si2Cr2Th1", 5),
        ("perovskite-orthorhombic-Gd-Fe-O", "O3Fe1Gd1", 20),
    ] {
        let row = rows.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("{id} is in the tables"));
        let counts: String = Composition::of(&row.structure)
            .reduced()
            .iter()
            .map(|(species, count)| format!("{species}{count}"))
            .collect();
        assert_eq!((counts.as_str(), row.structure.n_sites()), (formula, n_sites), "{id}");
    }
}

#[test]
fn splits_keep_their_shares() {
    let tables = tables().expect("the tables are sound");
    let counts = tables.each_ref().map(|table| table.rows.len());
    eprintln!("train, val, test: {counts:?}");
    let share = counts.map(|count| count as f64 / counts.iter().sum::<usize>() as f64);
    assert!(
        (share[0] - 0.7).abs() < 0.06 && (share[1] - 0.1).abs() < 0.04 && (share[2] - 0.2).abs() < 0.05,
        "{share:?}"
    );
    // Where an id goes is part of the data set: a change of the rule must be seen.
    for (id, split) in
        [("rock-salt-Na-Cl", Split::Test), ("copper-Cu", Split::Train), ("perovskite-Sr-Ti-O", Split::Train)]
    {
        assert_eq!(split_of(id), split, "{id}");
    }
}

#[test]
fn mistakes_in_tables_are_named() {
    let group = "groups: [(radii: ionic, elements: [\"Na+ Cl-\"])]";
    let table = |sites: &str, rest: &str| {
        format!("[(name: \"t\", space_group: 225, sites: [{sites}], contacts: [(\"A\", \"X\")], {rest})]")
    };
    let built = |text: &str| {
        let prototypes: Vec<Prototype> = read("t.ron", text).map_err(|error| error.to_string())?;
        build::structures(&prototypes[0], &radii())
    };
    let good = "(\"A\", \"4a\", \"0 0 0\"), (\"X\", \"4b\", \"1/2 1/2 1/2\")";
    assert_eq!(built(&table(good, group)).expect("a structure").len(), 1);
    for (sites, rest, reason) in [
        (good.replace("4b", "8c"), group.to_owned(), "not on 8c"),
        (good.replace("1/2 1/2 1/2", "1/2 1/2"), group.to_owned(), "2 coordinates"),
        (good.replace("1/2 1/2 1/2", "x x x"), group.to_owned(), "no value"),
        (good.to_owned(), group.replace("Na+ Cl-", "Na+"), "1 roles instead of 2"),
        (good.to_owned(), group.replace("Na+", "Na7+"), "no ionic radius"),
        (good.to_owned(), group.replace("ionic", "covalent"), "is an ion"),
        (good.to_owned(), format!("c_a: 1.1, {group}"), "axial ratio"),
        (good.to_owned(), format!("colour: 1, {group}"), "colour"),
    ] {
        let found = built(&table(&sites, &rest)).expect_err(reason);
        assert!(found.contains(reason), "{found}");
    }
}
