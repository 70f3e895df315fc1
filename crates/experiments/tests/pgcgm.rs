//! PGCGM's commands on the embedded structures.

mod common;

use common::{contents, experiments, successful};
use serde_json::Value;

const CONFIG: &str = "(
    model: (elements: Extended, joint: true),
    training: (steps: 2, batch_size: 2, critic_steps: 1, measure_every: 1, moment_batches: 1),
    measure: (count: 1, most_draws: 2, reference: 4),
    symprec: 0.1,
)";

#[test]
fn a_training_goes_on_and_its_checkpoint_is_drawn_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("tiny.ron");
    std::fs::write(&config, CONFIG).expect("a file");
    let run = folder.path().join("run");
    let train = |more: &[&str]| {
        let mut command = experiments(folder.path());
        command.args(["pgcgm", "train", "--limit", "200", "--config"]).arg(&config).arg("--out").arg(&run).args(more);
        command
    };
    let json = |path: &std::path::Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
    };
    successful(&mut train(&["--steps", "1"]));
    assert_eq!(json(&run.join("result.json"))["is_finished"], true, "one of one step");
    let before = contents(&run);
    let output = train(&[]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("--resume"), "{said}");
    assert_eq!(contents(&run), before, "what was refused changed nothing");
    successful(&mut train(&["--resume"]));
    assert_eq!(json(&run.join("result.json"))["last"]["step"], 2);
    let curve = std::fs::read_to_string(run.join("curve.csv")).expect("a curve");
    assert_eq!(curve.lines().count(), 3, "a header and two points");
    let other = train(&["--resume", "--seed", "7"]).output().expect("the program starts");
    assert!(String::from_utf8_lossy(&other.stderr).contains("the training state of another run"));

    let samples = folder.path().join("samples");
    let mut sample = experiments(folder.path());
    sample.args(["pgcgm", "sample", "--count", "1", "--draws", "3", "--seed", "4", "--checkpoint"]);
    sample.arg(run.join("pgcgm.safetensors")).arg("--out").arg(&samples);
    let output = successful(&mut sample);
    let told = json(&samples.join("yield.json"));
    let stages = told["yield"].as_object().expect("stages");
    let candidates = stages["candidates"].as_u64().expect("a number");
    let ended: u64 = stages.values().filter_map(Value::as_u64).sum::<u64>() - candidates;
    assert_eq!((candidates, ended), (3 * told["draws"].as_u64().expect("a number"), candidates));
    assert!(String::from_utf8_lossy(&output.stdout).contains("two elements on one point"));
    assert!(samples.join("structures.jsonl").is_file());
}
