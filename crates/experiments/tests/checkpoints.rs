//! Networks that were trained elsewhere: what a run takes of them, and what it does not.

mod common;

use std::path::{Path, PathBuf};

use common::{contents, experiments, successful};
use crystal_core::SiteMode;
use datasets::{DataSet, LoadOptions, Source, load};
use druse::config::{DataConfig, TrainConfig, parse_ron};
use druse::{DeviceName, Provenance};
use serde_json::Value;
use training::Exchange;

/// Table 1 in small, with its own choice of the data.
fn config(folder: &Path, min_space_group: u8) -> PathBuf {
    let text = format!(
        "(data: (min_space_group: {min_space_group}, symprec: 0.1), sampling: (steps_per_level: 1), n_samples: 6, \
         calibration: (n_structures: 4, draws: 1), bootstrap: 2)"
    );
    let file = folder.join("table1.ron");
    std::fs::write(&file, text).expect("a file");
    file
}

/// Twelve crystals of high symmetry and six monoclinic ones, in each split.
fn write_data(folder: &Path) -> PathBuf {
    let elements = ["Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba", "Mn", "Fe", "Co", "Ni"];
    let data = folder.join("data");
    std::fs::create_dir(&data).expect("a folder");
    for (split, anion) in [("train", "O"), ("val", "S"), ("test", "Se")] {
        let cubic = elements.iter().zip(0_u8..).map(|(cation, index)| {
            let half = 2.2 + 0.05 * f64::from(index);
            let lattice = format!("0 {half} {half} {half} 0 {half} {half} {half} 0");
            format!("{cation}{anion},{lattice},{cation} {anion},0 0 0 0.5 0.5 0.5\n")
        });
        // Two sites on mirror planes: Pm, number 6.
        let monoclinic = elements[..6].iter().zip(0_u8..).map(|(cation, index)| {
            let a = 3.6 + 0.1 * f64::from(index);
            format!("{cation}{anion}-m,{a} 0 0 0 3.9 0 -0.7 0 4.4,{cation} {anion},0 0 0 0.41 0.5 0.62\n")
        });
        let rows: String = cubic.chain(monoclinic).collect();
        let table = format!("material_id,lattice,species,frac_coords\n{rows}");
        std::fs::write(data.join(format!("{split}.csv")), table).expect("a file");
    }
    data
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The example model after three steps on the embedded prototypes from space group 16 on.
fn trained(folder: &Path, mode: SiteMode) -> PathBuf {
    let text = "(model: Example((width: 8, n_radial: 4, n_levels: 10, seed: 0)), training: (optimiser: (steps: 3, batch_size: 4)))";
    let config = TrainConfig { mode, ..parse_ron(text, "example").expect("a configuration") };
    assert_eq!(config.data, DataConfig::default());
    let options =
        LoadOptions { min_space_group: config.data.min_space_group, cache_dir: None, ..LoadOptions::default() };
    let data: DataSet = load(&Source::Embedded, &options).expect("the embedded structures load");
    let devices = DeviceName::Cpu.open_several(1, Exchange::Host).expect("the processor");
    let provenance = Provenance::of(&data, 0, DeviceName::Cpu);
    let folder = folder.join(format!("example-{mode:?}"));
    let run = druse::training::train(&config, &data, &provenance, &devices, &folder, false, &mut |_| ());
    run.expect("a run").checkpoint
}

#[test]
fn table1_refuses_a_network_of_the_other_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let wyckoff = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/weights/mp20-wyckoff.safetensors");
    let config = config(folder.path(), 16);
    let mut command = experiments(folder.path());
    command.args(["table1", "--name", "run", "--config"]).arg(&config).arg("--out").arg(folder.path());
    let output = command.arg("--checkpoint").arg(&wyckoff).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("mp20-wyckoff.safetensors") && said.contains("was trained with sites on Wyckoff positions"),
        "{said}"
    );
    assert!(!folder.path().join("run").exists(), "nothing is written before a command is refused");
}

#[test]
fn the_run_chooses_what_it_is_measured_on_not_the_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, checkpoint) = (write_data(folder.path()), trained(folder.path(), SiteMode::General));
    let run = |name: &str, min_space_group: u8| {
        let config = config(folder.path(), min_space_group);
        let mut command = experiments(folder.path());
        command.args(["table1", "--name", name, "--config"]).arg(config).arg("--out").arg(folder.path());
        successful(command.arg("--data").arg(&data).arg("--checkpoint").arg(&checkpoint));
        let table: Value = serde_json::from_str(&read(&folder.path().join(name).join("table1.json"))).expect("JSON");
        (table["reference"]["n_structures"].clone(), table)
    };
    // The checkpoint was trained on space groups from 16 on.
    assert_eq!(run("high", 16).0, 12);
    let (all, table) = run("all", 1);
    assert_eq!(all, 18);

    // What was not trained here is not in the configuration, and the run's provenance names the data it measured on.
    let all = folder.path().join("all");
    let resolved = read(&all.join("config.ron"));
    assert!(resolved.contains("train: None") && resolved.contains("min_space_group: 1,"), "{resolved}");
    assert!(!resolved.contains("optimiser") && !all.join("training.state").exists() && !all.join("loss.csv").exists());
    let provenance: Value = serde_json::from_str(&read(&all.join("run.json"))).expect("JSON");
    assert_eq!((&provenance["data"], &provenance["data_sha256"]), (&"data".into(), &table["data"]["sha256"]));
    assert!(read(&all.join("table1.txt")).contains("example-model of checkpoint"), "the note names the network");
}

#[test]
fn the_compiled_in_reference_is_refused_for_another_choice() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path(), 1);
    let mut command = experiments(folder.path());
    let output =
        command.args(["table1", "--name", "run", "--config"]).arg(config).arg("--out").arg(folder.path()).output();
    let said = String::from_utf8_lossy(&output.expect("the program starts").stderr).into_owned();
    assert!(
        said.contains("min_space_group: 16") && said.contains("min_space_group: 1,") && said.contains("--data DIR"),
        "{said}"
    );
}

#[test]
fn the_example_model_predicts_structures() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoint = trained(folder.path(), SiteMode::Wyckoff);
    let config = folder.path().join("csp.ron");
    let text = "(n_structures: 2, tries: 1, reference: Test, data: (min_space_group: 1, symprec: 0.1), given: [Letters, Formula], \
                samplers: [(name: \"few-step-8\", sampling: (method: FewStep((evaluations: 8))))])";
    std::fs::write(&config, text).expect("a file");
    let csp = |name: &str, checkpoint: &Path| {
        let mut command = experiments(folder.path());
        command.args(["csp", "--name", name, "--config"]).arg(&config).arg("--out").arg(folder.path());
        command.arg("--checkpoint").arg(checkpoint);
        command
    };
    successful(&mut csp("run", &checkpoint));
    let document: Value = serde_json::from_str(&read(&folder.path().join("run/csp.json"))).expect("JSON");
    assert_eq!(document["rows"].as_array().map(Vec::len), Some(3));
    assert_eq!(document["checkpoint"], checkpoint.display().to_string());

    let general = trained(folder.path(), SiteMode::General);
    let output = csp("other", &general).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("was trained with sites that go anywhere"));
    assert!(!folder.path().join("other").exists());
}

#[test]
fn an_interrupted_run_is_gone_on_with_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let tiny = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/tiny.ron"));
    let config = folder.path().join("tiny.ron");
    let command = |text: &str| {
        std::fs::write(&config, text).expect("a file");
        let mut command = experiments(folder.path());
        command.args(["table1", "--train", "--name", "run", "--config"]).arg(&config).arg("--out").arg(folder.path());
        command
    };
    // A run whose training was done and that was stopped before its table.
    let short = tiny.replace("steps: 30", "steps: 4").replace("n_samples: 24", "n_samples: 6");
    successful(&mut command(&short));
    let run = folder.path().join("run");
    std::fs::remove_file(run.join("table1.json")).expect("it was there");
    let before = contents(&run);
    let output = command(&short).output().expect("the program starts");
    assert!(String::from_utf8_lossy(&output.stderr).contains("an interrupted run lies there"));
    assert!(contents(&run) == before);
    successful(command(&short).arg("--resume"));
    assert!(run.join("table1.json").exists());
}
