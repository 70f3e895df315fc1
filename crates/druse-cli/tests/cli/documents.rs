//! What `--json` prints: exactly one document with exactly the keys that are laid down.

use serde_json::Value;

use crate::support::{Folder, cesium_chlorides, keys, rock_salt};

#[test]
fn symmetry_of_rock_salt() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    let run = folder.druse(&["symmetry", "NaCl.cif", "--json"]).status(0);
    assert_eq!(run.stderr(), "");
    let document = run.document();
    assert_eq!(keys(&document), ["structures"]);
    let structure = &document["structures"][0];
    let expected = [
        "hall_number",
        "id",
        "international",
        "number",
        "orbits",
        "site_symmetries",
        "sites_per_element",
        "symprec",
        "wyckoff_letters",
    ];
    assert_eq!(keys(structure), expected);
    assert_eq!(structure["id"], "NaCl");
    assert_eq!(structure["number"], 225);
    assert_eq!(structure["hall_number"], 523);
    assert_eq!(structure["symprec"], 0.01);
    assert_eq!(structure["orbits"], serde_json::json!([0, 0, 0, 0, 4, 4, 4, 4]));
    assert_eq!(structure["sites_per_element"], serde_json::json!({"Cl": 1, "Na": 1}));
    assert_eq!(structure["site_symmetries"], serde_json::json!(vec!["m-3m"; 8]));
    let letters: Vec<&str> =
        structure["wyckoff_letters"].as_array().expect("letters").iter().filter_map(Value::as_str).collect();
    assert!(
        letters == ["a", "a", "a", "a", "b", "b", "b", "b"] || letters == ["b", "b", "b", "b", "a", "a", "a", "a"],
        "{letters:?}"
    );
}

#[test]
fn symmetry_depends_on_the_tolerance() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64).replacen("Cl 0.5 0 0", "Cl 0.505 0 0", 1));
    let number = |symprec: &str| {
        folder.druse(&["symmetry", "NaCl.cif", "--symprec", symprec, "--json"]).status(0).document()["structures"][0]["number"]
            .clone()
    };
    assert_eq!(number("0.1"), 225);
    assert_ne!(number("0.001"), 225);
}

#[test]
fn fingerprints() {
    let folder = Folder::new();
    folder.write("NaCl.cif", &rock_salt("Na", "Cl", 5.64));
    // Argon has no electronegativity: what is unknown must be null.
    folder.write("rare.cif", &rock_salt("Ar", "Cl", 5.9));
    let document = folder.druse(&["fingerprint", "NaCl.cif", "rare.cif", "--json"]).status(0).document();
    assert_eq!(keys(&document), ["structures", "structures_per_second"]);
    assert!(document["structures_per_second"].as_f64().is_some_and(|rate| rate > 0.0));
    for structure in document["structures"].as_array().expect("a list") {
        assert_eq!(keys(structure), ["coordination_numbers", "crystalnn", "id", "magpie"]);
        assert_eq!(structure["crystalnn"].as_array().map(Vec::len), Some(61));
        assert!(structure["crystalnn"].as_array().expect("numbers").iter().all(Value::is_f64));
        assert_eq!(structure["magpie"].as_array().map(Vec::len), Some(132));
        assert!(structure["magpie"].as_array().expect("numbers").iter().all(|x| x.is_f64() || x.is_null()));
        assert_eq!(structure["coordination_numbers"].as_array().map(Vec::len), Some(8));
    }
    assert_eq!(document["structures"][0]["coordination_numbers"], serde_json::json!(vec![6; 8]));
    let unknown =
        |index: usize| document["structures"][index]["magpie"].as_array().expect("numbers").iter().any(Value::is_null);
    assert_eq!((unknown(0), unknown(1)), (false, true));
    // Minimum, maximum, range and mean of the atomic number.
    let magpie = &document["structures"][0]["magpie"];
    assert_eq!(
        (&magpie[0], &magpie[1], &magpie[2], &magpie[3]),
        (&11.0.into(), &17.0.into(), &6.0.into(), &14.0.into())
    );
}

#[test]
fn evaluation() {
    let folder = Folder::new();
    let set = [("Cs", "Cl", 4.12), ("Cs", "Br", 4.29), ("Cs", "I", 4.57), ("Tl", "Cl", 3.83), ("Tl", "Br", 3.97)];
    folder.write("set.jsonl", &cesium_chlorides(&set));
    let document = folder
        .druse(&["evaluate", "--generated", "set.jsonl", "--reference", "set.jsonl", "--json"])
        .status(0)
        .document();
    let mut expected = vec![
        "n_generated",
        "n_reference",
        "n_valid",
        "cov_precision",
        "cov_recall",
        "amsd_precision",
        "amsd_recall",
        "amcd_precision",
        "amcd_recall",
        "fd_crystalnn",
        "fd_cgcnn",
        "structure_validity",
        "composition_validity",
        "wasserstein_density",
        "wasserstein_n_elements",
        "seconds",
    ];
    expected.sort_unstable();
    assert_eq!(keys(&document), expected);
    for (key, value) in
        [("n_generated", 5.0), ("n_reference", 5.0), ("n_valid", 5.0), ("cov_precision", 1.0), ("cov_recall", 1.0)]
    {
        assert_eq!(document[key].as_f64(), Some(value), "{key}");
    }
    for key in
        ["amsd_precision", "amcd_recall", "fd_crystalnn", "fd_cgcnn", "wasserstein_density", "wasserstein_n_elements"]
    {
        assert!(
            document[key].as_f64().is_some_and(|x| x.abs() < 1e-6),
            "a set is at no distance from itself: {key} {}",
            document[key]
        );
    }
    assert!(
        document["seconds"].as_object().is_some_and(|stages| stages.values().all(Value::is_f64) && !stages.is_empty())
    );
}

#[test]
fn evaluation_sees_what_is_not_covered() {
    let folder = Folder::new();
    folder.write("reference.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29), ("Cs", "I", 4.57)]));
    folder.write("generated/a.cif", &rock_salt("Na", "Cl", 5.64));
    folder.write("generated/b.cif", &rock_salt("Li", "F", 4.03));
    let document = folder
        .druse(&["evaluate", "--generated", "generated", "--reference", "reference.jsonl", "--json"])
        .status(0)
        .document();
    assert_eq!(document["cov_precision"], 0.0, "six neighbours are not eight");
    assert_eq!(document["cov_recall"], 0.0);
    assert!(document["fd_crystalnn"].as_f64().is_some_and(|x| x > 0.1));
}

#[test]
fn matches() {
    let folder = Folder::new();
    folder.write("a/1.cif", &rock_salt("Na", "Cl", 5.64));
    folder.write("a/2.cif", &rock_salt("Na", "Cl", 5.64));
    folder.write("a/3.cif", &rock_salt("Li", "F", 4.03));
    // Another volume, an atom off its place by less than the search for a smaller cell bridges, another compound.
    folder.write("b/1.cif", &rock_salt("Na", "Cl", 5.0));
    folder.write("b/2.cif", &rock_salt("Na", "Cl", 5.64).replacen("Cl 0.5 0 0", "Cl 0.52 0 0", 1));
    folder.write("b/3.cif", &rock_salt("Li", "Cl", 4.03));
    let run = folder.druse(&["match", "a", "b", "--json"]).status(0);
    assert_eq!(run.stderr(), "");
    let document = run.document();
    assert_eq!(keys(&document), ["pairs", "pairs_per_second"]);
    assert!(document["pairs_per_second"].as_f64().is_some_and(|rate| rate > 0.0));
    let pairs = document["pairs"].as_array().expect("a list");
    assert_eq!(pairs.len(), 3);
    for (pair, id) in pairs.iter().zip(["1", "2", "3"]) {
        assert_eq!(keys(pair), ["a", "b", "match", "max", "rms"]);
        assert_eq!((&pair["a"], &pair["b"]), (&id.into(), &id.into()));
    }
    let number = |pair: usize, key: &str| document["pairs"][pair][key].as_f64().expect("a number");
    assert_eq!(pairs[0]["match"], true);
    assert!(number(0, "rms") < 1e-4 && number(0, "max") < 1e-4);
    assert_eq!(pairs[1]["match"], true);
    assert!(number(1, "rms") > 1e-3 && number(1, "rms") < number(1, "max") + 1e-9);
    assert_eq!((&pairs[2]["match"], &pairs[2]["rms"], &pairs[2]["max"]), (&false.into(), &Value::Null, &Value::Null));
    let strict = folder.druse(&["match", "a/2.cif", "b/2.cif", "--stol", "0.001", "--json"]).status(0).document();
    assert_eq!(strict["pairs"][0]["match"], false);
}
