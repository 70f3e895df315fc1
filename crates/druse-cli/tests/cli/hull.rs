//! `druse hull`: which hull energies are placed on, and which are refused.

use std::path::PathBuf;

use crystal_core::{Composition, SpaceGroupNumber};
use druse::DeviceName;
use potential::{Nequix, Potential};
use serde_json::Value;
use stability::{CorrectionScheme, ReferenceBuilder, ReferencePhase, ReferenceSet, Source};

use crate::support::{Folder, keys, rock_salt};

const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";
const ENERGIES: &str = "{\"id\": \"na\", \"formula\": \"Na\", \"energy_per_atom\": -1.3}\n\
                        {\"id\": \"o\", \"formula\": \"O2\", \"energy_per_atom\": -4.9}\n\
                        {\"id\": \"oxide\", \"formula\": \"Na2O\", \"energy_per_atom\": -3.9}\n";

/// Na, O and Na2O, of a potential with this hash.
fn set(folder: &Folder, sha256: &str) -> PathBuf {
    let source = |sha256: &str| Source { name: "some".to_owned(), sha256: sha256.to_owned() };
    let scheme = CorrectionScheme::MaterialsProject2020;
    let mut builder = ReferenceBuilder::new(source(sha256), source("data"), scheme, "as they are");
    for (id, formula, energy, correction) in
        [("mp-1", "Na", -1.3, 0.0), ("mp-2", "O", -4.9, 0.0), ("mp-3", "Na2O", -3.8, -0.229), ("mp-4", "Na", -1.2, 0.0)]
    {
        let phase = ReferencePhase {
            id: id.to_owned(),
            composition: Composition::from_formula(formula).expect("a formula"),
            raw_energy_per_atom: energy,
            correction_per_atom: correction,
            space_group: SpaceGroupNumber::new(225).expect("a group"),
        };
        builder.push_phase(phase).expect("a phase");
    }
    let path = folder.path().join("set.bin");
    builder.finish().expect("a set").write(&path).expect("a file");
    path
}

fn shipped_potential() -> String {
    let device = DeviceName::Cpu.open().expect("the processor");
    Nequix::bundled(&device).expect("the potential").identity().sha256.clone()
}

fn above(document: &Value, index: usize) -> f64 {
    document["entries"][index]["energy_above_hull"].as_f64().expect("an energy")
}

#[test]
fn energies_of_a_file_make_their_own_hull() {
    let folder = Folder::new();
    folder.write("energies.jsonl", ENERGIES);
    let document = folder.druse(&["hull", "--energies", "energies.jsonl", "--json"]).status(0).document();
    assert_eq!(keys(&document), ["entries", "potential", "reference", "stable"]);
    assert_eq!(document["stable"].as_array().map(Vec::len), Some(3));
    assert!(document["potential"].is_null());
    assert!(keys(&document["entries"][2]).iter().all(|key| *key != "space_group"));
}

#[test]
fn energies_go_on_a_reference_set_of_their_own_potential_only() {
    let folder = Folder::new();
    set(&folder, OTHER);
    folder.write("energies.jsonl", ENERGIES);
    let on_set = ["hull", "--energies", "energies.jsonl", "--reference", "set.bin", "--json"];
    folder.druse(&on_set).refused(&["energies.jsonl (na)", "--energies-of"]);
    let of = |sha256: &'static str| [on_set.as_slice(), &["--energies-of", sha256]].concat();
    folder.druse(&of("3333")).refused(&["energies.jsonl (na)", "errors do not cancel"]);
    let run = folder.druse(&of(OTHER)).status(0);
    assert!(run.stderr().contains("corrected by formula"), "{}", run.stderr());
    // 0.1 eV/atom lower than the phase before both are corrected by a third of -0.687.
    assert!((above(&run.document(), 2) + 0.1).abs() < 1e-9, "{}", run.stdout());
    // A line may name its potential itself.
    let named = ENERGIES.replace("{\"id\"", &format!("{{\"potential\": \"{OTHER}\", \"id\""));
    folder.write("energies.jsonl", &named);
    assert_eq!(folder.druse(&on_set).status(0).document(), run.document());
    let one = ENERGIES.replacen("{\"id\"", "{\"potential\": \"33\", \"id\"", 1);
    folder.write("energies.jsonl", &one);
    folder.druse(&of(OTHER)).refused(&["energies.jsonl (na)"]);
}

#[test]
fn structures_go_on_a_reference_set_of_their_own_potential_only() {
    let folder = Folder::new();
    set(&folder, OTHER);
    folder.write("NaO.cif", &rock_salt("Na", "O", 4.8));
    folder.druse(&["hull", "NaO.cif", "--reference", "set.bin"]).refused(&["errors do not cancel"]);
    set(&folder, &shipped_potential());
    let document = folder.druse(&["hull", "NaO.cif", "--reference", "set.bin", "--json"]).status(0).document();
    assert!(above(&document, 0).is_finite());
    assert_eq!(document["entries"][0]["space_group"], 225);
    assert_eq!(document["reference"]["name"], "set.bin");
    folder.write("KCl.cif", &rock_salt("K", "Cl", 6.3));
    let run = folder.druse(&["hull", "NaO.cif", "KCl.cif", "--reference", "set.bin", "--json"]).status(1);
    assert!(run.stderr().contains("KCl.cif") && run.stderr().contains("Cl, K"), "{}", run.stderr());
}

#[test]
fn a_system_alone_shows_the_phases_of_the_set() {
    let folder = Folder::new();
    set(&folder, OTHER);
    let system = |name: &'static str| ["hull", "--system", name, "--reference", "set.bin", "--json"];
    let document = folder.druse(&[system("O-Na").as_slice(), &["--out", "diagram"]].concat()).status(0).document();
    let ids: Vec<&str> =
        document["entries"].as_array().expect("a list").iter().filter_map(|entry| entry["id"].as_str()).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(document["entries"][0]["space_group"], 225);
    assert_eq!(document["stable"].as_array().map(Vec::len), Some(3));
    assert_eq!(folder.files().iter().filter(|file| file.ends_with(".svg")).count(), 1);
    folder.druse(&system("Na-Po")).refused(&["Po"]);
    folder.druse(&["hull"]).refused(&["--system A-B-C"]);
    folder.druse(&["hull", "--alone"]).refused(&["--alone"]);
}

#[test]
fn the_shipped_set_is_of_the_shipped_potential() {
    let set = ReferenceSet::shipped().expect("the set");
    assert_eq!(set.potential().sha256, shipped_potential());
    assert_eq!(set.scheme(), CorrectionScheme::MaterialsProject2020);
    let elements: Vec<String> = set.elements().iter().take(2).map(ToString::to_string).collect();
    let folder = Folder::new();
    let document = folder.druse(&["hull", "--system", &elements.join("-"), "--json"]).status(0).document();
    assert_eq!(document["reference"]["name"], "shipped");
    assert_eq!(document["reference"]["sha256"], set.sha256());
    assert_eq!(document["potential"]["sha256"], shipped_potential());
    assert!(document["stable"].as_array().is_some_and(|stable| stable.len() >= 2));
}

#[test]
fn structures_alone_make_their_own_hull() {
    let folder = Folder::new();
    folder.write("NaO.cif", &rock_salt("Na", "O", 4.8));
    folder.druse(&["hull", "NaO.cif", "--alone"]).refused(&["elementary phase of"]);
}
