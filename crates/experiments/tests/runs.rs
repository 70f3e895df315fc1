//! Runs of the program that take seconds.

mod common;
#[path = "kills/mod.rs"]
mod kills;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{contents, experiments, successful};
use serde_json::Value;
use training::TensorArchive;

/// Starts a command that must be refused. Returns what it says.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = experiments(folder).args(arguments).arg("--out").arg(folder).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn several_devices_without_training_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for more in [&[][..], &["--preset", "quick"], &["--resume"]] {
        let said = refused(folder.path(), &[&["table1", "--gpus", "2", "--name", "run"], more].concat());
        assert!(said.contains("--gpus 2") && said.contains("add --train"), "{said}");
    }
    // With training the device has the say.
    let said = refused(folder.path(), &["table1", "--gpus", "2", "--name", "run", "--train"]);
    assert!(!said.contains("add --train") && said.contains("cpu"), "{said}");
    assert!(!folder.path().join("run").exists(), "nothing is written before a command is refused");
}

#[test]
fn without_the_training_split_novelty_is_left_out_and_the_reason_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let tiny =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/tiny.ron")).expect("a file");
    // Two structures must be valid.
    let tiny = tiny.replace("n_samples: 24", "n_samples: 6");
    let config = folder.path().join("tiny.ron");
    std::fs::write(&config, tiny).expect("a file");
    successful(
        experiments(folder.path())
            .args(["table1", "--name", "tiny", "--config"])
            .arg(config)
            .arg("--out")
            .arg(folder.path()),
    );
    let text = |name: &str| std::fs::read_to_string(folder.path().join("tiny").join(name)).expect("a file of the run");
    let table: Value = serde_json::from_str(&text("table1.json")).expect("JSON");
    let [this_work, test] = [0, 1].map(|index| &table["further"][index]);
    assert!(
        this_work["uniqueness"].is_number()
            && this_work["novelty"].is_null()
            && this_work["n_not_comparable"].is_number()
    );
    assert!(test["uniqueness"].is_null() && test["novelty"].is_null() && table["n_training_structures"].is_null());
    for name in ["table1.md", "report.html"] {
        assert!(text(name).contains("the training split is not compiled in: give --data DIR"), "{name}");
    }
    let provenance: Value = serde_json::from_str(&text("run.json")).expect("JSON");
    assert_eq!((&provenance["device"], &provenance["data_sha256"]), (&"cpu".into(), &table["data"]["sha256"]));
}

/// A structure prediction in small.
const PREDICTION: &str = "(
    n_structures: 4, tries: 2, reference: Test, data: (min_space_group: 1, symprec: 0.1), given: [Letters, Formula],
    samplers: [(name: \"few-step-12\", sampling: (method: FewStep((evaluations: 12))))],
)";

#[test]
fn structures_are_predicted_and_everything_is_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("prediction.ron");
    std::fs::write(&config, PREDICTION).expect("a file");
    let run = |name: &str| {
        let mut command = experiments(folder.path());
        command.args(["csp", "--name", name, "--config"]).arg(&config).arg("--out").arg(folder.path());
        command
    };
    successful(&mut run("first"));
    let document = |name: &str| -> Value {
        let text = std::fs::read_to_string(folder.path().join(name).join("csp.json")).expect("a file of the run");
        serde_json::from_str(&text).expect("JSON")
    };
    let first = document("first");
    assert_eq!(
        (&first["n_targets"], &first["tries"], &first["provenance"]["device"]),
        (&4.into(), &2.into(), &"cpu".into())
    );
    let rows = first["rows"].as_array().expect("rows");
    let names: Vec<_> = rows.iter().map(|row| (row["given"].as_str(), row["name"].as_str())).collect();
    let expected = [("letters", "random coordinates"), ("letters", "few-step-12"), ("formula", "few-step-12")];
    assert_eq!(names, expected.map(|(given, name)| (Some(given), Some(name))));
    for row in rows {
        let count = |key: &str| row["symmetry"][key].as_u64().expect("a count");
        let lost = row["given_up"].as_u64().expect("a count");
        assert_eq!(count("same") + count("supergroup") + count("other") + count("unknown") + lost, 8, "{row}");
        assert_eq!(count("other"), 0, "a group that is none of the one asked for: {row}");
        let bins = row["by_free_parameters"].as_array().expect("bins");
        assert_eq!(bins.iter().map(|bin| bin[1]["targets"].as_u64().expect("a count")).sum::<u64>(), 4);
    }
    // Prototypes are what the network knows best.
    assert!(rows[1]["overall"]["best_of"].as_f64().expect("a share") > 0.0, "{}", rows[1]);
    for name in [
        "csp.txt",
        "csp.md",
        "config.ron",
        "command.txt",
        "letters-few-step-12.jsonl.zst",
        "formula-few-step-12.jsonl.zst",
    ] {
        assert!(folder.path().join("first").join(name).exists(), "{name}");
    }
    // The same seed gives the same structures.
    successful(&mut run("second"));
    let mut second = document("second");
    let timeless = |document: &mut Value| {
        for row in document["rows"].as_array_mut().expect("rows") {
            row["structures_per_second"] = Value::Null;
        }
    };
    let mut first = first;
    timeless(&mut first);
    timeless(&mut second);
    assert_eq!(first, second);
    let said = refused(folder.path(), &["csp", "--name", "first", "--config", config.to_str().expect("a path")]);
    assert!(said.contains("a finished run lies there already"), "{said}");
    // An interrupted run goes on where it was, and nowhere else.
    let second_run = folder.path().join("second");
    std::fs::remove_file(second_run.join("csp.json")).expect("a file of the run");
    std::fs::remove_file(second_run.join("formula-few-step-12.json")).expect("a file of the run");
    let kept = second_run.join("letters-few-step-12.json");
    let mut row: Value =
        serde_json::from_str(&std::fs::read_to_string(&kept).expect("a file of the run")).expect("JSON");
    row["redraws"] = 1_234.into();
    std::fs::write(&kept, row.to_string()).expect("a file");
    let same = ["csp", "--name", "second", "--config", config.to_str().expect("a path")];
    let said = refused(folder.path(), &same);
    assert!(said.contains("an interrupted run lies there") && said.contains("--resume"), "{said}");
    let before = contents(&second_run);
    let said = refused(folder.path(), &[&same[..], &["--resume", "--seed", "1"]].concat());
    assert!(said.contains("another configuration, checkpoint, seed"), "{said}");
    assert!(contents(&second_run) == before, "a refused run changes nothing");
    successful(run("second").arg("--resume"));
    let mut resumed = document("second");
    timeless(&mut resumed);
    assert_eq!(resumed["rows"][1]["redraws"], 1_234, "a finished row is not made again");
    assert_eq!(resumed["rows"][2], first["rows"][2]);
    let said = refused(folder.path(), &["csp", "--name", "other", "--preset", "huge"]);
    assert!(said.contains("there is no preset 'huge'"), "{said}");
}

#[test]
fn shards_of_a_prediction_are_the_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("prediction.ron"), PREDICTION.replace("n_structures: 4", "n_structures: 3")).expect("a file");
    let run = |name: &str, shard: &str, more: &[&str]| {
        let mut command = experiments(folder.path());
        command.args(["csp", "--name", name, "--seed", "2", "--config"]).arg(place("prediction.ron"));
        command.args(if shard.is_empty() { vec![] } else { vec!["--shard", shard] }).args(more);
        command.arg("--out").arg(folder.path());
        command
    };
    let merge = |names: &[&str], out: &str| {
        let mut command = experiments(folder.path());
        command.arg("merge").args(names.iter().map(|name| place(name))).arg("--out").arg(place(out));
        command
    };
    successful(&mut run("whole", "", &[]));
    successful(&mut run("one", "1/2", &[]));
    let refusal = |command: &mut Command| {
        let output = command.output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refusal(&mut merge(&["one"], "joined")).contains("2/2 is missing"));
    assert!(refusal(&mut run("one", "1/2", &["--resume"])).contains("a finished run"));
    assert!(refusal(&mut run("one", "3/2", &[])).contains("'3/2'"));
    successful(&mut run("two", "2/2", &[]));
    successful(&mut merge(&["two", "one"], "joined"));
    let read = |run: &str, name: &str| std::fs::read(place(run).join(name)).unwrap_or_else(|_| panic!("{run}/{name}"));
    for name in ["letters-few-step-12.jsonl.zst", "formula-few-step-12.jsonl.zst", "config.ron", "run.json"] {
        assert!(read("joined", name) == read("whole", name), "{name}");
    }
    let timeless = |run: &str| {
        let mut document: Value = serde_json::from_slice(&read(run, "csp.json")).expect("JSON");
        for row in document["rows"].as_array_mut().expect("rows") {
            row["structures_per_second"] = row["structures_per_second"].is_null().into();
        }
        document
    };
    assert_eq!(timeless("joined"), timeless("whole"));
    let names = |run: &str| contents(&place(run)).into_keys().map(|path| path.file_name().map(ToOwned::to_owned));
    assert_eq!(names("joined").collect::<Vec<_>>(), names("whole").collect::<Vec<_>>());
}

/// Rock salts with an 'energy' that follows from elements and size, a table for each split.
fn write_data(folder: &Path) {
    let mut rows: [String; 3] = Default::default();
    let cations = [("Li", -0.1), ("Na", 0.0), ("K", 0.1), ("Mg", -0.7), ("Ca", -0.9), ("Sr", -0.8)];
    let anions = [("F", -2.0), ("Cl", -1.0), ("O", -1.5), ("S", -0.4)];
    for (i, (cation, of_cation)) in cations.iter().enumerate() {
        for (j, (anion, of_anion)) in anions.iter().enumerate() {
            let half = 2.3 + 0.1 * i as f64 + 0.05 * j as f64;
            let energy = of_cation + of_anion + 0.1 * half;
            let split = match (i + j) % 4 {
                3 if i % 2 == 0 => 1,
                3 => 2,
                _ => 0,
            };
            rows[split] += &format!(
                "{cation}{anion},0 {half} {half} {half} 0 {half} {half} {half} 0,{cation} {anion},0 0 0 0.5 0.5 0.5,{energy}\n"
            );
        }
    }
    for (name, rows) in ["train", "val", "test"].iter().zip(rows) {
        let table = format!("material_id,lattice,species,frac_coords,formation_energy_per_atom\n{rows}");
        std::fs::write(folder.join(format!("{name}.csv")), table).expect("a file");
    }
}

/// A row that an earlier leg has finished is read; a finished run is measured with other weights for FD CGCNN.
#[test]
fn rows_of_table_1_are_kept_and_measured_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir(place("data")).expect("a folder");
    write_data(&place("data"));
    let config = "(data: (min_space_group: 16, symprec: 0.1), sampling: (method: FewStep((evaluations: 8))), \
                  samplers: [(name: \"few\", sampling: (method: FewStep((evaluations: 4))))], n_samples: 6, \
                  calibration: (n_structures: 4, draws: 1), bootstrap: 2)";
    std::fs::write(place("table1.ron"), config).expect("a file");
    let run = |name: &str, more: &[&str]| {
        let mut command = experiments(folder.path());
        command.current_dir(folder.path()).args(["table1", "--name", name, "--config", "table1.ron", "--data", "data"]);
        command.args(more).args(["--out", "."]);
        command
    };
    let refusal = |name: &str, more: &[&str]| {
        let output = run(name, more).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = |path: &str| std::fs::read_to_string(place(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let document = |path: &str| -> Value { serde_json::from_str(&text(path)).expect("JSON") };
    successful(&mut run("t", &[]));
    let first = document("t/table1.json");
    assert_eq!(first["kept"], serde_json::json!({}));

    // Interrupted before the second row was whole. The first is not sampled again: what its record says is told.
    std::fs::remove_file(place("t/table1.json")).expect("it was there");
    std::fs::remove_file(place("t/few/sampled.json")).expect("it was there");
    let mut record = document("t/sampled.json");
    record["redraws"][0] = 1_234.into();
    record["provenance"]["git"] = "0123abc".into();
    std::fs::write(place("t/sampled.json"), record.to_string()).expect("a file");
    let interrupted = contents(&place("t"));
    assert!(refusal("t", &["--resume", "--seed", "1"]).contains("another configuration or seed"));
    assert!(contents(&place("t")) == interrupted, "a refused run changes nothing");
    successful(&mut run("t", &["--resume"]));
    let resumed = document("t/table1.json");
    assert_eq!(
        resumed["kept"].as_object().map(|kept| kept.keys().collect::<Vec<_>>()),
        Some(vec![&"this work".to_owned()])
    );
    let note = resumed["rows"][0]["note"].as_str().expect("a note");
    assert!(
        note.contains("1234 draws") && note.ends_with("structures kept from an earlier leg on cpu, git 0123abc"),
        "{note}"
    );
    assert_eq!(resumed["rows"][0]["measured"], first["rows"][0]["measured"]);
    assert_eq!(resumed["rows"][1], first["rows"][1]);

    // With other weights: the figures of a run that had them from the start, and the run itself stays as it is.
    let mut cgcnn = experiments(folder.path());
    cgcnn.current_dir(folder.path()).args(["cgcnn", "--epochs", "1", "--batch-size", "6", "--data", "data"]);
    successful(cgcnn.args(["--out", "weights"]));
    let weights = ["--cgcnn-weights", "weights/cgcnn.safetensors"];
    successful(&mut run("whole", &weights));
    let before = contents(&place("t"));
    assert!(
        refusal("t", &[&weights[..], &["--resume", "--seed", "1"]].concat()).contains("another configuration, seed")
    );
    let again = || successful(&mut run("t", &[&weights[..], &["--resume"]].concat()));
    again();
    let after = contents(&place("t"));
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)), "the finished run was changed");
    let whole = document("whole/table1.json");
    let sha256 = whole["cgcnn"]["sha256"].as_str().expect("a hash");
    let beside = format!("t/cgcnn-{}/table1.json", &sha256[..12]);
    let measured = document(&beside);
    assert_eq!(measured["kept"].as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(measured["cgcnn"]["sha256"], whole["cgcnn"]["sha256"]);
    for row in 0..2 {
        assert_eq!(measured["rows"][row]["measured"], whole["rows"][row]["measured"]);
        let cgcnn = |table: &Value| table["rows"][row]["measured"]["fd_cgcnn"]["value"].clone();
        assert_ne!(cgcnn(&measured), cgcnn(&first));
    }
    again();
    assert!(contents(&place("t")) == after, "it was measured before");

    // What the run did not sample, it does not measure again.
    std::fs::remove_dir_all(place(&beside).parent().expect("a folder")).expect("removed");
    std::fs::remove_file(place("t/few/sampled.json")).expect("it was there");
    let said = refusal("t", &[&weights[..], &["--resume"]].concat());
    assert!(said.contains("did not sample 'few'"), "{said}");
}

#[test]
fn a_killed_cgcnn_training_goes_on_to_the_same_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    write_data(&data);
    let command = |out: &str, more: &[&str]| {
        let mut command = experiments(folder.path());
        command.args(["cgcnn", "--epochs", "25", "--batch-size", "6", "--data"]).arg(&data);
        command.arg("--out").arg(folder.path().join(out)).args(more);
        command
    };
    successful(&mut command("whole", &[]));

    let state = folder.path().join("killed/training.state");
    let mut child =
        command("killed", &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    while !state.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended without a training state");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("a child");
    child.wait().expect("a child");
    assert!(!folder.path().join("killed/result.json").exists(), "it was stopped before its end");

    let said = |more: &[&str]| {
        let output = command("killed", more).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(said(&[]).contains("--resume"));
    let config = std::fs::read(folder.path().join("killed/config.ron")).expect("a file");
    let other = said(&["--resume", "--seed", "1"]);
    assert!(other.contains("another run") && other.contains("training.state"), "{other}");
    assert_eq!(
        std::fs::read(folder.path().join("killed/config.ron")).expect("a file"),
        config,
        "a refused run changes nothing"
    );
    successful(&mut command("killed", &["--resume"]));

    let text =
        |run: &str, name: &str| std::fs::read_to_string(folder.path().join(run).join(name)).expect("a file of the run");
    assert_eq!(text("killed", "epochs.csv"), text("whole", "epochs.csv"));
    let weights = |run: &str| {
        TensorArchive::load(&folder.path().join(run).join("cgcnn.safetensors")).expect("the weights of the run").tensors
    };
    assert!(weights("killed") == weights("whole"), "the weights are others");
    let figures = |run: &str| {
        let mut figures: Value = serde_json::from_str(&text(run, "result.json")).expect("JSON");
        figures.as_object_mut().expect("figures").remove("seconds");
        figures
    };
    assert_eq!(figures("killed"), figures("whole"));
    assert!(said(&["--resume"]).contains("a finished run lies there"));
}
