//! The collection of small files that other readers, or an earlier one of this crate, read wrongly: each must give what
//! stands beside it.

use std::collections::BTreeMap;

use crystal_core::io::{self, Entry};
use crystal_core::{Composition, CrystalError};
use serde_json::Value;
use test_support::{needs, shared};

/// Files of which either the structure or an error is right, and which this crate reads.
const READ: [&str; 14] = [
    "hall-r-3m.cif",
    "hall-p321.cif",
    "c-1.cif",
    "f4mmm.cif",
    "magnetic.cif",
    "hm-ref.cif",
    "one-operation.cif",
    "origin-multiplicity.cif",
    "origin-fd-3m-z.cif",
    "label-00.cif",
    "contcar-20.vasp",
    "upper-case-ti.cif",
    "minus.cif",
    "list.json",
];

fn counts(entry: &Entry) -> Result<BTreeMap<String, u64>, &CrystalError> {
    let structure = entry.structure.as_ref()?;
    Ok(Composition::of(structure).iter().map(|(species, count)| (species.to_string(), u64::from(count))).collect())
}

fn expected_counts(value: &Value) -> BTreeMap<String, u64> {
    let object = value.as_object().expect("counts by element");
    object.iter().map(|(symbol, count)| (symbol.clone(), count.as_u64().expect("a count"))).collect()
}

#[needs(shared)]
#[test]
fn every_case_gives_what_it_should() {
    let path = shared("cases/expectations.json");
    let text = std::fs::read_to_string(&path).expect("a readable file");
    let cases: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("JSON");
    let mut wrong = Vec::new();
    let mut n_files = 0;
    for (name, case) in &cases {
        let file = path.with_file_name(name);
        if !file.is_file() {
            continue;
        }
        n_files += 1;
        let entries = io::read_all(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = &case["expected"];
        let single = |value: &Value| matches!(&entries[..], [entry] if counts(entry).is_ok_and(|found| found == expected_counts(value)));
        let refused = entries.iter().all(|entry| entry.structure.is_err());
        let right = if expected == "error" {
            refused
        } else if let Some(structures) = expected.get("structures") {
            let structures: Vec<_> = structures.as_array().expect("a list").iter().map(expected_counts).collect();
            let found: Vec<_> = entries.iter().map(|entry| counts(entry).unwrap_or_default()).collect();
            structures == found
        } else if let Some(either) = expected.get("either") {
            single(either) || (refused && !READ.contains(&name.as_str()))
        } else if expected.get("fingerprint").is_some() {
            entries.iter().all(|entry| entry.structure.is_ok())
        } else {
            single(expected)
        };
        for entry in &entries {
            let found = match &entry.structure {
                Ok(structure) => Composition::of(structure).formula(),
                Err(error) => error.to_string(),
            };
            let found = found.replace(&format!("{}", file.display()), name);
            println!("{} {name} ({}): {found}", if right { "ok   " } else { "WRONG" }, entry.id);
            for note in &entry.notes {
                println!("        {}", note.text);
            }
        }
        if !right {
            wrong.push(name.clone());
        }
    }
    assert!(n_files >= 51, "only {n_files} files");
    assert!(wrong.is_empty(), "{wrong:?}");
}
