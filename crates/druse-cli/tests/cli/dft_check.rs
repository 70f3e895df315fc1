//! `druse dft-check`, for real where Quantum ESPRESSO and pseudopotentials of its package are there.

use std::path::Path;
use std::process::Command;

use test_support::needs;

use crate::support::Folder;

/// Pseudopotentials among the examples of Debian's package quantum-espresso-data, PBE both.
const EXAMPLES: &str = "/usr/share/doc/quantum-espresso/examples/XSpectra/pseudo";
const FILES: [&str; 2] = ["Si_PBE_USPP.UPF", "C_PBE_TM_2pj.UPF"];
/// Cut-offs for a test, not for results.
const TABLE: &str = "(name: \"small\", elements: {
    \"Si\": (file: \"Si_PBE_USPP.UPF\", ecutwfc: 25, ecutrho: 150),
    \"C\": (file: \"C_PBE_TM_2pj.UPF\", ecutwfc: 25, ecutrho: 150),
})";

/// Two atoms of a face-centred cell at (0, 0, 0) and (¼, ¼, ¼), lattice parameter in Å.
fn line(id: &str, species: [&str; 2], a: f64) -> String {
    let h = a / 2.0;
    format!(
        "{{\"id\": \"{id}\", \"lattice\": [[0, {h}, {h}], [{h}, 0, {h}], [{h}, {h}, 0]], \"species\": {species:?}, \
         \"frac_coords\": [[0, 0, 0], [0.25, 0.25, 0.25]]}}\n"
    )
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("carbide.jsonl", &line("carbide", ["Si", "C"], 4.36));
    folder.write("products.jsonl", &(line("silicon", ["Si", "Si"], 5.43) + &line("diamond", ["C", "C"], 3.57)));
    folder.write("table.ron", TABLE);
    folder
}

const WORDS: [&str; 9] =
    ["dft-check", "carbide.jsonl", "--products", "products.jsonl", "--table", "table.ron", "--out", "check", "--json"];

#[test]
fn what_cannot_be_run_is_refused() {
    let folder = folder();
    let check = |more: &[&str]| folder.druse(&[&WORDS[..], more].concat());
    check(&["--program", "no-such-pw.x"]).refused(&["no-such-pw.x", "quantum-espresso", "--program"]);
    // Any program is there for what is refused before it would run.
    check(&["--program", "/bin/true"]).refused(&["C_PBE_TM_2pj.UPF", "missing", "--table"]);
    folder.write("bare.ron", "(name: \"bare\", elements: {\"Si\": (file: \"a\", ecutwfc: 25, ecutrho: 150)})");
    let bare =
        ["dft-check", "carbide.jsonl", "--products", "products.jsonl", "--out", "check", "--program", "/bin/true"];
    folder.druse(&[&bare[..], &["--table", "bare.ron"]].concat()).refused(&["no pseudopotential of C"]);
    for file in FILES {
        folder.write(&format!("pseudo/{file}"), "");
    }
    // A program that says nothing has no energy.
    check(&["--program", "/bin/true"]).refused(&["pw.out", "did not end"]);
}

#[needs(quantum_espresso)]
#[test]
fn silicon_carbide_is_lower_than_silicon_and_diamond() {
    let folder = folder();
    for file in FILES {
        let packed = Path::new(EXAMPLES).join(format!("{file}.gz"));
        let text = Command::new("zcat").arg(packed).output().expect("zcat").stdout;
        folder.write(&format!("pseudo/{file}"), &String::from_utf8_lossy(&text));
    }
    let run = || folder.druse(&[&WORDS[..], &["--k-density", "8"]].concat()).status(0).document();
    let document = run();
    let found = &document["candidates"][0];
    let figure = |key: &str| found[key].as_f64().expect("a figure");
    assert_eq!((&found["formula"], found["products"].as_array().map(Vec::len)), (&"SiC".into(), Some(2)));
    // Silicon carbide is stable; how much by, small cut-offs cannot say.
    for key in ["dft_difference", "potential_difference"] {
        assert!((-0.6..-0.05).contains(&figure(key)), "{key}: {document}");
    }
    // Finished runs are read, not done again.
    let output = "check/candidate-1-carbide/pw.out";
    let before = folder.read(output);
    assert_eq!(run(), document);
    assert_eq!(folder.read(output), before);
}
