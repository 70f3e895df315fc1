//! The report of a small run made by hand.

use crystal_core::{AsymmetricUnit, Finder, Lattice, Site, Structure, io};
use datasets::{Record, Source};
use druse::config::{parse_ron, to_ron};

use super::*;
use crate::published;
use crate::report::{FILE, SHOWN, html};
use crate::run_options::Preset;
use crate::table::Row;
use crate::table1::Table1Config;

/// The primitive cell of a compound of the type of rock salt.
fn rock_salt(metal: &str, half: f64) -> Structure {
    let lattice = Lattice::from_rows([[0.0, half, half], [half, 0.0, half], [half, half, 0.0]]).expect("a cell");
    let site = |symbol: &str, x: f64| Site { species: symbol.parse().expect("an element"), frac_coords: [x; 3].into() };
    Structure::new(lattice, vec![site(metal, 0.0), site("Cl", 0.5)]).expect("a structure")
}

fn record(structure: Structure) -> Record {
    let unit = AsymmetricUnit::from_structure(&structure, 0.1, Finder::default()).map_err(|error| error.to_string());
    Record { id: "test".to_owned(), structure, space_group: Some(225), formation_energy: None, unit }
}

fn test_split() -> Vec<Record> {
    [("Na", 2.82), ("K", 3.15), ("Rb", 3.29)].map(|(metal, half)| record(rock_salt(metal, half))).to_vec()
}

/// A finished run; the second of its structures has two atoms in one place.
fn folder_of_a_run() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| write_file(&folder.path().join(name), text).expect("a file");
    let clash = rock_salt("Li", 2.57);
    let mut sites = clash.sites().to_vec();
    sites[1].frac_coords = [0.01; 3].into();
    let clash = Structure::new(*clash.lattice(), sites).expect("atoms that readers take");
    let generated = [
        ("NaCl_225_0000_000".to_owned(), rock_salt("Na", 2.9)),
        ("LiCl_225_0001_000".to_owned(), clash),
        ("<KCl>_225_0002_000".to_owned(), rock_salt("K", 3.1)),
    ];
    io::write_all(&folder.path().join("generated.jsonl"), &generated).expect("structures");
    let row = Row {
        name: "this work".to_owned(),
        published: Some(published::THIS_WORK),
        measured: None,
        n_samples: 2,
        note: "a <b> & c".to_owned(),
    };
    let json = serde_json::json!({
        "rows": [row],
        "further": [{ "name": "this work", "n_structures": 3, "structure_validity": 0.667, "composition_validity": 1.0, "space_group_kept": [0.5, 1.0],
            "redrawn": 0.0, "wasserstein_density": 0.25, "wasserstein_n_elements": 0.125 }],
        "seconds": { "sampling": 1.5 },
        "data": { "name": "hand-made", "sha256": "00ff" },
        "reference": { "compiled_in": false },
    });
    write("table1.json", &json.to_string());
    write("table1.md", "Table 1 of a run\n\n| model |\n| --- |\n\n- this work: a <b> & c\n");
    let config: Table1Config =
        parse_ron(Table1Config::preset("quick").expect("a preset"), "quick").expect("a configuration");
    write("config.ron", &to_ron(&config).expect("RON"));
    write("loss.csv", "step,position,lattice\n0,1,2\n1,0.5,1\n");
    folder
}

/// What stands in the page's script element for data.
fn data_of(html: &str) -> serde_json::Value {
    let data = html.split("id=\"data\">").nth(1).expect("data").split("</script>").next().expect("an end");
    serde_json::from_str(data).expect("JSON")
}

#[test]
fn the_page_holds_table_curve_distributions_and_crystals() {
    let folder = folder_of_a_run();
    finish(folder.path(), &of_records(&test_split())).expect("a report");
    let html = std::fs::read_to_string(folder.path().join(FILE)).expect("a page");
    assert!(html.contains("this work, published") && html.contains("<li>this work: a &lt;b&gt; &amp; c</li>"));
    assert!(!html.contains("{{"), "a place was not filled");
    let data = data_of(&html);
    assert_eq!(data["loss"]["position"], serde_json::json!([1.0, 0.5]));
    assert_eq!(data["distributions"].as_array().map(Vec::len), Some(14));
    // The structure that is not valid is neither counted nor shown.
    let ids: Vec<&str> =
        data["crystals"].as_array().expect("crystals").iter().filter_map(|crystal| crystal["id"].as_str()).collect();
    assert_eq!(ids, ["NaCl_225_0000_000", "<KCl>_225_0002_000"]);
    let groups =
        data["distributions"].as_array().expect("figures").iter().find(|figure| figure["id"] == "space-groups");
    assert_eq!(groups.expect("space groups")["sets"][0]["shares"][224], 1.0);
    let command = std::fs::read_to_string(folder.path().join("command.txt")).expect("the command");
    assert!(command.starts_with("cargo run --release -p experiments") && data["command"] == command.trim());
}

#[test]
fn the_page_asks_for_nothing_outside_of_it() {
    let folder = folder_of_a_run();
    let run = Finished::read(folder.path()).expect("a run").run;
    let html = html(&run, &of_records(&test_split())).expect("a page");
    // The library can ask for much; the policy of the page forbids all of it.
    assert!(html.contains(
        "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\""
    ));
    assert!(html.contains(report_page::LIBRARY.trim_end()), "the library is in the page");
    let own = html.replace(report_page::LIBRARY.trim_end(), "");
    let own = own.split("<footer>").next().expect("a page").to_owned() + own.split("</footer>").nth(1).expect("a foot");
    let addresses = own.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http://", "https://", "src=", "@import", "url(", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!addresses.contains(outside), "{outside}");
    }
    // Every link inside the page leads to an element of it.
    for target in html.split("href=\"#").skip(1).filter_map(|part| part.split('"').next()) {
        assert!(html.contains(&format!("id=\"{target}\"")), "#{target}");
    }
}

#[test]
fn a_large_run_makes_a_small_page() {
    let folder = folder_of_a_run();
    let mut run = Finished::read(folder.path()).expect("a run").run;
    let one = run.generated[0].clone();
    run.generated = (0..1000).map(|index| (format!("NaCl_225_{index:04}_000"), one.1.clone())).collect();
    let html = html(&run, &of_records(&test_split())).expect("a page");
    let own = html.len() - report_page::LIBRARY.len();
    assert!(own < 400_000, "{own} bytes");
    assert_eq!(data_of(&html)["crystals"].as_array().map(Vec::len), Some(SHOWN));
}

#[test]
fn folders_without_a_finished_run_and_other_data_are_refused() {
    let empty = tempfile::tempdir().expect("a folder");
    let options = |run: &Path| ReportOptions { run: run.to_owned(), data: None };
    let error = super::run(&options(empty.path())).expect_err("nothing there").to_string();
    assert!(error.contains("no finished run"), "{error}");
    let folder = folder_of_a_run();
    let data =
        load(&Source::Embedded, &LoadOptions { cache_dir: None, ..LoadOptions::default() }).expect("the embedded set");
    let run = Finished::read(folder.path()).expect("a run").run;
    let error = check_data(&run, &data).expect_err("other data").to_string();
    assert!(error.contains("--data") && error.contains("00ff"), "{error}");
    let error = finish(empty.path(), &of_records(&test_split())).expect_err("nothing there").to_string();
    assert!(error.contains("the run is finished") && error.contains("experiments report --run"), "{error}");
}

#[test]
fn atoms_on_one_point_do_not_spoil_the_report() {
    let folder = folder_of_a_run();
    let path = folder.path().join("generated.jsonl");
    let fused = rock_salt("Cs", 3.5);
    let mut sites = fused.sites().to_vec();
    sites[1].frac_coords = sites[0].frac_coords;
    let fused = Structure::allowing_overlap(*fused.lattice(), sites).expect("a structure");
    let mut structures: Vec<_> = io::read_all(&path)
        .expect("a file")
        .into_iter()
        .map(|entry| (entry.id, entry.structure.expect("a structure")))
        .collect();
    structures.push(("CsCl_225_0003_000".to_owned(), fused));
    io::write_all(&path, &structures).expect("structures");
    finish(folder.path(), &of_records(&test_split())).expect("a report");
    let html = std::fs::read_to_string(folder.path().join(FILE)).expect("a page");
    assert!(html.contains("KCl") && !html.contains("CsCl_225"));
}
