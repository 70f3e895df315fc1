//! Experiments killed on their way (SIGKILL), on a full disk, and in a folder that cannot be written.

use std::path::Path;

use serde_json::Value;
#[cfg(target_os = "linux")]
use serde_json::json;
use test_support::robustness::kill_again_and_again;
#[cfg(target_os = "linux")]
use test_support::robustness::{SmallDisk, tell};

use super::PREDICTION;
use super::common::{contents, experiments, successful};

/// Files of a finished run that are the same in every run: without those that hold times (JSON is compared by itself)
/// or the provenance of each leg of a training.
fn timeless_files(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    const OTHERS: [&str; 8] = ["json", "txt", "md", "html", "log", "state", "safetensors", "partial"];
    let files = contents(folder).into_iter().filter(|(path, _)| {
        let ending = path.extension().unwrap_or_default();
        !OTHERS.iter().any(|other| ending == *other)
    });
    files.map(|(path, (_, bytes))| (path.strip_prefix(folder).expect("below").display().to_string(), bytes)).collect()
}

/// A JSON document without what differs from run to run.
fn timeless_document(path: &Path) -> Value {
    fn clear(value: &mut Value) {
        match value {
            Value::Object(object) => {
                object.retain(|key, _| key != "seconds" && key != "structures_per_second");
                object.values_mut().for_each(clear);
            }
            Value::Array(values) => values.iter_mut().for_each(clear),
            _ => {}
        }
    }
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut document = serde_json::from_str(&text).expect("JSON");
    clear(&mut document);
    document
}

/// Kills an experiment at random points; what goes on with `--resume` ends with the results of an uninterrupted run.
fn kill_experiment(experiment: &str, config: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.ron");
    std::fs::write(&file, config).expect("a file");
    let run = |name: &str| {
        let mut command = experiments(folder.path());
        command.args([experiment, "--name", name, "--config"]).arg(&file).arg("--out").arg(folder.path());
        command
    };
    let start = std::time::Instant::now();
    successful(&mut run("whole"));
    let time = start.elapsed();
    let result = format!("{experiment}.json");
    let whole = folder.path().join("whole");
    let (expected, document) = (timeless_files(&whole), timeless_document(&whole.join(&result)));
    kill_again_and_again(
        &format!("experiments {experiment}"),
        time,
        |index| run(&format!("killed{index}")),
        |index, _| {
            let name = format!("killed{index}");
            let killed = folder.path().join(&name);
            if killed.join(&result).exists() {
                // The result is written last: where it stands, everything does.
                assert_eq!(timeless_document(&killed.join(&result)), document, "a result that looks whole");
            } else {
                successful(run(&name).arg("--resume"));
            }
            assert_eq!(timeless_document(&killed.join(&result)), document);
            let found = timeless_files(&killed);
            assert!(!expected.is_empty());
            for (name, bytes) in &expected {
                assert!(found.get(name) == Some(bytes), "{name} of the resumed run is another");
            }
        },
    );
}

/// A Table 1 of six structures.
fn table() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/tiny.ron");
    std::fs::read_to_string(path).expect("a file").replace("n_samples: 24", "n_samples: 6")
}

#[test]
fn kill_csp() {
    kill_experiment("csp", PREDICTION);
}

#[test]
fn kill_table1() {
    kill_experiment("table1", &table());
}

/// A run that finds no room ends with a message that names the file and the reason, and leaves no result.
#[cfg(target_os = "linux")]
#[test]
fn full_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = SmallDisk::new(folder.path(), 16);
    let all = [("csp", PREDICTION.to_owned()), ("table1", table())];
    for (experiment, config) in &all {
        let file = folder.path().join(format!("{experiment}.ron"));
        std::fs::write(&file, config).expect("a file");
        let program = env!("CARGO_BIN_EXE_experiments");
        let line =
            format!("\"{program}\" {experiment} --name {experiment} --config \"{}\" --out small", file.display());
        let output = disk.command(&line).env("DRUSE_CACHE", folder.path()).env_remove("DRUSE_DATA").output();
        let output = output.expect("a shell");
        let (left, message) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{experiment}: {message}");
        assert!(message.contains("small/"), "{experiment}: the message names no file: {message}");
        assert!(message.contains("disk full") || message.contains("choose another"), "{experiment}: {message}");
        assert!(!message.contains("panicked"), "{experiment}: {message}");
        assert!(!left.contains(&format!("{experiment}.json")), "{experiment}: {left}");
    }
    tell(
        "full disk, experiments",
        &json!({"commands": all.len(), "mounted": disk.is_mounted()}),
        &format!("{}: {} experiments, nothing torn", disk.described(), all.len()),
    );
}

/// A folder whose parent is a file, and one on a file system that takes none.
#[cfg(target_os = "linux")]
#[test]
fn unwritable_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").expect("a file");
    let mut n_refused = 0;
    for below in [file.as_path(), Path::new("/proc")] {
        for (experiment, config) in [("csp", PREDICTION.to_owned()), ("table1", table())] {
            let config_file = folder.path().join(format!("{experiment}.ron"));
            std::fs::write(&config_file, config).expect("a file");
            let mut command = experiments(folder.path());
            command.args([experiment, "--name", "run", "--config"]).arg(&config_file).arg("--out").arg(below);
            let output = command.output().expect("the program starts");
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{experiment}: {message}");
            assert!(message.contains(&below.display().to_string()), "{experiment}: {message}");
            assert!(!message.contains("panicked"), "{experiment}: {message}");
            n_refused += 1;
        }
    }
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "not a folder");
    tell(
        "unwritable folder, experiments",
        &json!({"commands": n_refused}),
        &format!("{n_refused} experiments refused, nothing written"),
    );
}

#[cfg(target_os = "linux")]
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
