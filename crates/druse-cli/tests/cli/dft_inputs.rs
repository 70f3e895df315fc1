//! `druse dft-input`.

use crate::support::Folder;

/// Wüstite in its primitive cell, and one that no table knows.
const LINES: &str = "{\"id\": \"wustite\", \"lattice\": [[0, 2.15, 2.15], [2.15, 0, 2.15], [2.15, 2.15, 0]], \
     \"species\": [\"O\", \"Fe\"], \"frac_coords\": [[0.5, 0.5, 0.5], [0, 0, 0]]}
{\"id\": \"heavy/one\", \"lattice\": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], \"species\": [\"Og\"], \"frac_coords\": [[0, 0, 0]]}
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("some.jsonl", LINES);
    folder
}

fn text(folder: &Folder, name: &str) -> String {
    String::from_utf8(folder.read(name)).expect("text")
}

#[test]
fn inputs_of_pw_x_are_written() {
    let folder = folder();
    let words = ["dft-input", "some.jsonl", "--code", "qe", "--out", "qe", "--hubbard", "card", "--json"];
    let document = folder.druse(&words).status(1).document();
    let [made, refused] = document["structures"].as_array().expect("rows").as_slice() else { panic!("{document}") };
    assert_eq!((&made["folder"], &made["files"][0]), (&"qe/wustite".into(), &"pw.in".into()));
    // ⌊(125 · V* · abc)^⅓ / a⌋ with a = 3.04 Å, V* = (2π)³ / 19.9 Å³: 11.6.
    assert_eq!(made["k_mesh"], serde_json::json!([11, 11, 11]), "{document}");
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("no pseudopotential of Og")), "{document}");
    let input = text(&folder, "qe/wustite/pw.in");
    for line in ["calculation = 'vc-relax'", "nat = 2", "HUBBARD", "nspin = 2", "11 11 11"] {
        assert!(input.contains(line), "{line}: {input}");
    }
    for file in made["potentials"].as_array().expect("files") {
        assert!(input.contains(file.as_str().expect("a name")), "{file}: {input}");
    }
    // Nothing is left of what was refused.
    assert_eq!(folder.contents("qe").len(), 1);

    folder.write("own.ron", "(name: \"own\", elements: {\"Og\": (file: \"Og.upf\", ecutwfc: 25, ecutrho: 150)})");
    let own = ["dft-input", "some.jsonl", "--code", "qe", "--table", "own.ron", "--pseudo-dir", "/upf", "--out", "own"];
    let warned = folder.druse(&[&own[..], &["--calculation", "scf"]].concat()).status(1).stderr();
    assert!(warned.contains("no pseudopotential of O, Fe"), "{warned}");
    let input = text(&folder, "own/heavy_one/pw.in");
    assert!(input.contains("pseudo_dir = '/upf'") && input.contains("Og.upf") && input.contains("'scf'"), "{input}");
}

#[test]
fn inputs_of_vasp_are_written() {
    let folder = folder();
    let words = ["dft-input", "some.jsonl", "--code", "vasp", "--out", "vasp"];
    let warned = folder.druse(&words).status(1).stderr();
    assert!(warned.contains("no VASP potential of Og"), "{warned}");
    let incar = text(&folder, "vasp/wustite/INCAR");
    assert!(incar.contains("Fe_pv") && incar.contains("LDAUU = 0 5.3") && incar.contains("ISIF = 3"), "{incar}");
    assert!(text(&folder, "vasp/wustite/KPOINTS").contains("Gamma"));
    // The POSCAR is read as the same crystal.
    folder.write("wustite.jsonl", LINES.lines().next().expect("a line"));
    let pair = folder.druse(&["match", "wustite.jsonl", "vasp/wustite/POSCAR", "--json"]).status(0).document();
    assert_eq!(pair["pairs"][0]["match"], true, "{pair}");
    folder.druse(&[&words[..], &["--calculation", "scf"]].concat()).status(1);
    assert!(text(&folder, "vasp/wustite/INCAR").contains("NSW = 0"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = folder();
    let with = |more: &[&str]| folder.druse(&[&["dft-input", "some.jsonl", "--out", "out"], more].concat());
    with(&["--code", "vasp", "--table", "own.ron"]).refused(&["--table", "--code qe"]);
    with(&["--code", "vasp", "--calculation", "relax"]).refused(&["scf or vc-relax"]);
    with(&["--code", "qe", "--table", "missing.ron"]).refused(&["missing.ron"]);
    with(&["--code", "qe", "--k-density", "0"]).refused(&["--k-density"]);
    with(&[]).refused(&["--code"]);
    assert_eq!(folder.files(), ["some.jsonl"]);
}
